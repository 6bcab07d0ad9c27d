use url::Url;

use super::SignIn;
use crate::attempt::{AttemptId, PresentedAttempt, SealedAttempt, SignInAttempt};
use crate::error::{Refusal, SignInError};
use crate::ports::{SealError, SignInEvent};
use crate::protocol::{AuthorizationRequest, Nonce, PkceVerifier, State};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;

/// A browser on its way to a provider.
#[derive(Debug)]
pub struct BegunSignIn {
    /// Where to send it.
    pub authorization_url: Url,
    /// What it must carry there and back.
    pub cookie: PendingCookie,
    /// Older attempts that it should forget.
    pub dropped: Vec<AttemptId>,
}

/// A sealed attempt for the browser to carry, for at most [`SignInAttempt::LIFETIME`].
#[derive(Debug)]
pub struct PendingCookie {
    /// The attempt's name, part of the cookie's name.
    pub id: AttemptId,
    /// The cookie's value.
    pub sealed: SealedAttempt,
}

/// How many bytes the sealed attempts of one browser may have together, so that proxies in front of us, which allow
/// 8 KiB of headers by default, never refuse its requests.
const MAX_TOTAL_LEN: usize = 6 * 1024;

impl SignIn {
    /// Begins an external sign-in: makes fresh secrets, seals them for the browser to carry, and says where to send it.
    ///
    /// `pending` are the attempts that the browser carries already.
    ///
    /// # Errors
    /// When there is no such provider, or it cannot be asked for its metadata.
    pub async fn begin_external(
        &self,
        provider: Option<&ProviderId>,
        return_to: ReturnTo,
        pending: &[PresentedAttempt],
    ) -> Result<BegunSignIn, Refusal> {
        self.try_begin_external(provider, &return_to, pending)
            .await
            .map_err(|error| self.refuse(error, None, provider.cloned(), return_to))
    }

    async fn try_begin_external(
        &self,
        provider: Option<&ProviderId>,
        return_to: &ReturnTo,
        pending: &[PresentedAttempt],
    ) -> Result<BegunSignIn, SignInError> {
        let provider = self.provider(provider)?;
        let provider_id = provider.description().id;
        let server = provider.authorization_server().await?;

        let entropy = &*self.ports.entropy;
        let attempt = SignInAttempt {
            provider: provider_id.clone(),
            issuer: server.issuer,
            issuer_in_response: server.states_issuer_in_response,
            redirect_uri: self.policy.public_url.redirect_uri(),
            state: State::fresh(entropy),
            nonce: Nonce::fresh(entropy),
            verifier: PkceVerifier::fresh(entropy),
            return_to: return_to.clone(),
            started_at: self.ports.clock.now(),
        };
        let cookie = self.seal(&attempt)?;
        let request = AuthorizationRequest {
            client_id: server.client_id,
            redirect_uri: attempt.redirect_uri,
            scopes: server.scopes,
            state: attempt.state,
            nonce: attempt.nonce,
            code_challenge: attempt.verifier.challenge(),
            extra: server.extra_parameters,
        };

        self.ports.log.record(SignInEvent::Started { provider: provider_id });
        Ok(BegunSignIn {
            authorization_url: request.to_url(&server.authorization_endpoint),
            dropped: self.attempts_to_drop(pending, &cookie),
            cookie,
        })
    }

    /// A target that makes the sealed attempt too large is given up rather than the sign-in.
    fn seal(&self, attempt: &SignInAttempt) -> Result<PendingCookie, SealError> {
        let port = &*self.ports.sealer;
        let with_its_target = attempt.seal(port);
        let sealed = with_its_target
            .or_else(|_| SignInAttempt { return_to: ReturnTo::main_page(), ..attempt.clone() }.seal(port))?;
        Ok(PendingCookie { id: attempt.id(), sealed })
    }

    /// The oldest attempts beyond what a browser may carry, and those that mean nothing any more.
    fn attempts_to_drop(&self, pending: &[PresentedAttempt], new: &PendingCookie) -> Vec<AttemptId> {
        let now = self.ports.clock.now();
        let mut drop = Vec::new();
        let mut keep = Vec::new();
        for presented in pending {
            match SignInAttempt::open(presented, &*self.ports.sealer) {
                Some(attempt) if !attempt.has_expired(now) => {
                    keep.push((attempt.started_at, presented.id, presented.sealed.as_str().len()));
                }
                _ => drop.push(presented.id),
            }
        }
        keep.sort_by_key(|(started_at, ..)| std::cmp::Reverse(*started_at));
        let mut total = new.sealed.as_str().len();
        for (position, (_, id, len)) in keep.into_iter().enumerate() {
            total += len;
            if position + 1 >= SignInAttempt::MAX_PER_BROWSER || total > MAX_TOTAL_LEN {
                drop.push(id);
            }
        }
        drop
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::testing::World;
    use super::*;
    use crate::error::ErrorCode;
    use crate::ports::{MockIdentityProvider, ProviderCall, ProviderError};
    use crate::provider::{EmailTrust, ProviderDescription};

    fn world() -> World {
        let mut world = World::default();
        world.providers.push(World::provider(false, EmailTrust::Claim));
        world
    }

    #[tokio::test]
    async fn c014_c015_every_start_has_fresh_secrets_and_only_the_challenge_travels() {
        let scene = world().scene();
        let mut seen = HashSet::new();
        for _ in 0..20 {
            let begun = scene.sign_in.begin_external(None, ReturnTo::main_page(), &[]).await.unwrap();
            let query: HashMap<_, _> = begun.authorization_url.query_pairs().into_owned().collect();
            for name in ["state", "nonce", "code_challenge"] {
                let value = query[name].clone();
                assert_eq!(value.len(), 43, "256 bits in base64url");
                assert!(seen.insert(value), "{name} was used before");
            }
            assert_eq!(query["code_challenge_method"], "S256");
            assert_eq!(query["response_type"], "code");
            assert!(!query.contains_key("code_verifier"));
        }
    }

    #[tokio::test]
    async fn c017_the_redirect_uri_is_the_public_urls() {
        let scene = world().scene();
        let begun = scene.sign_in.begin_external(None, ReturnTo::main_page(), &[]).await.unwrap();
        let query: HashMap<_, _> = begun.authorization_url.query_pairs().into_owned().collect();
        assert_eq!(query["redirect_uri"], "https://lab.example/api/auth/oidc/callback");
        assert_eq!(query["scope"], "openid email");
    }

    #[tokio::test]
    async fn c019_a_hundred_starts_leave_five_cookies_and_the_newest_are_kept() {
        let scene = world().scene();
        let mut jar: Vec<PresentedAttempt> = Vec::new();
        let mut order = Vec::new();
        for _ in 0..100 {
            scene.clock.advance(1);
            let begun = scene.sign_in.begin_external(None, ReturnTo::main_page(), &jar).await.unwrap();
            jar.retain(|cookie| !begun.dropped.contains(&cookie.id));
            order.push(begun.cookie.id);
            jar.push(PresentedAttempt { id: begun.cookie.id, sealed: begun.cookie.sealed });
        }
        let kept: Vec<_> = jar.iter().map(|cookie| cookie.id).collect();
        assert_eq!(kept, order[95..]);
    }

    #[tokio::test]
    async fn c019_large_targets_do_not_add_up_beyond_what_proxies_allow() {
        let scene = world().scene();
        let mut jar: Vec<PresentedAttempt> = Vec::new();
        for _ in 0..10 {
            scene.clock.advance(1);
            let target = ReturnTo::or_main_page(&format!("/{}", "a".repeat(1500)));
            let begun = scene.sign_in.begin_external(None, target, &jar).await.unwrap();
            jar.retain(|cookie| !begun.dropped.contains(&cookie.id));
            jar.push(PresentedAttempt { id: begun.cookie.id, sealed: begun.cookie.sealed });
            assert!(jar.iter().map(|cookie| cookie.sealed.as_str().len()).sum::<usize>() <= MAX_TOTAL_LEN);
        }
    }

    #[tokio::test]
    async fn expired_and_foreign_attempts_are_dropped() {
        let scene = world().scene();
        let (old, _) = scene.begin("/").await;
        let foreign = PresentedAttempt { id: old.id, sealed: SealedAttempt::parse("garbage").unwrap() };
        scene.clock.advance(601);
        let begun =
            scene.sign_in.begin_external(None, ReturnTo::main_page(), &[old.clone(), foreign]).await.unwrap();
        assert_eq!(begun.dropped, [old.id, old.id]);
    }

    #[tokio::test]
    async fn an_unknown_provider_is_refused() {
        let scene = world().scene();
        let other = ProviderId::parse("other").unwrap();
        let refusal =
            scene.sign_in.begin_external(Some(&other), ReturnTo::main_page(), &[]).await.unwrap_err();
        assert_eq!(refusal.error.code(), ErrorCode::ProviderUnknown);
        let nobody = World::default().scene();
        let refusal = nobody.sign_in.begin_external(None, ReturnTo::main_page(), &[]).await.unwrap_err();
        assert_eq!(refusal.error.code(), ErrorCode::ProviderUnknown);
    }

    #[tokio::test]
    async fn c003_a_provider_that_is_down_is_a_refusal_that_keeps_the_target() {
        let mut provider = MockIdentityProvider::new();
        provider.expect_description().return_const(ProviderDescription {
            id: ProviderId::parse("external").unwrap(),
            name: "External".to_owned(),
            email_trust: EmailTrust::Claim,
        });
        provider.expect_authorization_server().returning(|| {
            Err(ProviderError::Unavailable { call: ProviderCall::Discovery, reason: "timed out".to_owned() })
        });
        let mut world = World::default();
        world.providers.push(provider);
        let scene = world.scene();
        let refusal =
            scene.sign_in.begin_external(None, ReturnTo::or_main_page("/x"), &[]).await.unwrap_err();
        assert_eq!(refusal.error.code(), ErrorCode::ProviderUnavailable);
        assert_eq!(refusal.return_to.as_str(), "/x");
    }
}
