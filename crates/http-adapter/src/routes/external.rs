//! `/api/auth/oidc/…`: to a provider and back.

use http::StatusCode;
use labgate_domain::error::{ErrorCode, Refusal, Responsible};
use labgate_domain::protocol::{Hint, Hints, Malformed};
use labgate_domain::provider::{ProviderHealth, ProviderId};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sign_in::{BegunSignIn, CompletedSignIn};
use serde_json::{Value, json};

use crate::cookies;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Posted;
use crate::pages::{Href, Label, Way};
use crate::paths;
use crate::reply::{self, Response, see_other};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// Tells whether external sign-in is on, for a front end with a sign-in page of its own.
pub(crate) async fn enabled(state: &AppState, _: &ParsedRequest) -> Result<Response, Failure> {
    let providers: Vec<Value> = state
        .sign_in
        .providers()
        .all()
        .into_iter()
        .map(|(provider, health)| {
            json!({
                "id": provider.id.as_str(),
                "name": provider.name,
                "available": !matches!(health, ProviderHealth::Unavailable { .. }),
                "login_url": state.site.at(paths::to_provider(&provider.id, &ReturnTo::main_page())),
            })
        })
        .collect();
    Ok(reply::json(&json!({
        "enabled": !providers.is_empty(),
        "missing_settings": state.info.missing_settings,
        "providers": providers,
    })))
}

/// Sends the browser to a provider.
pub(crate) async fn login(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    if request.prefetch {
        return Ok(reply::status(StatusCode::NO_CONTENT));
    }
    if !request.is_top_level {
        return Err(HttpErrorCode::BadRequest.into());
    }
    let return_to = request.return_to(&state.site);
    let provider = state.asked_for(request, &return_to)?;
    let hints = hints(request).map_err(|_| HttpErrorCode::BadRequest)?;
    let pending = &request.cookies.attempts;
    let _turn = state.turn_at_provider(request).await?;
    let begun = state.sign_in.external().begin(provider.as_ref(), hints, return_to, pending).await;
    let begun = begun.map_err(|refusal| state.failure_of_provider(refusal))?;
    state.with_attempt(see_other(begun.authorization_url.as_str()), &begun)
}

/// Takes the browser back.
pub(crate) async fn callback(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    if request.prefetch {
        return Ok(reply::status(StatusCode::NO_CONTENT));
    }
    let (pending, visitor) = (&request.cookies.attempts, request.visitor());
    let _turn = state.turn_at_provider(request).await?;
    match state.sign_in.external().complete(&request.query, pending, &visitor).await {
        Ok(CompletedSignIn::SignedIn { token, return_to, attempt, provider }) => {
            let onward = see_other(&state.onward(&token, &return_to).await);
            let response = state.with_new_session(onward, request, &token, Some(&provider))?;
            state.with_cookies(response, [state.cookies.clear_attempt(attempt)])
        }
        Ok(CompletedSignIn::LinkDue { ticket, attempt }) => state.with_cookies(
            see_other(&state.site.at(paths::LINK_PAGE)),
            [state.cookies.set_ticket(cookies::LINK, &ticket), state.cookies.clear_attempt(attempt)],
        ),
        Ok(CompletedSignIn::Proven { ticket, return_to, attempt }) => state.with_cookies(
            see_other(&state.site.target(&return_to)),
            [state.cookies.set_ticket(cookies::PROOF, &ticket), state.cookies.clear_attempt(attempt)],
        ),
        Ok(CompletedSignIn::AlreadySignedIn { return_to }) => Ok(see_other(&state.site.target(&return_to))),
        Err(refusal) => {
            let over = refusal.attempt.map(|attempt| state.cookies.clear_attempt(attempt));
            Err(state.failure_of_provider(refusal).with_cookies(over))
        }
    }
}

/// Takes a provider's message that a session has ended (OpenID Connect Back-Channel Logout section 2.5). No
/// browser is involved: the logout token is all the evidence there is.
pub(crate) async fn back_channel_logout(
    state: &AppState,
    request: &ParsedRequest,
) -> Result<Response, Failure> {
    let Posted::Form(fields) = &request.posted else {
        return Err(HttpErrorCode::BadRequest.into());
    };
    let logout_token = fields.text("logout_token").ok_or(HttpErrorCode::BadRequest)?;
    state.sign_in.back_channel().end_sessions(logout_token).await?;
    Ok(Response::default())
}

/// Returns what the link says of the person. An empty hint counts as left out (RFC 6749 section 3.1).
fn hints(request: &ParsedRequest) -> Result<Hints, Malformed> {
    let hint = |name| {
        let value = request.parameter(name).filter(|value| !value.is_empty());
        value.map(|value| Hint::parse(&value)).transpose()
    };
    Ok(Hints { login: hint("login_hint")?, domain: hint("domain_hint")? })
}

impl AppState {
    /// Sets the cookie of an attempt that has begun, and removes those of the attempts that it dropped.
    pub(super) fn with_attempt(&self, response: Response, begun: &BegunSignIn) -> Result<Response, Failure> {
        let dropped = begun.dropped.iter().map(|id| self.cookies.clear_attempt(*id));
        let pending = self.cookies.set_attempt(begun.cookie.id, &begun.cookie.sealed);
        self.with_cookies(response, dropped.chain([pending]))
    }

    /// Returns the provider that the link names, if it names any.
    pub(super) fn asked_for(
        &self,
        request: &ParsedRequest,
        return_to: &ReturnTo,
    ) -> Result<Option<ProviderId>, Failure> {
        let Some(name) = request.parameter("provider") else { return Ok(None) };
        let provider = self.sign_in.providers().find(&name);
        let refusal = || self.sign_in.providers().refuse_unknown(return_to.clone());
        provider.map(Some).ok_or_else(|| self.failure_of_provider(refusal()))
    }

    /// Returns the failure of a sign-in at a provider. Its page leads on to the other ways of signing in: one
    /// of them may well work where this one does not.
    fn failure_of_provider(&self, refusal: Refusal) -> Failure {
        let (code, return_to) = (refusal.error.code(), refusal.return_to.clone());
        let failure = Failure::from(refusal).of_sign_in();
        match code.responsible() {
            _ if code == ErrorCode::ProviderUnknown => failure.leading_to_each_of(self.ways(&return_to)),
            Responsible::Provider | Responsible::Operator if self.sign_in.providers().has_several_ways() => {
                failure.leading_to_other_ways(&return_to)
            }
            _ => failure,
        }
    }

    /// Returns every way of signing in.
    fn ways(&self, return_to: &ReturnTo) -> Vec<Way> {
        let providers = self.sign_in.providers().all().into_iter().map(|(provider, _)| Way {
            href: Href::InLab(paths::to_provider(&provider.id, return_to)),
            label: Label::Provider(provider.name),
        });
        let passwords = self.sign_in.passwords().are_on();
        let password = passwords.then(|| Way::to_sign_in(Label::Password, return_to));
        providers.chain(password).collect()
    }
}
