//! `/api/auth/verify`, `/api/auth/me`, `/api/auth/logout`: the session.

use labgate_domain::sign_in::LeftProvider;
use serde_json::json;
use url::Url;

use crate::audience::Audience;
use crate::cookies;
use crate::failure::Failure;
use crate::pages::OnwardPage;
use crate::paths;
use crate::reply::{self, Response, see_other};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// The forward-auth check: 200 or 401. It runs on every request of the lab.
pub(crate) async fn verify(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let checked = state.signed_in(request).await?;
    state.with_renewal(Response::default(), &checked)
}

/// Describes the signed-in person.
pub(crate) async fn me(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let checked = state.signed_in(request).await?;
    let person = &checked.person;
    let groups = state.sign_in.requests().all_groups(&checked).await?;
    let described = reply::json(&json!({
        "id": person.account,
        "username": person.username,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "groups": groups,
        "auth_time": person.authenticated_at,
    }));
    state.with_renewal(described, &checked)
}

/// Ends the session, and then the provider's own, if it says how. Without a session there is nothing to end,
/// and that is no error.
pub(crate) async fn logout(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let signed_out = state.sign_in.sessions().sign_out(&request.visitor()).await?;
    let left = signed_out.provider.as_ref();
    let response = match (request.audience, left) {
        (Audience::Person, Some(LeftProvider { name, end_session_url: Some(url), .. })) => {
            let (t, url) = (&state.site, url.as_str());
            reply::page(&OnwardPage { t, title: &t.onward.signed_out_here, provider: name, url })
        }
        (Audience::Person, Some(LeftProvider { id, end_session_url: None, .. })) => {
            let page = paths::with_parameters(paths::SIGNED_OUT_PAGE, &[("kept_by", id.as_str())]);
            see_other(&state.site.at(page))
        }
        (Audience::Person, None) => see_other(&state.site.at(paths::SIGNED_OUT_PAGE)),
        (Audience::Program, _) => reply::json(&json!({
            "provider": left.map(|left| json!({
                "name": left.name,
                "end_session_url": left.end_session_url.as_ref().map(Url::as_str),
            })),
        })),
    };
    state.with_cookies(reply::without_cache(response), [state.cookies.clear(cookies::SESSION)])
}
