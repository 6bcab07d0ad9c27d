//! Asking a provider again about somebody, by the adapter alone: Labgate itself does so every few minutes.

use std::sync::Arc;
use std::time::Duration;

use labgate::world::{OsEntropy, SystemClock};
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{
    Clock as _, CodeRedemption, IdentityProvider, ProviderError, RefreshRequest, Refreshed,
};
use labgate_domain::protocol::{
    AuthorizationCode, AuthorizationRequest, ClientId, Nonce, PkceVerifier, RedirectUri, State,
};
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
use labgate_provider::{Location, PlainHttpOrigins, ProviderSettings, provider};

use super::world::{Provider, World};

/// A provider, and what it said of somebody who signed in.
pub(super) struct Asking {
    provider: Arc<dyn IdentityProvider>,
    pub(super) identity: ExternalIdentity,
}

impl Asking {
    /// Signs somebody in as the lab does.
    pub(super) async fn about<P: Provider>(world: &mut World<P>, person: &str) -> Self {
        let provider = asked_again(world);
        let server = provider.authorization_server().await.unwrap();
        let (nonce, verifier) = (Nonce::fresh(&OsEntropy), PkceVerifier::fresh(&OsEntropy));
        let redirect_uri = RedirectUri::parse(&world.at_lab("/api/auth/oidc/callback")).unwrap();
        let started_at = SystemClock.now();
        let request = AuthorizationRequest {
            client_id: server.client_id,
            redirect_uri: redirect_uri.clone(),
            scopes: server.scopes,
            state: State::fresh(&OsEntropy),
            nonce: nonce.clone(),
            code_challenge: verifier.challenge(),
            extra: server.extra_parameters,
        };
        let page = world.browser.open(request.to_url(&server.authorization_endpoint).as_str()).await;
        let page = world.provider.sign_in(&mut world.browser, page, person).await;
        // The lab did not begin this sign-in and refuses it, so the code is there for us.
        let page = world.assert_is_at_lab(page);
        let code = page.url.query_pairs().find(|(name, _)| name == "code").expect("no code").1.into_owned();
        let code = AuthorizationCode::parse(&code).unwrap();
        let issuer = server.issuer;
        let redemption = CodeRedemption { code, verifier, nonce, redirect_uri, issuer, started_at };
        let identity = provider.redeem(redemption).await.unwrap();
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
