//! `/` and `/login`: what a person sees.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use labgate_domain::provider::ProviderHealth;
use labgate_domain::session::SessionClaims;

use super::{Lab, Route, either, get_or_head, route};
use crate::app::Response;
use crate::head::Head;
use crate::pages::{self, LoginPage, MainPage, Person, ProviderButton};
use crate::paths;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    let main = route(lab, warp::path::end(), get_or_head(), main);
    let login = route(lab, warp::path!("login" / ..), get_or_head(), login);
    let style = route(lab, warp::path!("assets" / "labgate.css" / ..), get_or_head(), style);
    either(main, either(login, style))
}

/// Who you are, or a link to sign in.
async fn main(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    let Some(Ok(checked)) = lab.check(&head).await else {
        return pages::respond(&MainPage { person: None });
    };
    let claims = &checked.claims;
    let page = MainPage {
        person: Some(Person {
            name: claims.name.as_ref().map_or(claims.username.as_str(), |name| name.as_str()),
            address: address(claims),
            role: claims.role.as_str(),
            groups: &claims.groups,
        }),
    };
    lab.with_renewal(pages::respond(&page), &checked)
}

/// The ways of signing in. Whoever is signed in already is told so and not sent on: a service that sends people here
/// although they are signed in would otherwise send them round in circles.
async fn login(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    let return_to = head.return_to();
    let checked = lab.check(&head).await.and_then(Result::ok);
    let providers = lab
        .sign_in
        .providers()
        .into_iter()
        .map(|(provider, health)| {
            let mut begin = vec![("provider", provider.id.as_str())];
            if return_to.as_str() != paths::MAIN {
                begin.push(("return_to", return_to.as_str()));
            }
            ProviderButton {
                href: paths::with_parameters(paths::OIDC_LOGIN, &begin),
                name: provider.name,
                available: !matches!(health, ProviderHealth::Unavailable { .. }),
            }
        })
        .collect();
    let page = LoginPage {
        signed_in_as: checked.as_ref().map(|checked| address(&checked.claims)),
        return_to: return_to.as_str(),
        providers,
    };
    let response = pages::respond(&page);
    match &checked {
        Some(checked) => lab.with_renewal(response, checked),
        None => response,
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
