//! The paths of oauth2-proxy and Authelia, so that a reverse proxy configured for one of them works with Labgate
//! instead. Each has to be switched on by `dialects`.

use http::StatusCode;
use labgate_domain::access::{AllowLists, Target};
use labgate_domain::sign_in::NotSignedIn;
use serde_json::json;

use crate::dialects::{Dialect, DropIn, Refusing};
use crate::failure::{Failure, HttpErrorCode};
use crate::paths::{self, LabPath};
use crate::reply::{self, Response, see_other};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// oauth2-proxy's check, with its conditions in the query: whoever fails one is refused.
pub(crate) async fn oauth2_auth(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.need(DropIn::OAuth2Proxy)?;
    let lists = allow_lists(request)?;
    let target = state.target(request, Dialect::OAuth2Proxy)?;
    let passage = match state.check_target(request, &target, Refusing::ByStatus).await {
        Ok(passage) => passage,
        Err(refusal) => return refusal,
    };
    if passage.request.as_ref().is_some_and(|checked| !lists.admit(&checked.person)) {
        return Err(HttpErrorCode::NotAllowedByQuery.into());
    }
    let mut passed = state.passed(&passage, Dialect::OAuth2Proxy.words())?;
    *passed.status_mut() = StatusCode::ACCEPTED;
    Ok(passed)
}

/// oauth2-proxy's way to sign in, with the address to come to in `rd`.
pub(crate) async fn oauth2_start(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.need(DropIn::OAuth2Proxy)?;
    if request.prefetch {
        return Ok(reply::status(StatusCode::NO_CONTENT));
    }
    let target = state.asked_back(request).await?;
    Ok(see_other(&state.way(&target, state.page_due(request).await).await))
}

/// oauth2-proxy's sign-in page, which its configurations show in place of a refused answer: a redirect would be
/// lost there.
pub(crate) async fn oauth2_sign_in(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.need(DropIn::OAuth2Proxy)?;
    let target = state.asked_back(request).await?;
    Err(match state.page_due(request).await {
        paths::TERMS_PAGE => {
            let page = state.way(&target, paths::TERMS_PAGE).await;
            Failure::from(NotSignedIn::TermsDue).with_terms_page(&page)
        }
        page => Failure::not_signed_in(None).leading_to(&state.way(&target, page).await),
    })
}

/// oauth2-proxy's sign-out: a page with the button, since a link on any site may lead here.
pub(crate) async fn oauth2_sign_out(state: &AppState, _: &ParsedRequest) -> Result<Response, Failure> {
    state.need(DropIn::OAuth2Proxy)?;
    Ok(see_other(&state.site.url(paths::MAIN_PAGE)))
}

/// oauth2-proxy's description of the signed-in person.
pub(crate) async fn oauth2_userinfo(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.need(DropIn::OAuth2Proxy)?;
    let checked = state.signed_in(request).await?;
    let person = &checked.person;
    let described = reply::json(&json!({
        "user": person.username,
        "email": person.email,
        "groups": person.groups,
        "preferredUsername": person.username,
    }));
    state.with_renewal(described, &checked)
}

/// Authelia's check as nginx asks it.
pub(crate) async fn auth_request(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.need(DropIn::Authelia)?;
    state.answer_check(request, Dialect::AutheliaAuthRequest).await
}

/// Authelia's check as Traefik and Caddy ask it.
pub(crate) async fn forward_auth(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.need(DropIn::Authelia)?;
    state.answer_check(request, Dialect::AutheliaForwardAuth).await
}

/// Authelia's check as Envoy asks it.
pub(crate) async fn ext_authz(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.need(DropIn::Authelia)?;
    state.answer_check(request, Dialect::AutheliaExtAuthz).await
}

impl AppState {
    /// Refuses a path of another product that is not switched on, as one that is not there.
    fn need(&self, drop_in: DropIn) -> Result<(), Failure> {
        if self.info.drop_ins.contains(&drop_in) { Ok(()) } else { Err(HttpErrorCode::NotFound.into()) }
    }

    /// Returns the page that stands before the lab for this visitor: to sign in, or to accept the terms of service.
    async fn page_due(&self, request: &ParsedRequest) -> LabPath {
        match request.cookies.session.as_deref() {
            Some(token)
                if self.sign_in.requests().check(token).await.err() == Some(NotSignedIn::TermsDue) =>
            {
                paths::TERMS_PAGE
            }
            _ => paths::LOGIN_PAGE,
        }
    }

    /// Returns the address to come to: `rd`, or what the proxy says; of any that is not ours, the main page.
    async fn asked_back(&self, request: &ParsedRequest) -> Result<Target, Failure> {
        let policy = self.sign_in.policy();
        let host = if request.host.is_empty() { policy.public_url.host() } else { &request.host };
        let stated = request.parameter("rd");
        let rd = stated.as_deref().or_else(|| request.original.redirect.once()).unwrap_or("/");
        let target = Target::from_url(rd, "GET").or_else(|_| Target::new(host, rd, "GET"));
        let in_force = self.services().await;
        let services = in_force.services();
        let is_ours = |target: &Target| {
            services.is_lab_host(target.host()) || services.origin_of(target.host()).is_some()
        };
        let home = || Target::new(policy.public_url.host(), &self.site.at(paths::MAIN_PAGE), "GET");
        let target = target.ok().filter(is_ours).map_or_else(home, Ok);
        target.map_err(|_| HttpErrorCode::BadRequest.into())
    }
}

/// Reads the conditions in the query of oauth2-proxy's check. A parameter that is not known, and a condition that
/// names nobody, are refused: passed over, they would let everybody in.
fn allow_lists(request: &ParsedRequest) -> Result<AllowLists, Failure> {
    let mut lists = AllowLists::default();
    for (name, value) in url::form_urlencoded::parse(request.query.as_bytes()) {
        let list = match &*name {
            "allowed_groups" => &mut lists.groups,
            "allowed_emails" => &mut lists.emails,
            "allowed_email_domains" => &mut lists.email_domains,
            _ => return Err(Failure::query_refused()),
        };
        let named: Vec<_> = value.split(',').map(|it| it.trim().to_owned()).collect();
        if named.iter().any(String::is_empty) {
            return Err(Failure::query_refused());
        }
        list.extend(named);
    }
    Ok(lists)
}
