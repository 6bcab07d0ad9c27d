//! `/api/auth/oidc/…`: to a provider and back.

use std::sync::Arc;

use http::StatusCode;
use labgate_domain::error::{ErrorCode, Refusal, Responsible};
use labgate_domain::protocol::{Hint, Hints, Malformed};
use labgate_domain::provider::{ProviderHealth, ProviderId};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sign_in::CompletedSignIn;
use serde_json::{Value, json};

use super::methods::{get, get_or_head, post};
use super::{Lab, Route, either, route, see_other, status};
use crate::app::Response;
use crate::failure::{Failure, HttpErrorCode, to_sign_in};
use crate::form::Posted;
use crate::head::Head;
use crate::pages::Way;
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
    let return_to = head.return_to();
    let provider = match lab.asked_for(&head, &return_to) {
        Ok(provider) => provider,
        Err(failure) => return failure.into_response(),
    };
    let Ok(hints) = head.hints() else {
        return lab.failure(HttpErrorCode::BadRequest).into_response();
    };
    match lab.sign_in.begin_external(provider.as_ref(), hints, return_to, &head.cookies.attempts).await {
        Ok(begun) => {
            let dropped = begun.dropped.iter().map(|id| lab.cookies.clear_attempt(*id));
            let pending = lab.cookies.set_attempt(begun.cookie.id, &begun.cookie.sealed);
            lab.with_cookies(see_other(begun.authorization_url.as_str()), dropped.chain([pending]))
        }
        Err(refusal) => lab.failure_of_provider(refusal).into_response(),
    }
}

/// Takes the browser back.
async fn callback(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    if head.prefetch {
        return status(StatusCode::NO_CONTENT);
    }
    match lab.sign_in.complete_external(&head.query, &head.cookies.attempts, &head.visitor()).await {
        Ok(CompletedSignIn::SignedIn { token, return_to, attempt, provider }) => {
            let onward = see_other(return_to.as_str());
            let response = lab.with_new_session(onward, &head, &token, Some(&provider));
            lab.with_cookies(response, [lab.cookies.clear_attempt(attempt)])
        }
        Ok(CompletedSignIn::LinkDue { ticket, attempt }) => lab.with_cookies(
            see_other(paths::LINK),
            [lab.cookies.set_link(&ticket), lab.cookies.clear_attempt(attempt)],
        ),
        Ok(CompletedSignIn::AlreadySignedIn { return_to }) => see_other(return_to.as_str()),
        Err(refusal) => {
            let failure = lab.failure_of_provider(refusal);
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

impl Lab {
    /// The provider that the link names, if it names any.
    pub(super) fn asked_for(&self, head: &Head, return_to: &ReturnTo) -> Result<Option<ProviderId>, Failure> {
        let Some(name) = head.parameter("provider") else { return Ok(None) };
        match self.sign_in.find_provider(&name) {
            Some(provider) => Ok(Some(provider)),
            None => Err(self.failure_of_provider(self.sign_in.refuse_unknown_provider(return_to.clone()))),
        }
    }

    /// What went wrong on the way to a provider or back. The page leads on to the other ways of signing in: one of them may
    /// well work where this one does not.
    fn failure_of_provider(&self, refusal: Refusal) -> Failure {
        let (code, return_to) = (refusal.error.code(), refusal.return_to.clone());
        let failure = Failure::from(refusal);
        match code.responsible() {
            _ if code == ErrorCode::ProviderUnknown => failure.leading_to_each_of(self.ways(&return_to)),
            Responsible::Provider | Responsible::Operator if self.sign_in.has_several_ways() => {
                failure.leading_to_other_ways(&return_to)
            }
            _ => failure,
        }
    }

    /// Every way of signing in.
    fn ways(&self, return_to: &ReturnTo) -> Vec<Way> {
        let providers = self.sign_in.providers().into_iter().map(|(provider, _)| Way {
            href: paths::to_provider(&provider.id, return_to),
            label: format!("Continue with {}", provider.name),
        });
        let passwords = self.sign_in.passwords_are_on();
        let password = passwords.then(|| to_sign_in("Sign in with password", return_to));
        providers.chain(password).collect()
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
