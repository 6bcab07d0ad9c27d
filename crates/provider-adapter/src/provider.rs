use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{
    CallFailure, CodeRedemption, IdTokenFault, IdentityProvider, LogoutToken, LogoutTokenError,
    LogoutTokenFault, ProviderCall, ProviderError, RefreshRequest, Refreshed,
};
use labgate_domain::protocol::{
    AuthorizationRequest, IdTokenHint, Issuer, Nonce, ProviderSessionId, RequestUri, Scopes,
};
use labgate_domain::provider::{AuthorizationServer, ProviderDescription, ProviderHealth};
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use serde_json::{Map, Value};
use tracing::Instrument as _;

use crate::cache::Cache;
use crate::client::Client;
use crate::derivation::ProviderMetadata;
use crate::discovery::{self, Provider};
use crate::ensure::ensure;
use crate::exchange::{Exchange, Network};
use crate::graph;
use crate::id_token::{self, Expectation, VerifiedIdToken};
use crate::jwt::{self, Refusal, SignedToken, TokenKind};
use crate::keys::KeySet;
use crate::kinds::entra::tenants;
use crate::logout_token;
use crate::person::{self, Person};
use crate::quirks::Offline;
use crate::settings::{ProviderSettings, Userinfo};
use crate::token::{self, TokenEndpoint, Tokens, check_issuer};
use crate::transport::{Transport, Unusable};
use crate::unchecked::SettingsError;
use crate::userinfo;

/// For how long the last keys are used while the provider does not hand out any.
const KEYS_USABLE_FOR: Duration = Duration::from_hours(24);

/// Asks for a refresh token (OpenID Connect Core section 11).
const OFFLINE_ACCESS: &str = "offline_access";

/// An OpenID provider as the core wants it.
///
/// It is found at the first sign-in, not before: a provider that is down keeps nothing from starting, and is
/// found as soon as it is back. Its metadata is read again every hour; what was accepted first stays in use
/// when that fails or shows something else.
pub struct OpenIdProvider {
    settings: ProviderSettings,
    transport: Transport,
    clock: Arc<dyn Clock>,
    provider: Cache<Provider>,
}

/// The answer of the token endpoint, and the request that it answers.
#[derive(Clone, Copy)]
struct Granted<'a> {
    provider: &'a Provider,
    keys: &'a Arc<KeySet>,
    tokens: &'a Tokens,
    /// `None` for the answer to a refresh token.
    nonce: Option<&'a Nonce>,
    started_at: Timestamp,
}

impl OpenIdProvider {
    /// Makes a provider from its settings, without a request.
    ///
    /// # Errors
    /// If the settings contradict each other, the extra certification authorities cannot be read, or the HTTP
    /// client cannot be made.
    pub fn new(settings: ProviderSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let network = Arc::new(Network::new(&settings)?);
        Ok(Self::over(settings, clock, network))
    }

    /// Makes a provider over this HTTP client.
    pub(crate) fn over(
        settings: ProviderSettings,
        clock: Arc<dyn Clock>,
        exchange: Arc<dyn Exchange>,
    ) -> Self {
        let transport = Transport::new(exchange, &settings);
        let provider = Cache::new(Arc::clone(&clock), None);
        Self { settings, transport, clock, provider }
    }

    /// Redeems a code, step by step.
    async fn identity(&self, redemption: &CodeRedemption) -> Result<ExternalIdentity, ProviderError> {
        let provider = self.provider().await?;
        check_issuer(redemption, &provider.metadata().issuer)?;
        // Before the code is spent: without keys it would be spent in vain.
        let keys = self.keys(&provider).await?;
        let mut tokens = self.token_endpoint(&provider).redeem(redemption).await;
        if self.has_another_secret(&tokens) {
            tokens = self.token_endpoint(&provider).redeem(redemption).await;
        }
        let tokens = tokens?;
        let (nonce, started_at) = (Some(&redemption.nonce), redemption.started_at);
        self.identity_of(&Granted { provider: &provider, keys: &keys, tokens: &tokens, nonce, started_at })
            .await
    }

    /// Asks again about a person, step by step. The error is what went wrong before the refresh token was
    /// spent.
    async fn refreshed(&self, request: &RefreshRequest) -> Result<Refreshed, ProviderError> {
        let provider = self.provider().await?;
        // A token of another provider is not for this one to see.
        ensure(provider.metadata().issuer.stands_for(&request.issuer), IdTokenFault::Issuer)?;
        // Before the refresh token is spent: without keys it would be spent in vain.
        let keys = self.keys(&provider).await?;
        let started_at = self.clock.now();
        let mut tokens = self.token_endpoint(&provider).refresh(request).await;
        if self.has_another_secret(&tokens) {
            tokens = self.token_endpoint(&provider).refresh(request).await;
        }
        let tokens = tokens?;
        let granted = Granted { provider: &provider, keys: &keys, tokens: &tokens, nonce: None, started_at };
        let identity = self.identity_of(&granted).await.and_then(|identity| {
            ensure(identity.issuer == request.issuer, IdTokenFault::Issuer)?;
            ensure(identity.subject == request.subject, IdTokenFault::Subject)?;
            Ok(identity)
        });
        Ok(Refreshed { refresh_token: tokens.refresh_token, identity })
    }

    fn token_endpoint<'a>(&'a self, provider: &'a Provider) -> TokenEndpoint<'a> {
        TokenEndpoint {
            transport: &self.transport,
            url: provider.token_endpoint(),
            client: self.client(provider),
            fails_for_codes: provider.kind.quirks.fails_for_codes,
        }
    }

    fn client<'a>(&'a self, provider: &'a Provider) -> Client<'a> {
        Client::new(
            &self.settings.client_id,
            provider.client_authentication,
            &self.settings.credentials,
            provider.audience(),
            &provider.metadata().token_endpoint_auth_signing_alg_values_supported,
            self.clock.now(),
        )
    }

    /// Pushes an authorization request.
    async fn pushed(&self, request: &AuthorizationRequest) -> Result<RequestUri, ProviderError> {
        let provider = self.provider().await?;
        let endpoint = provider.push_endpoint().ok_or_else(|| {
            ProviderError::Misconfigured("the provider has no endpoint for pushed requests".to_owned())
        })?;
        let push = async || token::push(&self.transport, endpoint, &self.client(&provider), request).await;
        let mut pushed = push().await;
        if self.has_another_secret(&pushed) {
            pushed = push().await;
        }
        pushed
    }

    /// Returns whether to send the request once more: the client was refused, so nothing was spent, and the
    /// file of its secret holds another one by now.
    fn has_another_secret<T>(&self, answer: &Result<T, ProviderError>) -> bool {
        matches!(answer, Err(ProviderError::ClientRejected(_))) && self.settings.credentials.renew_secret()
    }

    /// Reads the person from the tokens and from what can be asked for with them. Where they are no answer to
    /// a sign-in, it is an error when groups could not be asked for on which something depends.
    async fn identity_of(&self, granted: &Granted<'_>) -> Result<ExternalIdentity, ProviderError> {
        let Granted { provider, tokens, .. } = *granted;
        let verified = self.verify(granted).await?;
        let userinfo = self.userinfo(provider, tokens, &verified).await?;

        let claims = provider.kind.quirks.claims;
        let issuer = &provider.metadata().issuer;
        let person = Person::new(&verified.claims, userinfo.as_ref(), claims, issuer, &self.settings);
        let groups = match self.groups_elsewhere(provider, tokens, &person).await {
            Ok(groups) => groups,
            Err(failure)
                if granted.nonce.is_none() && self.settings.description.admission.depend_on_groups() =>
            {
                return Err(ProviderError::unavailable(ProviderCall::Groups, failure.cause, failure.text));
            }
            Err(failure) => {
                tracing::warn!(reason = failure.text, "the person's groups are not all known");
                None
            }
        };
        let person = person.with_groups(groups);
        Ok(ExternalIdentity {
            authenticated_at: verified.authenticated_at,
            session: session(&verified.claims),
            id_token_hint: IdTokenHint::parse(tokens.id_token()).ok(),
            refresh_token: tokens.refresh_token.clone().filter(|_| self.asks_again()),
            ..person.identity(verified.issuer)?
        })
    }

    async fn provider(&self) -> Result<Arc<Provider>, ProviderError> {
        let find = async {
            let before = self.provider.last();
            let new_keys = || Cache::new(Arc::clone(&self.clock), Some(KEYS_USABLE_FOR));
            discovery::find(&self.settings, &self.transport, before.as_deref(), new_keys).await
        };
        self.provider.get(find).await
    }

    async fn keys(&self, provider: &Provider) -> Result<Arc<KeySet>, ProviderError> {
        provider.keys.get(self.fetch_keys(provider)).await
    }

    async fn fetch_keys(&self, provider: &Provider) -> Result<KeySet, ProviderError> {
        discovery::fetch_keys(&self.transport, &provider.metadata().jwks_uri).await
    }

    /// Verifies the ID token.
    async fn verify(&self, granted: &Granted<'_>) -> Result<VerifiedIdToken, ProviderError> {
        let Granted { provider, keys, tokens, nonce, started_at } = *granted;
        let token = self.signed(tokens.id_token(), TokenKind::Id, provider, keys).await?;
        let tenant = provider.kind.quirks.claims.tenant;
        let issuer = tenants::issuer_of(&provider.metadata().issuer, tenant, &token.claims)?;
        let fits = tenants::key_is_for(token.key.issuer.as_deref(), &issuer, tenant, &token.claims);
        ensure(fits, IdTokenFault::UnknownKey)?;
        let expected = Expectation {
            issuer: &issuer,
            client_id: &self.settings.client_id,
            nonce,
            started_at,
            backdating: provider.kind.quirks.backdating,
            mark: provider.kind.quirks.id_token_mark,
            access_token: tokens.access_token(),
            now: self.clock.now(),
        };
        let verified = id_token::verify(token, &expected)?;
        if nonce.is_some() {
            self.settings.authorization_parameters.check(&verified.claims, expected.now)?;
        }
        Ok(verified)
    }

    /// Verifies a token's signature; once more with newer keys if that could help.
    async fn signed(
        &self,
        token: &str,
        kind: TokenKind,
        provider: &Provider,
        keys: &Arc<KeySet>,
    ) -> Result<SignedToken, ProviderError> {
        let fault = match jwt::verify(token, kind, keys) {
            Ok(signed) => return Ok(signed),
            Err(Refusal::Fault(fault)) => return Err(fault.into()),
            Err(Refusal::WithTheseKeys(fault)) => fault,
        };
        let newer = provider.keys.newer_than(keys, kind, self.fetch_keys(provider)).await?;
        let newer = newer.ok_or(fault)?;
        jwt::verify(token, kind, &newer).map_err(|refusal| refusal.fault().into())
    }

    /// Verifies a logout token, step by step.
    async fn logout(&self, token: &str) -> Result<LogoutToken, LogoutTokenError> {
        let stated = jwt::unverified_issuer(token).map_err(LogoutTokenFault::from)?;
        // A template is no token's issuer, and Entra sends no logout tokens anyway.
        let stated = stated.filter(|issuer| !issuer.contains(ProviderMetadata::TENANT_TEMPLATE));
        let stated = stated.ok_or(LogoutTokenError::OfAnotherIssuer)?;
        let check = |issuer: &Issuer| ensure(stated == issuer.as_str(), LogoutTokenError::OfAnotherIssuer);
        // Before any request: most tokens that are not ours cost no request.
        self.settings.configured_issuer().map_or(Ok(()), check)?;
        self.provider.last().map_or(Ok(()), |provider| check(&provider.metadata().issuer))?;
        let provider = self.provider().await?;
        let issuer = &provider.metadata().issuer;
        check(issuer)?;
        let keys = self.keys(&provider).await?;
        let signed = self.signed(token, TokenKind::Logout, &provider, &keys).await;
        let signed = signed.map_err(|error| match error {
            ProviderError::IdToken(fault) => LogoutTokenError::Invalid(fault.into()),
            other => LogoutTokenError::Provider(other),
        })?;
        Ok(logout_token::verify(&signed, issuer, &self.settings.client_id, self.clock.now())?)
    }

    /// Asks for the groups that the ID token had no room for, if that is wanted. Without them the rest is as
    /// good as before, so nothing that goes wrong here ends a sign-in by itself.
    async fn groups_elsewhere(
        &self,
        provider: &Provider,
        tokens: &Tokens,
        person: &Person<'_>,
    ) -> Result<Option<Vec<String>>, Unusable> {
        if !self.settings.fetch_groups || !person.has_groups_elsewhere() {
            return Ok(None);
        }
        let asking = graph::groups(&self.transport, provider.metadata(), tokens.access_token());
        let in_time = tokio::time::timeout(self.settings.limits.token_time, asking).await;
        let late = || Unusable {
            cause: CallFailure::Timeout,
            text: "Microsoft Graph does not answer in time".to_owned(),
        };
        in_time.unwrap_or_else(|_| Err(late())).map(Some)
    }

    /// The scopes to ask for.
    fn scopes(&self, offline: Offline) -> Scopes {
        let configured = self.settings.scopes.to_parameter();
        let graph = self.settings.fetch_groups.then_some(graph::SCOPE);
        let offline = match offline {
            Offline::Scope | Offline::ScopeWithConsent => Some(OFFLINE_ACCESS),
            Offline::Always | Offline::Parameters(_) => None,
        };
        let further: Vec<&str> = [graph, offline].into_iter().flatten().collect();
        let all =
            configured.split(' ').filter(|scope| !further.contains(scope)).chain(further.iter().copied());
        Scopes::with_openid(all).unwrap_or_else(|_| self.settings.scopes.clone())
    }

    /// The parameters of the operator's hint, and those that bring a refresh token.
    fn extra_parameters(&self, offline: Offline) -> Vec<(String, String)> {
        let mut parameters = self.settings.extra_parameters();
        let offline: &[(&str, &str)] = match offline {
            Offline::Scope | Offline::Always => &[],
            Offline::ScopeWithConsent => &[("prompt", "consent")],
            Offline::Parameters(parameters) => parameters,
        };
        for (name, value) in offline {
            // The operator's word about a parameter is the last one.
            if !parameters.iter().any(|(known, _)| known == name) {
                parameters.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        parameters
    }

    /// The demand for a refresh token, where one is wanted. A provider that lists its scopes without the one
    /// for that would refuse the whole request for it.
    fn offline(&self, provider: &Provider) -> Offline {
        let scopes = &provider.metadata().scopes_supported;
        let knows_scope = scopes.is_empty() || scopes.iter().any(|scope| scope == OFFLINE_ACCESS);
        match provider.kind.quirks.offline {
            _ if !self.asks_again() => Offline::Always,
            Offline::Scope | Offline::ScopeWithConsent if !knows_scope => Offline::Always,
            offline => offline,
        }
    }

    /// Returns whether sessions are revalidated at the provider.
    fn asks_again(&self) -> bool {
        self.settings.description.revalidation.is_some()
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
            Userinfo::WhenEmailIsMissing => !person::has_email(&verified.claims, &self.settings.claim_names),
        };
        let Some(endpoint) = provider.metadata().userinfo_endpoint.as_ref().filter(|_| wanted) else {
            return Ok(None);
        };
        userinfo::fetch(&self.transport, endpoint, tokens.access_token(), &verified.subject).await.map(Some)
    }
}

#[async_trait]
impl IdentityProvider for OpenIdProvider {
    fn description(&self) -> ProviderDescription {
        self.settings.description.clone()
    }

    fn explain(&self, words: &str) -> Option<&'static str> {
        let kind = self.provider.last().map_or_else(|| self.settings.kind(), |provider| provider.kind);
        kind.explain(words).map(|explanation| explanation.sentence)
    }

    fn health(&self) -> ProviderHealth {
        match (self.provider.health(), self.provider.last().map(|provider| provider.keys.health())) {
            (ProviderHealth::Ready, Some(keys @ ProviderHealth::Unavailable { .. })) => keys,
            (health, _) => health,
        }
    }

    async fn authorization_server(&self) -> Result<AuthorizationServer, ProviderError> {
        let provider = self.provider().instrument(self.settings.span()).await?;
        let metadata = provider.metadata();
        let offline = self.offline(&provider);
        Ok(AuthorizationServer {
            issuer: metadata.issuer.clone(),
            authorization_endpoint: metadata.authorization_endpoint.url().clone(),
            end_session_endpoint: provider.end_session_endpoint(),
            states_issuer_in_response: metadata.authorization_response_iss_parameter_supported,
            pushes_requests: provider.push_endpoint().is_some(),
            client_id: self.settings.client_id.clone(),
            scopes: self.scopes(offline),
            extra_parameters: self.extra_parameters(offline),
            hint_parameters: self.settings.kind().hints,
        })
    }

    async fn push(&self, request: &AuthorizationRequest) -> Result<RequestUri, ProviderError> {
        self.pushed(request).instrument(self.settings.span()).await
    }

    async fn redeem(&self, redemption: CodeRedemption) -> Result<ExternalIdentity, ProviderError> {
        self.identity(&redemption).instrument(self.settings.span()).await
    }

    async fn refresh(&self, request: RefreshRequest) -> Refreshed {
        self.refreshed(&request).instrument(self.settings.span()).await.unwrap_or_else(Refreshed::from)
    }

    async fn verify_logout_token(&self, token: &str) -> Result<LogoutToken, LogoutTokenError> {
        self.logout(token).instrument(self.settings.span()).await
    }
}

/// The provider's name for the session, if the ID token has a usable one; it is optional.
fn session(claims: &Map<String, Value>) -> Option<ProviderSessionId> {
    claims.get("sid")?.as_str().and_then(|sid| ProviderSessionId::parse(sid).ok())
}
