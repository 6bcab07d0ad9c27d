//! Session revalidation at foreign providers, by the adapter alone: Labgate itself does it every few minutes.

use std::sync::Arc;
use std::time::Duration;

use labgate::world::SystemClock;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{IdentityProvider, ProviderError, RefreshRequest, Refreshed};
use labgate_domain::protocol::ClientId;
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
use labgate_provider::{Location, PlainHttpOrigins, ProviderSettings, provider};

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
        let Refreshed { refresh_token, identity } = self.provider.ask_again(request).await;
        if refresh_token.is_some() {
            self.identity.refresh_token = refresh_token;
        }
        identity
    }
}

fn asked_again<P>(world: &World<P>) -> Arc<dyn IdentityProvider> {
    let registration = &world.registration;
    let plain = PlainHttpOrigins::default();
    let location = Location::endpoints(&registration.auth_url, &registration.token_url, None, &plain);
    let description = ProviderDescription {
        id: ProviderId::parse("p").unwrap(),
        name: "P".to_owned(),
        email_trust: EmailTrust::Claim,
        admission: Arc::default(),
        recheck: Some(Duration::from_mins(5)),
    };
    let client_id = ClientId::parse(&registration.client_id).unwrap();
    let secret = registration.client_secret.clone().into();
    let settings = ProviderSettings::new(description, location.unwrap(), client_id, secret);
    provider(settings, Arc::new(SystemClock)).unwrap()
}
