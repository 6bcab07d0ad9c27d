//! Session revalidation at foreign providers, by the adapter alone: Labgate itself does it every few minutes.

use std::sync::Arc;

use labgate::configuration::{Configuration, Sources};
use labgate::world::SystemClock;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{IdentityProvider, ProviderError, RefreshRequest, Refreshed};
use labgate_provider::provider;

use super::world::{Provider, World};
use crate::adapter_alone::Begun;

/// A provider, and its statement about a user who signed in.
pub(super) struct Asking {
    provider: Arc<dyn IdentityProvider>,
    pub(super) identity: ExternalIdentity,
}

impl Asking {
    /// Signs a user in as the lab does.
    pub(super) async fn about<P: Provider>(world: &mut World<P>, person: &str) -> Self {
        let provider = asked_again(world);
        let begun = Begun::at(&*provider, &world.at_lab("/api/auth/oidc/callback")).await.unwrap();
        let page = world.browser.open(begun.url.as_str()).await;
        let page = world.provider.sign_in(&mut world.browser, page, person).await;
        // The lab did not begin this sign-in and refuses it, so the code is there for us.
        let page = world.assert_is_at_lab(page);
        let identity = provider.redeem(begun.redemption(&page.url)).await.unwrap();
        Self { provider, identity }
    }

    /// Asks with the refresh token that the provider gave last.
    pub(super) async fn again(&mut self) -> Result<ExternalIdentity, ProviderError> {
        let request = RefreshRequest {
            refresh_token: self.identity.refresh_token.clone().expect("the provider gave no refresh token"),
            issuer: self.identity.issuer.clone(),
            subject: self.identity.subject.clone(),
        };
        let Refreshed { refresh_token, identity } = self.provider.refresh(request).await;
        if refresh_token.is_some() {
            self.identity.refresh_token = refresh_token;
        }
        identity
    }
}

/// The provider's adapter with the lab's settings for it, and revalidation on.
fn asked_again<P>(world: &World<P>) -> Arc<dyn IdentityProvider> {
    let settings = world.registration.settings().chain([("LABGATE_EXTERNAL_OIDC__RECHECK", "5m")]);
    let environment = settings.map(|(name, value)| (name.into(), value.into())).collect();
    let mut configuration = Configuration::read(&Sources { file: None, environment }).unwrap();
    provider(configuration.providers.remove(0), Arc::new(SystemClock)).unwrap()
}
