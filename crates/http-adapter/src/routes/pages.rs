//! `/` and `/login`: the pages on the way in and out.

use http::header::{CACHE_CONTROL, HeaderValue};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sign_in::Offer;

use crate::content_security;
use crate::failure::Failure;
use crate::pages::{self, Form, LoginPage, MainPage, SignedOutPage};
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// Shows the signed-in person, or a link to sign in.
pub(crate) async fn main(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let checked = match state.signed_in(request).await {
        Ok(checked) => checked,
        Err(failure) if failure.is_not_signed_in() => {
            return Ok(reply::page(&MainPage {
                t: &state.site,
                person: None,
                services: Vec::new(),
                terms: state.terms().as_deref(),
                form: Form::default(),
            }));
        }
        Err(failure) => return Err(failure),
    };
    let person = Some(&*checked.person);
    let services = state.sign_in.access().services_for(&checked.person).await;
    let terms = state.terms();
    let terms = terms.as_deref();
    let page = state.form_page(request, |form| {
        reply::page(&MainPage { t: &state.site, person, services, terms, form })
    })?;
    state.with_renewal(page, &checked)
}

/// Shows the ways of signing in. A signed-in person is told so and not sent on: a service that sends
/// signed-in people here would otherwise send them round in circles. A link can name a provider, which then
/// comes first: it is still for the person to press the button.
pub(crate) async fn login(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let return_to = request.return_to(&state.site);
    let asked_for = state.asked_for(request, &return_to)?;
    let offer = state.sign_in.providers().offer(asked_for.as_ref(), request.cookies.provider.as_ref());
    let session = state.session(request).await?;
    let address = session.as_ref().map(|checked| pages::address(&checked.person));
    let page = state.form_page(request, |form| state.login_page(form, address, offer, &return_to, ""))?;
    match session {
        Some(checked) => state.with_renewal(page, &checked),
        None => Ok(page),
    }
}

/// Shows that the session is over: after signing out at a provider, whatever it brings along (RP-Initiated
/// Logout section 3), or where the provider keeps a session that we cannot end.
pub(crate) async fn signed_out(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let kept_by = request.parameter("kept_by").and_then(|id| {
        let mut providers = state.sign_in.providers().all().into_iter();
        providers.find(|(provider, _)| provider.id.as_str() == id).map(|(provider, _)| provider.name)
    });
    Ok(reply::page(&SignedOutPage { t: &state.site, kept_by: kept_by.as_deref() }))
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
        content_security::with_fragment_script(reply::page(&LoginPage {
            t: &self.site,
            signed_in_as,
            return_to,
            // After a typed password the form comes first.
            providers_first: form.problem.is_none() && !offer.providers.is_empty(),
            offer,
            passwords: self.sign_in.passwords().are_on(),
            registration: self.sign_in.registration().is_open(),
            username,
            terms: self.terms().as_deref(),
            form,
        }))
    }
}
