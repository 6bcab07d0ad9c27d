//! One trip to a provider and back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::people::AccountId;
use crate::protocol::{Issuer, Nonce, PkceVerifier, RedirectUri, State};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::{SealError, SealId, Sealed, Sealer};
use crate::time::Timestamp;

impl SealId {
    /// Returns the id of the attempt with this `state`, without giving the state away. The browser's cookie is named after
    /// it, so several tabs can be under way side by side.
    #[must_use]
    pub fn of(state: &State) -> Self {
        Self::derived(&[state.as_str()])
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
