//! The verification of the provider's tokens, with its keys and, where they may have changed, its newer ones.

use std::sync::{Arc, PoisonError};

use labgate_domain::ports::{
    CallFailure, IdTokenFault, InvalidToken, LogoutToken, LogoutTokenError, LogoutTokenFault, ProviderCall,
    ProviderError,
};
use labgate_domain::protocol::Issuer;

use super::{Granted, OpenIdProvider};
use crate::cache::Newer;
use crate::derivation::ProviderMetadata;
use crate::discovery::{self, Provider};
use crate::ensure::ensure;
use crate::id_token::{self, Expectation, VerifiedIdToken};
use crate::jwt::{self, Audiences, Refusal, SignedToken, TokenKind};
use crate::keys::{Algorithm, KeySet};
use crate::kinds::entra::tenants;
use crate::logout_token;
use crate::quirks::FurtherAudiences;

impl OpenIdProvider {
    pub(super) async fn keys(&self, provider: &Arc<Provider>) -> Result<Arc<KeySet>, ProviderError> {
        let keys = provider.keys.get(self.fetch_keys(provider)).await;
        keys.inspect_err(|error| self.doubt_metadata(provider, error))
    }

    /// Reads the metadata again at the next use, where that could mend an error: an endpoint has moved, or
    /// takes another client authentication by now.
    pub(super) fn doubt_metadata(&self, provider: &Arc<Provider>, error: &ProviderError) {
        let may_have_changed = match error {
            ProviderError::ClientRejected(_) | ProviderError::Misconfigured(_) => true,
            ProviderError::Unavailable { cause, .. } => !matches!(cause, CallFailure::Status(429 | 500..)),
            _ => false,
        };
        if may_have_changed {
            self.provider.doubt(provider, TokenKind::Id);
        }
    }

    /// What the provider publishes by now, if that differs in the keys' place or the algorithms.
    async fn newer_provider(&self, seen: &Arc<Provider>, kind: TokenKind) -> Option<Arc<Provider>> {
        let Ok(Newer::Document(newer)) = self.provider.newer_than(seen, kind, self.find()).await else {
            return None;
        };
        let (old, new) = (seen.metadata(), newer.metadata());
        let differs = old.jwks_uri != new.jwks_uri
            || old.id_token_signing_alg_values_supported != new.id_token_signing_alg_values_supported
            || old.userinfo_signing_alg_values_supported != new.userinfo_signing_alg_values_supported;
        differs.then_some(newer)
    }

    async fn fetch_keys(&self, provider: &Provider) -> Result<KeySet, ProviderError> {
        discovery::fetch_keys(&self.transport, &provider.metadata().jwks_uri).await
    }

    /// Verifies the ID token.
    pub(super) async fn verify(
        &self,
        granted: &Granted<'_>,
        id_token: &str,
    ) -> Result<VerifiedIdToken, ProviderError> {
        let Granted { provider, keys, tokens, nonce, started_at } = *granted;
        let token = self.signed(id_token, TokenKind::Id, provider, keys).await?;
        let algorithm = token.algorithm;
        let tenant = provider.kind.quirks.claims.tenant;
        let issuer = tenants::issuer_of(&provider.metadata().issuer, tenant, &token.claims)?;
        let fits = tenants::key_is_for(token.key.issuer.as_deref(), &issuer, tenant, &token.claims);
        ensure(fits, IdTokenFault::UnknownKey)?;
        let expected = Expectation {
            issuer: &issuer,
            audiences: self.audiences(provider),
            nonce,
            started_at,
            backdating: provider.kind.quirks.backdating,
            mark: provider.kind.quirks.id_token_mark,
            access_token: tokens.access_token(),
            now: self.clock.now(),
        };
        let verified = id_token::verify(token, &expected)?;
        *self.last_algorithm.lock().unwrap_or_else(PoisonError::into_inner) = Some(algorithm);
        if nonce.is_some() {
            self.settings.authorization_parameters.check(&verified.claims, expected.now)?;
        }
        Ok(verified)
    }

    pub(super) fn audiences(&self, provider: &Provider) -> Audiences<'_> {
        Audiences {
            client_id: &self.settings.client_id,
            trusted: &self.settings.trusted_audiences,
            by_authorized_party: provider.kind.quirks.further_audiences
                == FurtherAudiences::ByAuthorizedParty,
        }
    }

    /// The algorithms that a token of this kind may have: those on our list that the provider states.
    ///
    /// A logout token has the one algorithm that the client's ID tokens have (Back-Channel Logout section
    /// 2.4): that of the settings, else that of the last ID token, else RS256, the default of a client's
    /// registration, where the provider has such keys.
    fn algorithms(&self, kind: TokenKind, provider: &Provider, keys: &KeySet) -> Vec<&'static Algorithm> {
        let metadata = provider.metadata();
        if kind == TokenKind::UserInfo {
            return Algorithm::among(&metadata.userinfo_signing_alg_values_supported);
        }
        if let Some(only) = self.settings.id_token_algorithm {
            return vec![only];
        }
        let accepted = Algorithm::among(&metadata.id_token_signing_alg_values_supported);
        if kind == TokenKind::Logout {
            let last = *self.last_algorithm.lock().unwrap_or_else(PoisonError::into_inner);
            let has_key = |it: &&Algorithm| keys.algorithms().any(|of_key| of_key == *it);
            let default = Algorithm::parse("RS256").filter(|it| accepted.contains(it)).filter(has_key);
            if let Some(only) = last.or(default) {
                return vec![only];
            }
        }
        accepted
    }

    /// Verifies a token's signature; once more with newer metadata if that could help.
    pub(super) async fn signed(
        &self,
        token: &str,
        kind: TokenKind,
        provider: &Arc<Provider>,
        keys: &Arc<KeySet>,
    ) -> Result<SignedToken, ProviderError> {
        let error = match self.signed_by(token, kind, provider, keys).await {
            Ok(signed) => return Ok(signed),
            Err(error) => error,
        };
        let may_have_changed = match &error {
            ProviderError::IdToken(InvalidToken { fault: IdTokenFault::Algorithm, .. }) => {
                jwt::has_known_algorithm(token)
            }
            ProviderError::IdToken(InvalidToken { fault: IdTokenFault::UnknownKey, .. })
            | ProviderError::Unavailable { call: ProviderCall::Jwks, .. } => true,
            _ => false,
        };
        if !may_have_changed {
            return Err(error);
        }
        let newer = self.newer_provider(provider, kind).await.ok_or(error)?;
        let keys = self.keys(&newer).await?;
        self.signed_by(token, kind, &newer, &keys).await
    }

    /// Verifies a token's signature; once more with newer keys if that could help.
    async fn signed_by(
        &self,
        token: &str,
        kind: TokenKind,
        provider: &Provider,
        keys: &Arc<KeySet>,
    ) -> Result<SignedToken, ProviderError> {
        let verify = |keys: &KeySet| jwt::verify(token, kind, keys, &self.algorithms(kind, provider, keys));
        let refusal = match verify(keys) {
            Ok(signed) => return Ok(signed),
            Err(Refusal::Token(reason)) => return Err(reason.into()),
            Err(Refusal::WithTheseKeys(reason)) => reason,
        };
        match provider.keys.newer_than(keys, kind, self.fetch_keys(provider)).await? {
            Newer::Document(newer) => verify(&newer).map_err(|refusal| refusal.reason().into()),
            Newer::In(wait) => {
                let before = refusal.detail.map(|detail| format!("{detail}; ")).unwrap_or_default();
                let text = format!("{before}its keys can be fetched again in {} s", wait.as_secs());
                Err(InvalidToken::new(refusal.fault, text).into())
            }
        }
    }

    /// Verifies a logout token, step by step.
    pub(super) async fn logout(&self, token: &str) -> Result<LogoutToken, LogoutTokenError> {
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
            ProviderError::IdToken(reason) => LogoutTokenError::Invalid(reason.into()),
            other => LogoutTokenError::Provider(other),
        })?;
        Ok(logout_token::verify(&signed, issuer, self.audiences(&provider), self.clock.now())?)
    }
}
