//! `/api/auth/me`, `/api/auth/logout`: the session.

use labgate_domain::sign_in::{LeftProvider, SignedOut, Ticket};
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

/// Describes the signed-in person, also one who has yet to accept the terms of service.
pub(crate) async fn me(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let checked = state.recognized(request).await?;
    let person = &checked.person;
    let described = reply::json(&json!({
        "id": person.account,
        "username": person.username,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "groups": person.groups,
        "local_groups": person.local_groups,
        "auth_time": person.authenticated_at,
        "accepted_terms": person.accepted_terms,
        "terms_due": state.sign_in.policy().terms_due(&person.accepted_terms).map(|due| &due.version),
    }));
    state.with_renewal(described, &checked)
}

/// Ends the session, and then the provider's own, if it says how. Without a session there is nothing to end,
/// and that is no error.
pub(crate) async fn logout(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let signed_out = state.sign_in.sessions().sign_out(&request.visitor()).await?;
    let over = [state.cookies.clear(cookies::SESSION)];
    if request.audience == Audience::Person && !request.cookies.entered.is_empty() {
        let kept = state.sign_in.sessions().keep(&signed_out);
        let kept = kept.map(|ticket| state.cookies.set_ticket(cookies::LEAVING, &ticket));
        let (t, url) = (&state.site, &*state.site.at(paths::LEAVING));
        let leaving = OnwardPage { t, title: &t.onward.signed_out_here, provider: None, url };
        let leaving = reply::without_cache(reply::page(&leaving));
        return state.with_cookies(leaving, over.into_iter().chain(kept));
    }
    state.with_cookies(reply::without_cache(state.signed_out(request.audience, &signed_out)), over)
}

/// Sends the browser through the hosts of services that it entered, one by one, and at last to the provider.
pub(crate) async fn leaving(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    // Any page can lead here. Whoever is signed in leaves nothing.
    if state.session(request).await?.is_some() {
        return Ok(see_other(&state.site.at(paths::MAIN_PAGE)));
    }
    let in_force = state.services().await;
    let mut entered = request.cookies.entered.clone();
    while let Some(origin) = entered.pop() {
        // The cookie chooses nothing but the order.
        if in_force.services().iter().any(|service| service.url.origin() == origin) {
            let ticket = state.sign_in.hand_over().send_off(&origin);
            let ticket = ticket.map_err(|error| state.internal(&error.to_string()))?.to_text();
            let onward = see_other(&paths::on_host(&origin, paths::LEAVE, &[("ticket", &ticket)]));
            return state.with_cookies(onward, [state.cookies.keep_entered(&entered)]);
        }
    }
    let ticket = request.cookies.leaving.as_deref().and_then(Ticket::parse);
    let signed_out = match &ticket {
        Some(ticket) => state.sign_in.sessions().kept(ticket),
        None => SignedOut { provider: None },
    };
    let over = [state.cookies.clear(cookies::ENTERED), state.cookies.clear(cookies::LEAVING)];
    state.with_cookies(state.signed_out(Audience::Person, &signed_out), over)
}

impl AppState {
    /// Tells that the session is over, and what is left to do at the provider.
    fn signed_out(&self, audience: Audience, signed_out: &SignedOut) -> Response {
        let left = signed_out.provider.as_ref();
        match (audience, left) {
            (Audience::Person, Some(LeftProvider { name, end_session_url: Some(url), .. })) => {
                let (t, url) = (&self.site, url.as_str());
                reply::page(&OnwardPage { t, title: &t.onward.signed_out_here, provider: Some(name), url })
            }
            (Audience::Person, Some(LeftProvider { id, end_session_url: None, .. })) => {
                let page = paths::with_parameters(paths::SIGNED_OUT_PAGE, &[("kept_by", id.as_str())]);
                see_other(&self.site.at(page))
            }
            (Audience::Person, None) => see_other(&self.site.at(paths::SIGNED_OUT_PAGE)),
            (Audience::Program, _) => reply::json(&json!({
                "provider": left.map(|left| json!({
                    "name": left.name,
                    "end_session_url": left.end_session_url.as_ref().map(Url::as_str),
                })),
            })),
        }
    }
}
