//! The authorization endpoint (OpenID Connect Core section 3.1.2).

use http::HeaderMap;
use labgate_domain::protocol::AuthorizationErrorCode;

use crate::authorization_request::{Asked, Destination};
use crate::faults::Stage;
use crate::issuer::IssuerCore;
use crate::protocol::Refusal;
use crate::reply::{self, Response};
use crate::site::Endpoint;
use crate::{callback, login, pages};

/// Answers an authorization request: with the login page, or for `prompt=none` at once.
///
/// The page comes even when the browser has a session: a mock is there to choose who to be. That satisfies
/// `prompt=login`, `prompt=select_account` and any `max_age` as well.
pub(crate) fn answer(issuer: &IssuerCore, query: &str, headers: &HeaderMap) -> Response {
    let to = match Destination::of(issuer, query) {
        Ok(to) => to,
        Err(problem) => return pages::unanswerable(issuer, &problem),
    };
    let refused = |refusal| {
        let faults = issuer.take_faults(Stage::Callback);
        reply::see_other(&callback::refused(issuer, &to, refusal, &faults))
    };
    let asked = match Asked::parse(issuer, &to, query) {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    if !asked.silent {
        let action = format!("{}?{query}", issuer.path_of(Endpoint::Login));
        return pages::login(issuer, &asked, &action, None);
    }
    let Some(session) = asked.suitable_session(issuer, headers) else {
        let description = "prompt=none, and no suitable person is signed in";
        return refused(Refusal::new(AuthorizationErrorCode::LoginRequired, description));
    };
    reply::see_other(&login::grant(issuer, &to, asked, session, Vec::new()))
}
