//! `/` and `/login`: the pages on the way in and out.

use http::header::{CACHE_CONTROL, HeaderValue};
use labgate_domain::people::Role;
use labgate_domain::provider::ProviderHealth;
use labgate_domain::return_to::ReturnTo;
use labgate_domain::session::SessionClaims;
use labgate_domain::sign_in::{Offer, OfferedProvider};

use crate::failure::Failure;
use crate::form::{CsrfSecret, CsrfToken};
use crate::pages::{self, Form, LoginPage, MainPage, Person, ProviderButton, SignedOutPage};
use crate::paths;
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// Shows the signed-in person, or a link to sign in.
pub(crate) async fn main(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let Some(checked) = state.session(request).await else {
        return Ok(reply::page(&MainPage { person: None, form: Form::default() }));
    };
    let claims = &checked.claims;
    let token = CsrfToken::of(&CsrfSecret::Session(claims.sid));
    let page = MainPage {
        person: Some(Person {
            name: claims.name.as_ref().map_or(claims.username.as_str(), |name| name.as_str()),
            address: address(claims),
            role: claims.role.as_str(),
            groups: &claims.groups,
            is_admin: claims.role == Role::Admin,
        }),
        form: Form { csrf_token: token.as_str(), problem: None },
    };
    state.with_renewal(reply::page(&page), &checked)
}

/// Shows the ways of signing in. A signed-in person is told so and not sent on: a service that sends signed-in people
/// here would otherwise send them round in circles. A link can name a provider, which then comes first: it is still for
/// the person to press the button.
pub(crate) async fn login(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let return_to = request.return_to();
    let asked_for = state.asked_for(request, &return_to)?;
    let offer = state.sign_in.offer_providers(asked_for.as_ref(), request.cookies.provider.as_ref());
    match state.session(request).await {
        Some(checked) => {
            let token = CsrfToken::of(&CsrfSecret::Session(checked.claims.sid));
            let form = Form { csrf_token: token.as_str(), problem: None };
            let page = state.login_page(form, Some(address(&checked.claims)), offer, &return_to, "");
            state.with_renewal(page, &checked)
        }
        None => state.form_page(request, |form| state.login_page(form, None, offer, &return_to, "")),
    }
}

/// Shows that the session is over: after signing out at a provider, whatever it brings along (RP-Initiated Logout
/// section 3), or where the provider keeps a session that we cannot end.
pub(crate) async fn signed_out(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let kept_by = request.parameter("kept_by").and_then(|id| {
        let mut providers = state.sign_in.providers().into_iter();
        providers.find(|(provider, _)| provider.id.as_str() == id).map(|(provider, _)| provider.name)
    });
    Ok(reply::page(&SignedOutPage { kept_by: kept_by.as_deref() }))
}

/// The style sheet.
pub(crate) async fn style(_: &AppState, _: &ParsedRequest) -> Result<Response, Failure> {
    let style = reply::typed("text/css; charset=utf-8", pages::STYLE);
    Ok(reply::with_header(style, CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")))
}

impl AppState {
    /// Renders the sign-in page; when it is shown again, with the name that was typed.
    pub(super) fn login_page(
        &self,
        form: Form<'_>,
        signed_in_as: Option<&str>,
        offer: Offer,
        return_to: &ReturnTo,
        username: &str,
    ) -> Response {
        let passwords = self.sign_in.passwords_are_on();
        // After a typed password the form comes first.
        let providers_first = offer.first_is_chosen && form.problem.is_none();
        let button = |(position, provider): (usize, OfferedProvider)| ProviderButton {
            href: paths::to_provider(&provider.description.id, return_to),
            name: provider.description.name,
            available: !matches!(provider.health, ProviderHealth::Unavailable { .. }),
            is_last_used: provider.is_last_used,
            stands_out: signed_in_as.is_none() && if providers_first { position == 0 } else { !passwords },
        };
        reply::page(&LoginPage {
            signed_in_as,
            return_to: return_to.as_str(),
            providers: offer.providers.into_iter().enumerate().map(button).collect(),
            providers_first,
            passwords,
            registration: self.sign_in.people_can_register(),
            username,
            form,
        })
    }
}

/// Returns the e-mail address, which names people, or else the username.
fn address(claims: &SessionClaims) -> &str {
    claims.email.as_ref().map_or(claims.username.as_str(), |email| email.as_str())
}
