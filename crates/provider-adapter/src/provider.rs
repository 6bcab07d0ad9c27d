use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{Clock, CodeRedemption, IdentityProvider, ProviderCall, ProviderError};
use labgate_domain::provider::{AuthorizationServer, ProviderDescription, ProviderHealth};
use tracing::{Instrument as _, Span};

use crate::cache::Cache;
use crate::discovery::{self, Provider};
use crate::id_token::{self, Expectation, Refusal, VerifiedIdToken};
use crate::keys::KeySet;
use crate::person::{self, Person};
use crate::settings::{ProviderSettings, SettingsError, Userinfo};
use crate::token::{self, ClientCredentials, Tokens};
use crate::transport::Transport;
use crate::userinfo;

/// For how long the last keys are used while the provider does not hand out any.
const KEYS_USABLE_FOR: Duration = Duration::from_hours(24);

/// An OpenID provider as the core wants it.
///
/// It is found at the first sign-in, not before: a provider that is down keeps nothing from starting, and is found as soon
/// as it is back. Its metadata is read again every hour; what was accepted first stays in use when that fails or shows
/// something else.
pub struct OpenIdProvider {
    settings: ProviderSettings,
    transport: Transport,
    clock: Arc<dyn Clock>,
    provider: Cache<Provider>,
}

impl OpenIdProvider {
    /// Makes one from its settings, without asking anybody.
    ///
    /// # Errors
    /// When the extra certification authorities cannot be read, or the HTTP client cannot be made.
    pub fn new(settings: ProviderSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let transport = Transport::new(settings.extra_ca_pem.as_deref(), settings.limits)?;
        let provider = Cache::new(Arc::clone(&clock), None);
        Ok(Self { settings, transport, clock, provider })
    }

    /// Tells in every log line which provider it is about.
    fn span(&self) -> Span {
        tracing::info_span!("provider", id = self.settings.description.id.as_str())
    }

    /// Redeems a code, step by step.
    async fn identity(&self, redemption: &CodeRedemption) -> Result<ExternalIdentity, ProviderError> {
        let provider = self.provider().await?;
        let issuer = &provider.metadata().issuer;
        if redemption.issuer != *issuer {
            return Err(ProviderError::Misconfigured(format!(
                "the sign-in started at the issuer {}, and the provider is {issuer} now",
                redemption.issuer
            )));
        }
        // Before the code is spent: without keys it would be spent in vain.
        let keys = self.keys(&provider).await?;
        let credentials = ClientCredentials {
            client_id: &self.settings.client_id,
            client_secret: &self.settings.client_secret,
            method: provider.client_authentication.clone(),
        };
        let endpoint = &provider.metadata().token_endpoint;
        let tokens = token::redeem(&self.transport, endpoint, credentials, redemption).await?;
        let verified = self.verify(&provider, &keys, &tokens, redemption).await?;
        let userinfo = self.userinfo(&provider, &tokens, &verified).await?;

        let person = Person::new(&verified.claims, userinfo.as_ref());
        Ok(ExternalIdentity {
            issuer: issuer.clone(),
            email: person.email(),
            name: person.name(),
            groups: person.groups(),
            authentication_methods: person.authentication_methods(),
            authenticated_at: verified.authenticated_at,
            subject: verified.subject,
        })
    }

    async fn provider(&self) -> Result<Arc<Provider>, ProviderError> {
        self.provider.get(self.find()).await
    }

    async fn find(&self) -> Result<Provider, ProviderError> {
        let before = self.provider.last();
        let new_keys = || Cache::new(Arc::clone(&self.clock), Some(KEYS_USABLE_FOR));
        let finding = discovery::find(&self.settings, &self.transport, before.as_deref(), new_keys);
        match tokio::time::timeout(self.settings.limits.discovery_time, finding).await {
            Ok(found) => found,
            Err(_) => Err(ProviderError::Unavailable {
                call: ProviderCall::Discovery,
                reason: "it does not answer in time".to_owned(),
            }),
        }
    }

    async fn keys(&self, provider: &Provider) -> Result<Arc<KeySet>, ProviderError> {
        provider.keys.get(self.fetch_keys(provider)).await
    }

    async fn fetch_keys(&self, provider: &Provider) -> Result<KeySet, ProviderError> {
        discovery::fetch_keys(&self.transport, &provider.metadata().jwks_uri).await
    }

    /// Verifies the identity token; once more with newer keys if that could help.
    async fn verify(
        &self,
        provider: &Provider,
        keys: &Arc<KeySet>,
        tokens: &Tokens,
        redemption: &CodeRedemption,
    ) -> Result<VerifiedIdToken, ProviderError> {
        let expected = Expectation {
            issuer: &provider.metadata().issuer,
            client_id: &self.settings.client_id,
            nonce: &redemption.nonce,
            started_at: redemption.started_at,
            backdating: provider.quirks.backdating,
            access_token: tokens.access_token(),
            now: self.clock.now(),
        };
        let fault = match id_token::verify(tokens.id_token(), keys, &expected) {
            Ok(verified) => return Ok(verified),
            Err(Refusal::Fault(fault)) => return Err(fault.into()),
            Err(Refusal::WithTheseKeys(fault)) => fault,
        };
        let Some(newer) = provider.keys.newer_than(keys, self.fetch_keys(provider)).await? else {
            return Err(fault.into());
        };
        id_token::verify(tokens.id_token(), &newer, &expected).map_err(|refusal| refusal.fault().into())
    }

    /// Asks the userinfo endpoint, if that is wanted.
    async fn userinfo(
        &self,
        provider: &Provider,
        tokens: &Tokens,
        verified: &VerifiedIdToken,
    ) -> Result<Option<userinfo::Claims>, ProviderError> {
        let wanted = match self.settings.userinfo {
            Userinfo::Always => true,
            Userinfo::WhenEmailIsMissing => !person::has_email(&verified.claims),
        };
        let Some(endpoint) = provider.metadata().userinfo_endpoint.as_ref().filter(|_| wanted) else {
            return Ok(None);
        };
        let claims =
            userinfo::fetch(&self.transport, endpoint, tokens.access_token(), &verified.subject).await?;
        Ok(Some(claims))
    }
}

#[async_trait]
impl IdentityProvider for OpenIdProvider {
    fn description(&self) -> ProviderDescription {
        self.settings.description.clone()
    }

    fn health(&self) -> ProviderHealth {
        match (self.provider.health(), self.provider.last().map(|provider| provider.keys.health())) {
            (ProviderHealth::Ready, Some(keys @ ProviderHealth::Unavailable { .. })) => keys,
            (health, _) => health,
        }
    }

    async fn authorization_server(&self) -> Result<AuthorizationServer, ProviderError> {
        let provider = self.provider().instrument(self.span()).await?;
        let metadata = provider.metadata();
        Ok(AuthorizationServer {
            issuer: metadata.issuer.clone(),
            authorization_endpoint: metadata.authorization_endpoint.url().clone(),
            states_issuer_in_response: metadata.authorization_response_iss_parameter_supported,
            client_id: self.settings.client_id.clone(),
            scopes: self.settings.scopes.clone(),
            extra_parameters: Vec::new(),
        })
    }

    async fn redeem(&self, redemption: CodeRedemption) -> Result<ExternalIdentity, ProviderError> {
        self.identity(&redemption).instrument(self.span()).await
    }
}
