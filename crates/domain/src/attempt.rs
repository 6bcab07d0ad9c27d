//! The sign-in attempt: one round trip to a provider.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::people::AccountId;
use crate::protocol::{Issuer, Nonce, PkceVerifier, RedirectUri, State};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::{SealError, SealId, Sealed, Sealer};
use crate::session::SessionId;
use crate::time::Timestamp;

impl SealId {
    /// Returns the id of the attempt with this `state`, without revealing the state. The browser's cookie is
    /// named after it, so several tabs can sign in side by side.
    #[must_use]
    pub fn of(state: &State) -> Self {
        Self::derived(&[state.as_str()])
    }
}

/// A sealed attempt under the id that its cookie's name states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedAttempt {
    /// The id from the cookie's name.
    pub id: SealId,
    /// The sealed text from the cookie's value.
    pub sealed: Sealed,
}

/// The memory of one round trip to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInAttempt {
    /// The provider.
    pub provider: ProviderId,
    /// The provider's issuer at that moment: the only one that may answer.
    pub issuer: Issuer,
    /// Whether that issuer promised the `iss` parameter in its response (RFC 9207).
    pub issuer_in_response: bool,
    /// The redirect URI of the authorization request.
    pub redirect_uri: RedirectUri,
    /// The `state`, which names the attempt.
    pub state: State,
    /// The nonce that the ID token must contain.
    pub nonce: Nonce,
    /// The PKCE verifier, which redeems the code.
    pub verifier: PkceVerifier,
    /// The page that the person wanted.
    pub return_to: ReturnTo,
    /// The purpose of the round trip.
    pub purpose: AttemptPurpose,
    /// The start of the attempt.
    pub started_at: Timestamp,
}

/// The purpose of a round trip to a provider. Only a sign-in opens a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptPurpose {
    /// To sign in.
    SignIn,
    /// To link the identity to this account, whose person asked for that.
    Link(AccountId),
    /// To prove that the person of a session wants an act.
    Prove(ActToProve),
}

/// An act that the person of a session proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActToProve {
    /// The act.
    pub act: ActDigest,
    /// The person's account.
    pub account: AccountId,
    /// The session.
    pub session: SessionId,
}

/// The digest of an act: the proof of one act proves none that differs in anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActDigest(String);

impl ActDigest {
    pub(crate) fn of(parts: &[&str]) -> Self {
        let digest = parts.iter().fold(Sha256::new(), |digest, part| {
            digest.chain_update(part.len().to_be_bytes()).chain_update(part)
        });
        Self(BASE64_URL_SAFE_NO_PAD.encode(digest.finalize()))
    }
}

impl SignInAttempt {
    /// The longest time at the provider.
    pub const LIFETIME: Duration = Duration::from_mins(10);

    /// The most attempts that one browser has under way; one more replaces the oldest.
    pub const MAX_PER_BROWSER: usize = 5;

    /// Returns the attempt's id.
    #[must_use]
    pub fn id(&self) -> SealId {
        SealId::of(&self.state)
    }

    /// Returns the time of expiry.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.started_at.plus(Self::LIFETIME)
    }

    /// Returns whether it is too late, or (after the clock was set back) too early, to use the attempt.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at() || now.plus(Self::LIFETIME) < self.started_at
    }

    /// Seals the attempt for the browser to carry.
    ///
    /// # Errors
    /// When the sealer has no key.
    pub fn seal(&self, sealer: &dyn Sealer) -> Result<Sealed, SealError> {
        let (link_to, prove) = match self.purpose.clone() {
            AttemptPurpose::SignIn => (None, None),
            AttemptPurpose::Link(account) => (Some(account), None),
            AttemptPurpose::Prove(act) => (None, Some(act)),
        };
        let written = Written {
            provider: self.provider.as_str().to_owned(),
            issuer: self.issuer.clone(),
            issuer_in_response: self.issuer_in_response,
            redirect_uri: self.redirect_uri.as_str().to_owned(),
            state: self.state.as_str().to_owned(),
            nonce: self.nonce.as_str().to_owned(),
            verifier: self.verifier.as_str().to_owned(),
            return_to: self.return_to.clone(),
            link_to,
            prove,
            started_at: self.started_at,
        };
        let plaintext = serde_json::to_vec(&written).map_err(|_| SealError)?;
        sealer.seal(self.id(), &plaintext)
    }

    /// Opens a presented attempt; `None` when this lab did not seal it under this id.
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
            purpose: match (written.link_to, written.prove) {
                (None, None) => AttemptPurpose::SignIn,
                (Some(account), None) => AttemptPurpose::Link(account),
                (None, Some(act)) => AttemptPurpose::Prove(act),
                (Some(_), Some(_)) => return None,
            },
            started_at: written.started_at,
        };
        (attempt.id() == presented.id).then_some(attempt)
    }
}

/// The attempt inside its seal, the only place that its secrets are written to.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prove: Option<ActToProve>,
    started_at: Timestamp,
}
