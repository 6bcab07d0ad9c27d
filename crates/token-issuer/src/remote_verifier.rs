use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use labgate_domain::ports::TokenFault;
use labgate_domain::session::SessionClaims;
use labgate_domain::time::Timestamp;
use reqwest::{Client, StatusCode, Url, redirect};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{Verifier, VerifyError};

/// The time for which keys are used before they are fetched again, so that a withdrawn key is forgotten.
const MAX_AGE: Duration = Duration::from_mins(10);

/// The shortest time between two requests to the lab.
const PAUSE: Duration = Duration::from_mins(1);

/// The same while there are no keys.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest wait for an answer of the lab.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest JWK set, in bytes.
const MAX_LEN: usize = 256 * 1024;

/// A [`Verifier`] that fetches the lab's keys itself: at the first token, when a token names a key that it
/// does not know, and when the keys are ten minutes old. It asks the lab about keys, never about a token, and
/// at most once a minute (every five seconds while it has none); while the lab does not answer, it goes on
/// with the keys that it has.
#[derive(Debug)]
pub struct RemoteVerifier {
    lab: Arc<Lab>,
    /// The time of the last request to the lab. The holder of the lock sends the next one.
    asked_at: Arc<Mutex<Option<Timestamp>>>,
}

/// The lab, and the keys of its last answer.
#[derive(Debug)]
struct Lab {
    client: Client,
    url: Url,
    issuer: String,
    audience: String,
    fetched: RwLock<Option<Fetched>>,
}

#[derive(Clone, Debug)]
struct Fetched {
    verifier: Arc<Verifier>,
    at: Timestamp,
}

impl Fetched {
    /// Keys from the future are not fresh: after a clock was set back they might stay so for years.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.at <= now && now.since(self.at) < MAX_AGE
    }
}

impl RemoteVerifier {
    /// Verifies with the keys at this address, usually the lab's followed by `/.well-known/jwks.json`; for
    /// `issuer` and `audience` see [`Verifier::from_jwks`]. Fetches nothing yet.
    ///
    /// # Errors
    /// When the address is neither https nor http to this machine.
    pub fn new(jwks_url: &str, issuer: &str, audience: &str) -> Result<Self, JwksUrlError> {
        let url = Url::parse(jwks_url).ok().filter(is_safe).ok_or(JwksUrlError)?;
        let mut client = Client::builder().redirect(redirect::Policy::none()).timeout(TIMEOUT);
        if url.scheme() == "http" {
            client = client.no_proxy(); // or it would not stay on this machine
        }
        let client = client.build().map_err(|_| JwksUrlError)?;
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        let lab = Arc::new(Lab { client, url, issuer, audience, fetched: RwLock::default() });
        Ok(Self { lab, asked_at: Arc::default() })
    }

    /// Returns the claims of a token at `now`, as [`Verifier::verify`]. Waits for the lab only when the
    /// token's key is not known or the keys are old, and needs a Tokio runtime for that. A caller that gives
    /// up meanwhile takes nothing from the others: the lab's answer is still awaited.
    ///
    /// # Errors
    /// [`RemoteVerifyError::Token`] for an invalid token, [`RemoteVerifyError::Keys`] without keys to verify
    /// it.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<SessionClaims, RemoteVerifyError> {
        let fetched = self.lab.fetched();
        if let Some(fetched) = fetched.filter(|fetched| fetched.is_fresh(now)) {
            match fetched.verifier.verify(token, now) {
                Err(VerifyError::NotAToken(TokenFault::UnknownKey)) => {}
                answer => return Ok(answer?),
            }
        }
        let verifier = self.refreshed(now).await?;
        Ok(verifier.verify(token, now)?)
    }

    /// Returns the lab's keys of this moment, or the known ones if it was asked a moment ago or does not
    /// answer. Of many calls at once the first asks, and the others find that it did.
    async fn refreshed(&self, now: Timestamp) -> Result<Arc<Verifier>, RemoteVerifyError> {
        let mut asked_at = Arc::clone(&self.asked_at).lock_owned().await;
        let known = self.lab.fetched().map(|fetched| fetched.verifier);
        let pause = if known.is_some() { PAUSE } else { FIRST_PAUSE };
        // A clock that was set back far must not keep us from asking.
        let may_ask = asked_at.is_none_or(|asked| now.since(asked).max(asked.since(now)) >= pause);
        let fetched = if may_ask {
            *asked_at = Some(now);
            // In a task of its own, which goes on when the caller gives up: the others wait for the same
            // answer.
            let fetching = tokio::spawn(Arc::clone(&self.lab).refresh(now, asked_at));
            fetching.await.unwrap_or_else(|error| Err(RemoteVerifyError::Keys(error.to_string())))
        } else {
            Err(RemoteVerifyError::Keys("the lab was asked a moment ago".to_owned()))
        };
        fetched.or_else(|error| known.ok_or(error))
    }
}

impl Lab {
    /// Fetches the keys and keeps them. No other request is sent until `_asking` is dropped.
    async fn refresh(
        self: Arc<Self>,
        now: Timestamp,
        _asking: OwnedMutexGuard<Option<Timestamp>>,
    ) -> Result<Arc<Verifier>, RemoteVerifyError> {
        let verifier = Arc::new(self.fetch().await?);
        let fetched = Fetched { verifier: Arc::clone(&verifier), at: now };
        *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
        Ok(verifier)
    }

    async fn fetch(&self) -> Result<Verifier, RemoteVerifyError> {
        let unreachable = |error: reqwest::Error| RemoteVerifyError::Keys(error.without_url().to_string());
        let mut response = self.client.get(self.url.clone()).send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(RemoteVerifyError::Keys(format!("the answer is {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_LEN {
                return Err(RemoteVerifyError::Keys("the answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        let json = String::from_utf8_lossy(&body);
        Verifier::from_jwks(&json, &self.issuer, &self.audience)
            .map_err(|error| RemoteVerifyError::Keys(error.to_string()))
    }

    fn fetched(&self) -> Option<Fetched> {
        self.fetched.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The reason that a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteVerifyError {
    /// The token does not hold.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// The lab's keys could not be fetched, for the reason given.
    #[error("the lab's keys cannot be fetched: {0}")]
    Keys(String),
}

/// The address is not one to fetch keys from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("keys are fetched by https, or by http from this machine")]
pub struct JwksUrlError;

/// Tells whether the connection is safe from an attacker who replaces the lab's keys.
fn is_safe(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let is_this_machine = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_this_machine)
}

#[cfg(test)]
mod tests;
