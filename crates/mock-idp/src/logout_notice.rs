use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use labgate_domain::protocol::ClientId;
use labgate_token::KeyError;
use url::form_urlencoded;

use crate::faults::Stage;
use crate::issuer::IssuerCore;
use crate::logout_token;
use crate::protocol::Grant;

/// A provider's notice to a client that a session has ended (OpenID Connect Back-Channel Logout 1.0 section
/// 2.5).
#[derive(Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    client_id: ClientId,
    uri: Uri,
    token: String,
    pub(crate) answer: Option<StatusCode>,
}

impl LogoutNotice {
    /// The recipient.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The URL: the client's `backchannel_logout_uri`.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The logout token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The request that brings the token to the client: a POST to its whole URI, with `Host` and the form. It
    /// may be made and sent any number of times.
    #[must_use]
    pub fn request(&self) -> Request<Bytes> {
        let form =
            form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &self.token).finish();
        let mut request = Request::new(Bytes::from(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        let host = self.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        request.headers_mut().extend(host.map(|host| (HOST, host)));
        request
    }

    /// The client's answer: `None` when there was no answer within five seconds, or the notice has not been
    /// sent, as a mock without sockets sends none.
    #[must_use]
    pub fn answer(&self) -> Option<StatusCode> {
        self.answer
    }
}

impl fmt::Debug for LogoutNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogoutNotice({} at {}, answer {:?})", self.client_id, self.uri, self.answer)
    }
}

/// The notices of one request, on their way from its route.
#[derive(Clone)]
pub(crate) struct Notices(pub(crate) Vec<LogoutNotice>);

/// The notices of what ended sessions had granted: one for each client and session, or for each client and
/// person where the session is not named.
pub(crate) fn of(issuer: &IssuerCore, ended: &[Grant]) -> Result<Vec<LogoutNotice>, KeyError> {
    let mut notices = Vec::new();
    if !issuer.supports("backchannel_logout_supported") {
        return Ok(notices);
    }
    for (position, grant) in ended.iter().enumerate() {
        let Some(client) = issuer.client(grant.client.as_str()) else { continue };
        let Some(uri) = &client.backchannel_logout_uri else { continue };
        let says_the_same = |earlier: &Grant| {
            let (client, person) = (&earlier.client, earlier.session.user.subject());
            *client == grant.client && person == grant.session.user.subject()
        };
        if !client.names_the_session && ended.iter().take(position).any(says_the_same) {
            continue;
        }
        let faults = issuer.faults(Stage::Logout, &grant.chosen);
        let token = logout_token::write(issuer, client, grant, &faults)?;
        notices.push(LogoutNotice { client_id: grant.client.clone(), uri: uri.clone(), token, answer: None });
    }
    Ok(notices)
}
