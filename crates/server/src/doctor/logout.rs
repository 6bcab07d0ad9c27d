//! The provider's answer to a logout request (OpenID Connect RP-Initiated Logout section 2) of a browser that
//! has no session there.

use labgate_domain::protocol::{EndSessionRequest, State};
use labgate_domain::provider::AuthorizationServer;
use labgate_domain::public_url::PublicUrl;
use labgate_provider::ProviderSettings;
use url::Url;

use super::authorization::{error_in, shortened, text_of};
use super::finding::Outcome;
use super::http::{Answer, Http};
use crate::world::OsEntropy;

/// Asks whether the page after sign-out is registered; `None` where browsers are not sent to the provider.
pub(super) async fn examine(
    server: &AuthorizationServer,
    public_url: &PublicUrl,
    settings: &ProviderSettings,
    http: &Http,
) -> Option<Outcome> {
    let page = public_url.signed_out_page()?;
    let request = EndSessionRequest {
        id_token_hint: None,
        client_id: server.client_id.clone(),
        post_logout_redirect_uri: page.clone(),
        state: State::fresh(&OsEntropy),
    };
    let url = request.to_url(server.end_session_endpoint.as_ref()?)?;
    let answer = http.get_of(settings, &url, "").await.unwrap_or_default();
    Some(judge(&url, &page, &answer))
}

/// Judges the answer: only words about the page to come back to say that it is not registered.
pub(super) fn judge(url: &Url, page: &Url, answer: &Answer) -> Outcome {
    let location = answer.location.as_deref().and_then(|location| url.join(location).ok());
    if location.as_ref().is_some_and(|it| it.origin() == page.origin() && it.path() == page.path()) {
        return Outcome::of("logout", &[("page", page)]);
    }
    let error = location.as_ref().and_then(error_in);
    let error = error.or_else(|| (answer.status >= 400).then(|| text_of(&answer.body)));
    let words = error.unwrap_or_default();
    if ["redirect", "logout_uri"].iter().any(|name| words.to_ascii_lowercase().contains(name)) {
        return Outcome::of("logout_refused", &[("page", page), ("said", &shortened(&words))]);
    }
    Outcome::of("logout_unknown", &[("page", page)])
}
