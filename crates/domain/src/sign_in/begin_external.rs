use url::Url;

use super::policy::Policy;
use super::provider_list::ProviderList;
use crate::attempt::{AttemptPurpose, PresentedAttempt, SignInAttempt};
use crate::error::{AccessError, SignInError};
use crate::ports::{Observer, SignInEvent};
use crate::protocol::{AuthorizationRequest, Hints, Nonce, PkceVerifier, State};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::{SealError, SealId, Sealed, Sealer};
use crate::world::{Clock, Entropy};

/// The beginning of an external sign-in.
#[derive(Clone, Copy)]
pub struct BeginExternal<'a> {
    /// Know where to send the browser.
    pub providers: ProviderList<'a>,
    /// Seals the attempt.
    pub sealer: &'a dyn Sealer,
    /// Sees the beginning.
    pub observer: &'a dyn Observer,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Makes the attempt's secrets.
    pub entropy: &'a dyn Entropy,
    /// The address to come back to.
    pub policy: &'a Policy,
}

/// A browser on its way to a provider.
#[derive(Debug)]
pub struct BegunSignIn {
    /// The URL to send it to.
    pub authorization_url: Url,
    /// The cookie that it must carry there and back.
    pub cookie: PendingCookie,
    /// Older attempts that it should forget.
    pub dropped: Vec<SealId>,
}

/// A sealed attempt for the browser to carry, for at most [`SignInAttempt::LIFETIME`].
#[derive(Debug)]
pub struct PendingCookie {
    /// The attempt's name, part of the cookie's name.
    pub id: SealId,
    /// The cookie's value.
    pub sealed: Sealed,
}

/// The longest sealed attempts of one browser together, in bytes: a reverse proxy, which allows 8 KiB of
/// headers by default, never refuses its requests for them.
const MAX_TOTAL_LEN: usize = 6 * 1024;

/// The parameters that have a provider authenticate the person anew (OpenID Connect Core section 3.1.2.1).
const ANEW: [(&str, &str); 2] = [("max_age", "0"), ("prompt", "login")];

impl BeginExternal<'_> {
    /// Makes fresh secrets, seals them for the browser to carry, and says where to send it.
    ///
    /// `hints` are for the provider alone, and `pending` are the attempts that the browser carries already.
    pub(super) async fn begin(
        &self,
        provider: Option<&ProviderId>,
        hints: Hints,
        return_to: &ReturnTo,
        pending: &[PresentedAttempt],
        purpose: AttemptPurpose,
    ) -> Result<BegunSignIn, SignInError> {
        let provider = self.providers.get(provider)?;
        let provider_id = provider.description().id;
        let server = provider.authorization_server().await?;
        let anew = matches!(purpose, AttemptPurpose::Prove(_));
        if anew && !server.reauthenticates {
            return Err(AccessError::NotAuthenticatedAnew.into());
        }

        let entropy = self.entropy;
        let attempt = SignInAttempt {
            provider: provider_id.clone(),
            issuer: server.issuer,
            issuer_in_response: server.states_issuer_in_response,
            redirect_uri: self.policy.public_url.redirect_uri(),
            state: State::fresh(entropy),
            nonce: Nonce::fresh(entropy),
            verifier: PkceVerifier::fresh(entropy),
            return_to: return_to.clone(),
            purpose,
            started_at: self.clock.now(),
        };
        let cookie = self.seal(&attempt)?;
        let mut extra = server.extra_parameters;
        let in_url = |name: &str| server.authorization_endpoint.query_pairs().any(|(known, _)| known == name);
        for (name, hint) in server.hint_parameters.of(hints) {
            // What the operator has fixed is not for a link to change, nor to say twice.
            if !in_url(name) && !extra.iter().any(|(known, _)| known == name) {
                extra.push((name.to_owned(), hint.as_str().to_owned()));
            }
        }
        if anew {
            extra.retain(|(name, _)| !ANEW.iter().any(|(known, _)| known == name));
            let anew = ANEW.iter().filter(|(name, _)| !in_url(name));
            extra.extend(anew.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        }
        let endpoint = &server.authorization_endpoint;
        let request = AuthorizationRequest {
            client_id: server.client_id,
            redirect_uri: attempt.redirect_uri,
            scopes: server.scopes,
            state: attempt.state,
            nonce: attempt.nonce,
            code_challenge: attempt.verifier.challenge(),
            extra,
        };

        let authorization_url = if server.pushes_requests {
            request.pushed_url(endpoint, &provider.push(&request).await?)
        } else {
            request.to_url(endpoint)
        };

        self.observer.observe(&SignInEvent::Started { provider: provider_id });
        Ok(BegunSignIn { authorization_url, dropped: self.attempts_to_drop(pending, &cookie), cookie })
    }

    /// A target that makes the sealed attempt too large is given up rather than the sign-in.
    fn seal(&self, attempt: &SignInAttempt) -> Result<PendingCookie, SealError> {
        let port = self.sealer;
        let with_its_target = attempt.seal(port);
        let sealed = with_its_target
            .or_else(|_| SignInAttempt { return_to: ReturnTo::main_page(), ..attempt.clone() }.seal(port))?;
        Ok(PendingCookie { id: attempt.id(), sealed })
    }

    /// Returns the attempts to drop: invalid and expired ones, and the oldest beyond what a browser may
    /// carry.
    fn attempts_to_drop(&self, pending: &[PresentedAttempt], new: &PendingCookie) -> Vec<SealId> {
        let now = self.clock.now();
        let mut drop = Vec::new();
        let mut keep = Vec::new();
        for presented in pending {
            match SignInAttempt::open(presented, self.sealer) {
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
mod tests;
