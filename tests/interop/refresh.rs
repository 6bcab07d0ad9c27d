//! Session revalidation at foreign providers, by the adapter alone: Labgate itself does it every few minutes.

use std::sync::Arc;

use labgate::world::SystemClock;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{IdentityProvider, ProviderError, RefreshRequest, Refreshed};
use labgate_provider::{Field, UncheckedSettings, provider};

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

fn asked_again<P>(world: &World<P>) -> Arc<dyn IdentityProvider> {
    let registration = &world.registration;
    let settings = UncheckedSettings::default()
        .with(Field::Id, ["p"])
        .with(Field::Name, ["P"])
        .with(Field::AuthUrl, [registration.auth_url.as_str()])
        .with(Field::TokenUrl, [registration.token_url.as_str()])
        .with(Field::ClientId, [registration.client_id.as_str()])
        .with(Field::ClientSecret, [registration.client_secret.as_str()])
        .with(Field::Recheck, ["5m"])
        .parse()
        .unwrap();
    provider(settings, Arc::new(SystemClock)).unwrap()
}
