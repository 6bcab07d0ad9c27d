//! The authorization endpoint (OpenID Connect Core section 3.1.2).

use http::HeaderMap;
use labgate_domain::protocol::AuthorizationErrorCode;

use crate::faults::Stage;
use crate::issuer::IssuerCore;
use crate::protocol::{Refusal, UnanswerableRequest};
use crate::reply::{self, Response};
use crate::{authorization_request, callback, login, pages};

/// Answers an authorization request: with the login page, or for `prompt=none` at once.
///
/// The page comes even when the browser has a session: a mock is there to choose who to be. That satisfies
/// `prompt=login`, `prompt=select_account` and any `max_age` as well.
pub(crate) fn answer(
    issuer: &IssuerCore,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response, UnanswerableRequest> {
    let (to, asked) = authorization_request::parse(issuer, query)?;
    let refused = |refusal| {
        let faults = issuer.take_faults(Stage::Callback);
        Ok(reply::see_other(&callback::refused(issuer, &to, refusal, &faults)))
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    if !asked.silent {
        return Ok(pages::login(issuer, &asked, query, None));
    }
    let Some(session) = asked.suitable_session(issuer, headers) else {
        let description = "prompt=none, and no suitable person is signed in";
        return refused(Refusal::new(AuthorizationErrorCode::LoginRequired, description));
    };
    Ok(reply::see_other(&login::grant(issuer, &to, asked, session, Vec::new())))
}
