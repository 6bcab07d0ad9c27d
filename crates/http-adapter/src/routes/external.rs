//! `/api/auth/oidc/…`: to a provider and back.

use std::sync::Arc;

use http::StatusCode;
use labgate_domain::protocol::{Hint, Hints, Malformed};
use labgate_domain::provider::{ProviderHealth, ProviderId};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sign_in::CompletedSignIn;
use serde_json::{Value, json};

use super::methods::{get, get_or_head, post};
use super::{Lab, Route, either, route, see_other, status};
use crate::app::Response;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Posted;
use crate::head::Head;
use crate::paths;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    let enabled = route(lab, warp::path!("api" / "auth" / "oidc" / "enabled" / ..), get_or_head(), enabled);
    // Only GET: a HEAD must not start an attempt, let alone use up a code.
    let login = route(lab, warp::path!("api" / "auth" / "oidc" / "login" / ..), get(), login);
    let callback = route(lab, warp::path!("api" / "auth" / "oidc" / "callback" / ..), get(), callback);
    let logout = route(
        lab,
        warp::path!("api" / "auth" / "oidc" / "backchannel-logout" / ..),
        post(),
        back_channel_logout,
    );
    either(either(login, callback), either(logout, enabled))
}

/// Whether external sign-in is on, for a front end that draws its own sign-in page.
async fn enabled(lab: Arc<Lab>, _: Arc<Head>) -> Response {
    let providers: Vec<Value> = lab
        .sign_in
        .providers()
        .into_iter()
        .map(|(provider, health)| {
            json!({
                "id": provider.id.as_str(),
                "name": provider.name,
                "available": !matches!(health, ProviderHealth::Unavailable { .. }),
                "login_url": paths::with_parameters(paths::OIDC_LOGIN, &[("provider", provider.id.as_str())]),
            })
        })
        .collect();
    super::json(&json!({
        "enabled": !providers.is_empty(),
        "missing_settings": lab.info.missing_settings,
        "providers": providers,
    }))
}

/// Sends the browser to a provider.
async fn login(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    if head.prefetch {
        return status(StatusCode::NO_CONTENT);
    }
    if head.in_background {
        return lab.failure(HttpErrorCode::BadRequest).into_response();
    }
    let provider = match head.parameter("provider").map(|id| ProviderId::parse(&id)) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return lab.failure(HttpErrorCode::BadRequest).into_response(),
    };
    let Ok(hints) = head.hints() else {
        return lab.failure(HttpErrorCode::BadRequest).into_response();
    };
    let return_to = head.return_to();
    match lab.sign_in.begin_external(provider.as_ref(), hints, return_to, &head.cookies.attempts).await {
        Ok(begun) => {
            let dropped = begun.dropped.iter().map(|id| lab.cookies.clear_attempt(*id));
            let pending = lab.cookies.set_attempt(begun.cookie.id, &begun.cookie.sealed);
            lab.with_cookies(see_other(begun.authorization_url.as_str()), dropped.chain([pending]))
        }
        Err(refusal) => Failure::from(refusal).into_response(),
    }
}

/// Takes the browser back.
async fn callback(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    if head.prefetch {
        return status(StatusCode::NO_CONTENT);
    }
    match lab.sign_in.complete_external(&head.query, &head.cookies.attempts, &head.visitor()).await {
        Ok(CompletedSignIn::SignedIn { token, return_to, attempt }) => {
            let response = lab.with_new_session(see_other(return_to.as_str()), &head, &token);
            lab.with_cookies(response, [lab.cookies.clear_attempt(attempt)])
        }
        Ok(CompletedSignIn::LinkDue { ticket, attempt }) => lab.with_cookies(
            see_other(paths::LINK),
            [lab.cookies.set_link(&ticket), lab.cookies.clear_attempt(attempt)],
        ),
        Ok(CompletedSignIn::AlreadySignedIn { return_to }) => see_other(return_to.as_str()),
        Err(refusal) => {
            let failure = Failure::from(refusal);
            let over = failure.attempt.map(|attempt| lab.cookies.clear_attempt(attempt));
            lab.with_cookies(failure.into_response(), over)
        }
    }
}

/// A provider says that a session has ended (OpenID Connect Back-Channel Logout section 2.5). No browser is involved: the
/// logout token is all the evidence there is.
async fn back_channel_logout(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    let Posted::Form(fields) = &head.posted else {
        return lab.failure(HttpErrorCode::BadRequest).into_response();
    };
    let Some(logout_token) = fields.text("logout_token") else {
        return lab.failure(HttpErrorCode::BadRequest).into_response();
    };
    match lab.sign_in.end_sessions_from_provider(logout_token).await {
        Ok(()) => Response::default(),
        Err(refusal) => Failure::from(refusal).into_response(),
    }
}

impl Head {
    /// Where the person wants to go.
    pub(super) fn return_to(&self) -> ReturnTo {
        self.parameter("return_to").map(|target| ReturnTo::or_main_page(&target)).unwrap_or_default()
    }

    /// What the link says of whoever will sign in. What is empty counts as left out (RFC 6749 section 3.1).
    fn hints(&self) -> Result<Hints, Malformed> {
        let hint = |name| {
            let value = self.parameter(name).filter(|value| !value.is_empty());
            value.map(|value| Hint::parse(&value)).transpose()
        };
        Ok(Hints { login: hint("login_hint")?, domain: hint("domain_hint")? })
    }
}
