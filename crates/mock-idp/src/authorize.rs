//! The authorization endpoint (OpenID Connect Core section 3.1.2).

use std::time::Duration;

use http::HeaderMap;
use labgate_domain::ForeignText;
use labgate_domain::protocol::{
    AuthorizationErrorCode, AuthorizationRequest, MalformedRequest, RedirectUri, State,
};

use crate::faults::Stage;
use crate::issuer::{Endpoint, IssuerCore};
use crate::ledger::Session;
use crate::parameters::{Duplicate, Parameters};
use crate::reply::{self, Response};
use crate::{callback, cookie, login, pages};

/// Why an authorization request is answered with a page instead of a redirect: nothing may be sent to a redirect URI
/// before it is known to be the client's (RFC 6749 section 4.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnanswerableRequest {
    /// A parameter that says where the answer goes is missing.
    #[error("The parameter {0} is missing.")]
    Missing(&'static str),
    /// Such a parameter came twice.
    #[error("The parameter {0} is there twice.")]
    Duplicate(&'static str),
    /// No such client.
    #[error("The client {id} is not registered here. Registered are: {registered}.")]
    UnknownClient {
        /// The id that was sent.
        id: ForeignText,
        /// The ids that would do.
        registered: String,
    },
    /// Another redirect URI than those of the client.
    #[error(
        "The redirect URI {uri} is not registered for this client. It is compared byte for byte; registered are: {registered}."
    )]
    UnregisteredRedirectUri {
        /// The URI that was sent.
        uri: ForeignText,
        /// The URIs that would do.
        registered: String,
    },
    /// The URL is not this mock's authorization endpoint.
    #[error("The URL is not the authorization endpoint of an issuer of this mock.")]
    NotOurs,
    /// Nobody of this name can sign in.
    #[error("There is no user {0} here.")]
    UnknownUser(ForeignText),
}

impl From<Duplicate> for UnanswerableRequest {
    fn from(Duplicate(parameter): Duplicate) -> Self {
        Self::Duplicate(parameter)
    }
}

/// Where the answer goes. From here on, errors are redirects.
pub(crate) struct Destination {
    pub(crate) redirect_uri: RedirectUri,
    /// `None` when the request has no usable one.
    pub(crate) state: Option<State>,
}

impl Destination {
    pub(crate) fn of(issuer: &IssuerCore, query: &str) -> Result<Self, UnanswerableRequest> {
        let parameters = Parameters::parse(query);
        let id = parameters.one("client_id")?.ok_or(UnanswerableRequest::Missing("client_id"))?;
        let client = issuer.client(id).ok_or_else(|| UnanswerableRequest::UnknownClient {
            id: ForeignText::new(id),
            registered: listed(issuer.clients.iter().map(|client| client.id.as_str())),
        })?;
        let uri = parameters.one("redirect_uri")?.ok_or(UnanswerableRequest::Missing("redirect_uri"))?;
        let registered = client.redirect_uris.iter().find(|known| known.as_str() == uri);
        let redirect_uri = registered.ok_or_else(|| UnanswerableRequest::UnregisteredRedirectUri {
            uri: ForeignText::new(uri),
            registered: listed(client.redirect_uris.iter().map(RedirectUri::as_str)),
        })?;
        let state = parameters.one("state").ok().flatten().and_then(|state| State::parse(state).ok());
        Ok(Self { redirect_uri: redirect_uri.clone(), state })
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// An error that goes to the redirect URI.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: AuthorizationErrorCode,
    pub(crate) description: String,
}

impl Refusal {
    pub(crate) fn new(code: AuthorizationErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    fn invalid(description: impl Into<String>) -> Self {
        Self::new(AuthorizationErrorCode::InvalidRequest, description)
    }
}

impl From<Duplicate> for Refusal {
    fn from(duplicate: Duplicate) -> Self {
        Self::invalid(duplicate.to_string())
    }
}

impl From<MalformedRequest> for Refusal {
    fn from(malformed: MalformedRequest) -> Self {
        let code = match malformed {
            MalformedRequest::UnsupportedResponseType => AuthorizationErrorCode::UnsupportedResponseType,
            MalformedRequest::NotOpenId => AuthorizationErrorCode::InvalidScope,
            MalformedRequest::Missing(_)
            | MalformedRequest::Duplicate(_)
            | MalformedRequest::Malformed(_)
            | MalformedRequest::UnsupportedChallengeMethod => AuthorizationErrorCode::InvalidRequest,
        };
        Self::new(code, malformed.to_string())
    }
}

/// A request that can be granted, and how the person is to be asked.
pub(crate) struct Asked {
    pub(crate) request: AuthorizationRequest,
    pub(crate) login_hint: Option<String>,
    /// `prompt=none`: no page may be shown.
    silent: bool,
    /// How long ago the person may have signed in; matters only to a silent request, for every other one asks anew.
    max_age: Option<Duration>,
}

impl Asked {
    pub(crate) fn parse(query: &str) -> Result<Self, Refusal> {
        let parameters = Parameters::parse(query);
        for (name, code) in [
            ("request", AuthorizationErrorCode::RequestNotSupported),
            ("request_uri", AuthorizationErrorCode::parse("request_uri_not_supported")),
        ] {
            if parameters.one(name)?.is_some() {
                return Err(Refusal::new(code, format!("the parameter {name} is not supported")));
            }
        }
        let request = AuthorizationRequest::from_query(query)?;
        if parameters.one("response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(Refusal::invalid("the only response_mode is query"));
        }
        let prompts: Vec<&str> = parameters.one("prompt")?.unwrap_or_default().split(' ').collect();
        let silent = prompts.contains(&"none");
        if silent && prompts.len() > 1 {
            return Err(Refusal::invalid("prompt=none stands alone"));
        }
        let max_age = match parameters.one("max_age")?.map(str::parse) {
            None => None,
            Some(Ok(seconds)) => Some(Duration::from_secs(seconds)),
            Some(Err(_)) => return Err(Refusal::invalid("max_age is not a number of seconds")),
        };
        let login_hint = parameters.one("login_hint")?.map(str::to_owned);
        Ok(Self { request, login_hint, silent, max_age })
    }

    /// The session that answers a silent request.
    fn session_that_will_do(&self, issuer: &IssuerCore, headers: &HeaderMap) -> Option<Session> {
        let session = issuer.ledger().session(cookie::read(headers)?)?.clone();
        let recent = self.max_age.is_none_or(|limit| issuer.now().since(session.auth_time) <= limit);
        let meant = self.login_hint.as_ref().is_none_or(|hint| session.user.is_hinted_by(hint));
        (recent && meant).then_some(session)
    }
}

/// Answers an authorization request: with the login page, or for `prompt=none` at once.
///
/// The page comes even when the browser has a session: a mock is there to choose who to be. That satisfies `prompt=login`,
/// `prompt=select_account` and any `max_age` as well.
pub(crate) fn answer(issuer: &IssuerCore, query: &str, headers: &HeaderMap) -> Response {
    let to = match Destination::of(issuer, query) {
        Ok(to) => to,
        Err(problem) => return pages::unanswerable(&problem),
    };
    let refused = |refusal| {
        let faults = issuer.take_faults(Stage::Callback);
        reply::see_other(&callback::refused(issuer, &to, refusal, &faults))
    };
    let asked = match Asked::parse(query) {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    if !asked.silent {
        let action = format!("{}?{query}", issuer.path_of(Endpoint::Login));
        return pages::login(issuer, &asked, &action, None);
    }
    let Some(session) = asked.session_that_will_do(issuer, headers) else {
        let nobody = "prompt=none, and nobody suitable is signed in";
        return refused(Refusal::new(AuthorizationErrorCode::LoginRequired, nobody));
    };
    reply::see_other(&login::grant(issuer, &to, asked, session, Vec::new()))
}
