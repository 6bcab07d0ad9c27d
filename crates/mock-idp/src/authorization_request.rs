//! Authorization requests, parsed (OpenID Connect Core section 3.1.2.1).

use std::time::Duration;

use http::HeaderMap;
use labgate_domain::ForeignText;
use labgate_domain::protocol::{AuthorizationErrorCode, AuthorizationRequest, RedirectUri, State};
use url::form_urlencoded;

use crate::cookie;
use crate::issuer::IssuerCore;
use crate::persona::judge_scopes;
use crate::protocol::{Parameters, Refusal, Session, UnanswerableRequest};

/// The destination of the answer. From here on, errors are redirects.
pub(crate) struct Destination {
    pub(crate) redirect_uri: RedirectUri,
    /// `None` when the request has no usable one.
    pub(crate) state: Option<State>,
}

/// Parses a request: where the answer goes, and what is asked, or why it is refused.
pub(crate) fn parse(
    issuer: &IssuerCore,
    query: &str,
) -> Result<(Destination, Result<Asked, Refusal>), UnanswerableRequest> {
    let parameters = Parameters::parse(query);
    let id = parameters.one("client_id")?.ok_or(UnanswerableRequest::Missing("client_id"))?;
    let client = issuer.client(id).ok_or_else(|| UnanswerableRequest::UnknownClient {
        id: ForeignText::new(id),
        registered: listed(issuer.clients.iter().map(|client| client.id.as_str())),
    })?;
    let state = parameters.one("state").ok().flatten().and_then(|state| State::parse(state).ok());
    let first = client.redirect_uris.first().filter(|_| !issuer.profile.openid);
    let uri = match (parameters.one("redirect_uri")?, first) {
        (Some(uri), _) => uri,
        (None, Some(usual)) => usual.as_str(),
        (None, None) => return Err(UnanswerableRequest::Missing("redirect_uri")),
    };
    let parsed = RedirectUri::parse(uri).ok().filter(|_| issuer.behaviour.allows_redirect(client, uri));
    let (redirect_uri, mismatch) = match (parsed, first) {
        (Some(uri), _) => (uri, None),
        // The error goes to the registered one, whatever is asked.
        (None, Some(usual)) => {
            let code = AuthorizationErrorCode::parse("redirect_uri_mismatch");
            let refusal = Refusal::new(code, "the redirect_uri is not registered for this client");
            (usual.clone(), Some(refusal))
        }
        (None, None) => {
            return Err(UnanswerableRequest::UnregisteredRedirectUri {
                uri: ForeignText::new(uri),
                registered: listed(client.redirect_uris.iter().map(RedirectUri::as_str)),
            });
        }
    };
    let scopes = parameters.first("scope").unwrap_or_default();
    let refused_scopes = judge_scopes(&*issuer.behaviour, &issuer.profile, scopes)?;
    let asked = match mismatch.or(refused_scopes) {
        Some(refusal) => Err(refusal),
        None => Asked::parse(issuer, &redirect_uri, query, &parameters),
    };
    Ok((Destination { redirect_uri, state }, asked))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A request that can be granted, and how the person is to be asked.
pub(crate) struct Asked {
    pub(crate) request: AuthorizationRequest,
    pub(crate) login_hint: Option<String>,
    /// `prompt=none`: no page may be shown.
    pub(crate) silent: bool,
    /// The highest age of the person's sign-in; matters only to a silent request, for every other one asks
    /// anew.
    max_age: Option<Duration>,
}

impl Asked {
    fn parse(
        issuer: &IssuerCore,
        redirect_uri: &RedirectUri,
        query: &str,
        parameters: &Parameters,
    ) -> Result<Self, Refusal> {
        for (name, code) in [
            ("request", AuthorizationErrorCode::RequestNotSupported),
            ("request_uri", AuthorizationErrorCode::parse("request_uri_not_supported")),
        ] {
            if parameters.one(name)?.is_some() {
                return Err(Refusal::new(code, format!("the parameter {name} is not supported")));
            }
        }
        let request = if issuer.profile.openid {
            AuthorizationRequest::from_query(query)?
        } else {
            AuthorizationRequest::from_query(&as_openid(parameters, redirect_uri))?
        };
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
    pub(crate) fn suitable_session(&self, issuer: &IssuerCore, headers: &HeaderMap) -> Option<Session> {
        let session = issuer.ledger().session(cookie::read(headers)?)?.clone();
        let recent = self.max_age.is_none_or(|limit| issuer.now().since(session.auth_time) <= limit);
        let meant = self.login_hint.as_ref().is_none_or(|hint| session.user.is_hinted_by(hint));
        (recent && meant).then_some(session)
    }
}

/// A request of plain OAuth 2.0 with what OpenID Connect wants besides, which nothing looks at.
fn as_openid(parameters: &Parameters, redirect_uri: &RedirectUri) -> String {
    let own = ["response_type", "redirect_uri", "scope", "nonce"];
    let kept = parameters.pairs().filter(|(name, _)| !own.contains(name));
    // At GitHub commas separate scopes as well as spaces do.
    let scope = format!("openid {}", parameters.first("scope").unwrap_or_default().replace(',', " "));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("response_type", parameters.first("response_type").unwrap_or("code"))
        .append_pair("redirect_uri", redirect_uri.as_str())
        .append_pair("scope", scope.trim())
        .append_pair("nonce", "none")
        .finish()
}
