mod authorization_request;
mod verification;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::admission::Rule;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{
    CallFailure, CodeRedemption, IdTokenFault, IdentityProvider, LogoutToken, LogoutTokenError, ProviderCall,
    ProviderError, RefreshRequest, Refreshed,
};
use labgate_domain::protocol::{
    AuthorizationRequest, IdTokenHint, Issuer, Nonce, ProviderSessionId, RequestUri, Subject,
};
use labgate_domain::provider::{AuthorizationServer, ProviderDescription, ProviderHealth};
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use serde_json::{Map, Value};
use tracing::Instrument as _;

use crate::cache::Cache;
use crate::client::Client;
use crate::discovery::{self, Provider};
use crate::ensure::ensure;
use crate::exchange::{Exchange, Network};
use crate::graph;
use crate::id_token::VerifiedIdToken;
use crate::jwt::TokenKind;
use crate::keys::{Algorithm, KeySet};
use crate::person::{self, Person};
use crate::settings::{ProviderSettings, Userinfo};
use crate::token::{self, TokenEndpoint, Tokens, check_issuer};
use crate::transport::{Transport, Unusable};
use crate::unchecked::SettingsError;
use crate::userinfo;

/// For how long the last keys are used while the provider does not hand out any.
const KEYS_USABLE_FOR: Duration = Duration::from_hours(24);

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
    /// The algorithm of the ID token that was verified last.
    last_algorithm: Mutex<Option<&'static Algorithm>>,
}

/// The answer of the token endpoint, and the request that it answers.
#[derive(Clone, Copy)]
struct Granted<'a> {
    provider: &'a Arc<Provider>,
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
        Self { settings, transport, clock, provider, last_algorithm: Mutex::default() }
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
        let tokens = tokens.inspect_err(|error| self.doubt_metadata(&provider, error))?;
        let id_token = tokens.id_token().ok_or(ProviderError::IdTokenMissing)?;
        let (nonce, started_at) = (Some(&redemption.nonce), redemption.started_at);
        let granted = Granted { provider: &provider, keys: &keys, tokens: &tokens, nonce, started_at };
        let verified = self.verify(&granted, id_token).await?;
        let wanted = self.settings.userinfo == Userinfo::Always
            || !person::has_email(&verified.claims, &self.settings.claim_names);
        self.identity_of(&granted, verified, wanted).await
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
        let tokens = tokens.inspect_err(|error| self.doubt_metadata(&provider, error))?;
        let granted = Granted { provider: &provider, keys: &keys, tokens: &tokens, nonce: None, started_at };
        let identity = match tokens.id_token() {
            Some(id_token) => self.identity_again(&granted, request, id_token).await,
            None => self.identity_by_userinfo(&granted, request).await,
        };
        Ok(Refreshed { refresh_token: tokens.refresh_token, identity })
    }

    /// Reads the person from a newer ID token. That it is the same person is settled before anything else is
    /// asked that could fail (OpenID Connect Core section 12.2).
    async fn identity_again(
        &self,
        granted: &Granted<'_>,
        request: &RefreshRequest,
        id_token: &str,
    ) -> Result<ExternalIdentity, ProviderError> {
        let verified = self.verify(granted, id_token).await?;
        let person = self.person(granted, &verified.claims, None);
        ensure(verified.issuer == request.issuer, IdTokenFault::Issuer)?;
        ensure(person.subject()? == request.subject, IdTokenFault::Subject)?;
        let lacks_groups = self.settings.description.admission.depend_on_groups() && !person.states_groups();
        let wanted = self.settings.userinfo == Userinfo::Always
            || !person::has_email(&verified.claims, &self.settings.claim_names)
            || lacks_groups;
        self.identity_of(granted, verified, wanted).await
    }

    /// Reads the person from userinfo alone, after a refresh without an ID token (OpenID Connect Core section
    /// 12.2 allows it). What is not said there is not known: it takes no rights away.
    async fn identity_by_userinfo(
        &self,
        granted: &Granted<'_>,
        request: &RefreshRequest,
    ) -> Result<ExternalIdentity, ProviderError> {
        let unsaid = |what: &str| {
            let text = format!("the answer to the refresh token has no ID token, and {what}");
            ProviderError::unavailable(ProviderCall::UserInfo, CallFailure::Content, text)
        };
        let by_sub = granted.provider.kind.quirks.claims.subject == "sub";
        let claims = match granted.provider.metadata().userinfo_endpoint {
            Some(_) if by_sub => self.userinfo(granted, &request.issuer, &request.subject).await?,
            _ => None,
        };
        let claims = claims.ok_or_else(|| unsaid("there is no userinfo that names the person"))?;
        let person = self.person(granted, &claims, Some(&claims));
        let admission = &self.settings.description.admission;
        let unknown = admission.rules().iter().map(Rule::criterion).find(|it| !person.states(*it));
        if let Some(criterion) = unknown {
            return Err(unsaid(&format!("userinfo says nothing for the rule {}", criterion.as_str())));
        }
        ensure(!admission.depend_on_groups() || person.states_groups(), unsaid("userinfo states no groups"))?;
        Ok(ExternalIdentity {
            refresh_token: granted.tokens.refresh_token.clone(),
            ..person.identity(request.issuer.clone())?
        })
    }

    fn person<'a>(
        &'a self,
        granted: &Granted<'a>,
        id_token: &'a Map<String, Value>,
        userinfo: Option<&'a Map<String, Value>>,
    ) -> Person<'a> {
        let provider = granted.provider;
        let (claims, issuer) = (provider.kind.quirks.claims, &provider.metadata().issuer);
        Person::new(id_token, userinfo, claims, issuer, &self.settings)
    }

    fn token_endpoint<'a>(&'a self, provider: &'a Provider) -> TokenEndpoint<'a> {
        TokenEndpoint {
            transport: &self.transport,
            url: provider.token_endpoint(),
            client: self.client(provider),
            code_error: provider.kind.quirks.code_error,
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
    async fn identity_of(
        &self,
        granted: &Granted<'_>,
        verified: VerifiedIdToken,
        wants_userinfo: bool,
    ) -> Result<ExternalIdentity, ProviderError> {
        let Granted { provider, tokens, .. } = *granted;
        let userinfo = if wants_userinfo {
            self.userinfo(granted, &verified.issuer, &verified.subject).await?
        } else {
            None
        };
        let person = self.person(granted, &verified.claims, userinfo.as_ref());
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
            id_token_hint: tokens.id_token().and_then(|token| IdTokenHint::parse(token).ok()),
            refresh_token: tokens.refresh_token.clone().filter(|_| self.asks_again()),
            ..person.identity(verified.issuer)?
        })
    }

    async fn provider(&self) -> Result<Arc<Provider>, ProviderError> {
        self.provider.get(self.find()).await
    }

    async fn find(&self) -> Result<Provider, ProviderError> {
        let before = self.provider.last();
        let new_keys = || Cache::new(Arc::clone(&self.clock), Some(KEYS_USABLE_FOR));
        discovery::find(&self.settings, &self.transport, before.as_deref(), new_keys).await
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

    /// Asks the userinfo endpoint about a person, if there is one.
    async fn userinfo(
        &self,
        granted: &Granted<'_>,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<userinfo::Claims>, ProviderError> {
        let Granted { provider, keys, tokens, .. } = *granted;
        let Some(endpoint) = &provider.metadata().userinfo_endpoint else { return Ok(None) };
        let claims = match userinfo::fetch(&self.transport, endpoint, tokens.access_token()).await? {
            userinfo::Answer::Plain(claims) => claims,
            userinfo::Answer::Signed(token) => {
                let signed = self.signed(&token, TokenKind::UserInfo, provider, keys).await;
                let claims = signed.and_then(|signed| {
                    Ok(userinfo::verify(signed, issuer, self.audiences(provider), self.clock.now())?)
                });
                claims.map_err(|error| match error {
                    ProviderError::IdToken(reason) => ProviderError::SignedUserInfo(reason),
                    other => other,
                })?
            }
        };
        userinfo::about(subject, claims).map(Some)
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
            reauthenticates: provider.kind.quirks.reauthenticates,
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
