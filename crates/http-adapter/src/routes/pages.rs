//! `/` and `/login`: what a person sees.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use labgate_domain::people::Role;
use labgate_domain::provider::ProviderHealth;
use labgate_domain::return_to::ReturnTo;
use labgate_domain::session::SessionClaims;
use labgate_domain::sign_in::{Offer, OfferedProvider};

use super::methods::get_or_head;
use super::{Lab, Route, either, route};
use crate::app::Response;
use crate::form::{FormSecret, FormToken};
use crate::head::Head;
use crate::pages::{self, LoginPage, MainPage, Person, Problem, ProviderButton, SignedOutPage};
use crate::paths;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    let main = route(lab, warp::path::end(), get_or_head(), main);
    let login = route(lab, warp::path!("login" / ..), get_or_head(), login);
    let signed_out = route(lab, warp::path!("signed-out" / ..), get_or_head(), signed_out);
    let style = route(lab, warp::path!("assets" / "labgate.css" / ..), get_or_head(), style);
    either(either(main, login), either(signed_out, style))
}

/// Who you are, or a link to sign in.
async fn main(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    let Some(Ok(checked)) = lab.check(&head).await else {
        return pages::respond(&MainPage { person: None, form_token: "" });
    };
    let claims = &checked.claims;
    let token = FormToken::of(&FormSecret::Session(claims.sid));
    let page = MainPage {
        person: Some(Person {
            name: claims.name.as_ref().map_or(claims.username.as_str(), |name| name.as_str()),
            address: address(claims),
            role: claims.role.as_str(),
            groups: &claims.groups,
            is_admin: claims.role == Role::Admin,
        }),
        form_token: token.as_str(),
    };
    lab.with_renewal(pages::respond(&page), &checked)
}

/// The ways of signing in. Whoever is signed in already is told so and not sent on: a service that sends people here
/// although they are signed in would otherwise send them round in circles. A link can name a provider, which then comes first:
/// it is still for the person to press the button.
async fn login(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    let return_to = head.return_to();
    let asked_for = match lab.asked_for(&head, &return_to) {
        Ok(asked_for) => asked_for,
        Err(failure) => return failure.into_response(),
    };
    let offer = lab.sign_in.providers().offer(asked_for.as_ref(), head.cookies.provider.as_ref());
    match lab.check(&head).await.and_then(Result::ok) {
        Some(checked) => {
            let token = FormToken::of(&FormSecret::Session(checked.claims.sid));
            let page = lab.login_page(Some(address(&checked.claims)), offer, &return_to, &token, None);
            lab.with_renewal(page, &checked)
        }
        None => lab.form_page(&head, |token| lab.login_page(None, offer, &return_to, token, None)),
    }
}

/// Where a provider sends people back to, whatever it brings along (RP-Initiated Logout section 3), and where we send them
/// when it keeps a session that we cannot end.
async fn signed_out(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    let kept_by = head.parameter("kept_by").and_then(|id| {
        let mut providers = lab.sign_in.providers().all().into_iter();
        providers.find(|(provider, _)| provider.id.as_str() == id).map(|(provider, _)| provider.name)
    });
    pages::respond(&SignedOutPage { kept_by: kept_by.as_deref() })
}

impl Lab {
    /// The sign-in page, with what was wrong and the name that was typed, if it is shown again.
    pub(super) fn login_page(
        &self,
        signed_in_as: Option<&str>,
        offer: Offer,
        return_to: &ReturnTo,
        form_token: &FormToken,
        again: Option<(Problem<'_>, &str)>,
    ) -> Response {
        let passwords = self.sign_in.passwords().are_on();
        // Whoever has just typed a password finds the form where the page begins.
        let providers_first = offer.first_is_chosen && again.is_none();
        let button = |(position, provider): (usize, OfferedProvider)| ProviderButton {
            href: paths::to_provider(&provider.description.id, return_to),
            name: provider.description.name,
            available: !matches!(provider.health, ProviderHealth::Unavailable { .. }),
            is_last_used: provider.is_last_used,
            stands_out: signed_in_as.is_none() && if providers_first { position == 0 } else { !passwords },
        };
        let (problem, username) = again.map_or((None, ""), |(problem, username)| (Some(problem), username));
        pages::respond(&LoginPage {
            signed_in_as,
            return_to: return_to.as_str(),
            providers: offer.providers.into_iter().enumerate().map(button).collect(),
            providers_first,
            passwords,
            registration: self.sign_in.registration().is_open(),
            form_token: form_token.as_str(),
            problem,
            username,
        })
    }
}

async fn style(_: Arc<Lab>, _: Arc<Head>) -> Response {
    let mut response = Response::new(pages::STYLE.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

/// The e-mail address, which names people; the username for whoever has none.
fn address(claims: &SessionClaims) -> &str {
    claims.email.as_ref().map_or(claims.username.as_str(), |email| email.as_str())
}
