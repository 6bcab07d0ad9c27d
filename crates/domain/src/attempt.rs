//! One trip to a provider and back.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::people::AccountId;
use crate::protocol::{Issuer, Malformed, Nonce, PkceVerifier, RedirectUri, State};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::{SealError, Sealer};
use crate::session::SessionId;
use crate::time::Timestamp;
use crate::world::Entropy;

/// Names an attempt without giving away its `state`: the first half of the state's SHA-256, 22 characters of base64url.
/// The browser's cookie is named after it, so several tabs can be under way side by side.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealId([u8; 16]);

impl SealId {
    /// The attempt that this `state` belongs to.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(Sha256::digest(state.as_str())) {
            *to = from;
        }
        Self(id)
    }

    /// The id under which a logout token is spent: its `jti` is unique within its issuer.
    #[must_use]
    pub fn of_logout_token(issuer: &Issuer, id: &str) -> Self {
        let mut bytes = [0; 16];
        let digest =
            Sha256::new().chain_update("logout token\0").chain_update(issuer.as_str()).chain_update("\0");
        for (to, from) in bytes.iter_mut().zip(digest.chain_update(id).finalize()) {
            *to = from;
        }
        Self(bytes)
    }

    /// The id under which something of a session is sealed, so that it opens for no other session.
    #[must_use]
    pub(crate) fn of_session(session: SessionId) -> Self {
        let mut bytes = [0; 16];
        let digest = Sha256::new().chain_update("session\0").chain_update(session.to_string());
        for (to, from) in bytes.iter_mut().zip(digest.finalize()) {
            *to = from;
        }
        Self(bytes)
    }

    /// A fresh id, for what is sealed without a state.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        Self(id)
    }

    /// Takes an id from a cookie's name.
    ///
    /// # Errors
    /// When it is not 16 bytes in base64url.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let refused = Malformed("attempt id");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).map_err(|_| refused)?;
        bytes.try_into().map(Self).map_err(|_| refused)
    }

    /// The id's bytes, for the store and for binding a seal to it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SealId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SealId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealId({self})")
    }
}

/// An attempt as the browser carries it: sealed, so it can neither be read nor changed.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// The longest sealed attempt, in bytes: with its name it stays well under a cookie's 4096.
    pub const MAX_LEN: usize = 3800;

    /// Takes a sealed attempt from a sealer or from a cookie.
    ///
    /// # Errors
    /// When it is longer than [`Self::MAX_LEN`] or is not base64url.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !value.is_empty() && value.len() <= Self::MAX_LEN && value.bytes().all(allowed) {
            Ok(Self(value.to_owned()))
        } else {
            Err(Malformed("sealed attempt"))
        }
    }

    /// The sealed attempt as it stands in the cookie.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed([redacted])")
    }
}

/// A sealed attempt under the id that its cookie's name states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedAttempt {
    /// From the cookie's name.
    pub id: SealId,
    /// From the cookie's value.
    pub sealed: Sealed,
}

/// Everything that one trip to a provider must remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInAttempt {
    /// Where the browser was sent.
    pub provider: ProviderId,
    /// The provider's issuer at that moment: the only one whose answer counts.
    pub issuer: Issuer,
    /// Whether that issuer promised to state itself in the response (RFC 9207).
    pub issuer_in_response: bool,
    /// Where the browser was told to come back to.
    pub redirect_uri: RedirectUri,
    /// Names the attempt.
    pub state: State,
    /// Must stand in the identity token.
    pub nonce: Nonce,
    /// Redeems the code.
    pub verifier: PkceVerifier,
    /// Where the person wanted to go.
    pub return_to: ReturnTo,
    /// The account that the identity is to open from now on, too, when its person asked for that; nobody is signed in
    /// then.
    pub link_to: Option<AccountId>,
    /// When it was started.
    pub started_at: Timestamp,
}

impl SignInAttempt {
    /// How long a person may take at the provider.
    pub const LIFETIME: Duration = Duration::from_mins(10);

    /// How many attempts one browser may have under way; with one more, the oldest is dropped.
    pub const MAX_PER_BROWSER: usize = 5;

    /// Names this attempt.
    #[must_use]
    pub fn id(&self) -> SealId {
        SealId::of(&self.state)
    }

    /// When it expires.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.started_at.plus(Self::LIFETIME)
    }

    /// Whether it is too late, or (after the clock was set back) too early, to use it.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at() || now.plus(Self::LIFETIME) < self.started_at
    }

    /// Seals it for the browser to carry.
    ///
    /// # Errors
    /// When the sealer has no key.
    pub fn seal(&self, sealer: &dyn Sealer) -> Result<Sealed, SealError> {
        let written = Written {
            provider: self.provider.as_str().to_owned(),
            issuer: self.issuer.clone(),
            issuer_in_response: self.issuer_in_response,
            redirect_uri: self.redirect_uri.as_str().to_owned(),
            state: self.state.as_str().to_owned(),
            nonce: self.nonce.as_str().to_owned(),
            verifier: self.verifier.as_str().to_owned(),
            return_to: self.return_to.clone(),
            link_to: self.link_to,
            started_at: self.started_at,
        };
        let plaintext = serde_json::to_vec(&written).map_err(|_| SealError)?;
        sealer.seal(self.id(), &plaintext)
    }

    /// Opens what a browser presented; `None` when it is not an attempt that we sealed under this id.
    #[must_use]
    pub fn open(presented: &PresentedAttempt, sealer: &dyn Sealer) -> Option<Self> {
        let plaintext = sealer.open(presented.id, &presented.sealed)?;
        let written: Written = serde_json::from_slice(&plaintext).ok()?;
        let attempt = Self {
            provider: ProviderId::parse(&written.provider).ok()?,
            issuer: written.issuer,
            issuer_in_response: written.issuer_in_response,
            redirect_uri: RedirectUri::parse(&written.redirect_uri).ok()?,
            state: State::parse(&written.state).ok()?,
            nonce: Nonce::parse(&written.nonce).ok()?,
            verifier: PkceVerifier::parse(&written.verifier).ok()?,
            return_to: written.return_to,
            link_to: written.link_to,
            started_at: written.started_at,
        };
        (attempt.id() == presented.id).then_some(attempt)
    }
}

/// The attempt as it stands inside the seal, the only place where its secrets are ever written.
#[derive(Serialize, Deserialize)]
struct Written {
    provider: String,
    issuer: Issuer,
    issuer_in_response: bool,
    redirect_uri: String,
    state: String,
    nonce: String,
    verifier: String,
    return_to: ReturnTo,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link_to: Option<AccountId>,
    started_at: Timestamp,
}
