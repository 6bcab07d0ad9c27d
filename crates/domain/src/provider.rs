//! What the core knows of a provider before anybody signs in at it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::admission::AdmissionRules;
use crate::identity::EmailClaim;
use crate::people::EmailAddress;
use crate::protocol::{ClientId, EndSessionEndpoint, HintParameters, Issuer, Malformed, Scopes};
use crate::time::Timestamp;

/// Names a provider in this lab's configuration and URLs: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderId(String);

impl ProviderId {
    /// Takes a provider's name.
    ///
    /// # Errors
    /// When it is empty, too long, or has another character.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&value.len()) && value.bytes().all(allowed) {
            Ok(Self(value.to_owned()))
        } else {
            Err(Malformed("provider id"))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider as the operator configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderDescription {
    /// Names it in URLs and logs.
    pub id: ProviderId,
    /// Names it on the sign-in page.
    pub name: String,
    /// What makes its e-mail addresses trusted.
    pub email_trust: EmailTrust,
    /// Who of its people may come in.
    pub admission: Arc<AdmissionRules>,
    /// How often it is asked again about a person whose session goes on; `None` is never.
    pub recheck: Option<Duration>,
}

impl ProviderDescription {
    /// The address, if it can be trusted to be the person's.
    #[must_use]
    pub fn trusted_address<'a>(&self, claim: &'a EmailClaim) -> Option<&'a EmailAddress> {
        match claim {
            EmailClaim::Stated { address, verified } => {
                (*verified || self.email_trust == EmailTrust::Provider).then_some(address)
            }
            EmailClaim::Missing | EmailClaim::Malformed => None,
        }
    }
}

/// What makes a provider's e-mail address belong to the person who signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailTrust {
    /// The provider says so for each person: `email_verified` is the JSON value `true`
    /// (OpenID Connect Core section 5.1), or what that provider has in its place.
    #[default]
    Claim,
    /// The operator says so for the provider: it hands out only addresses that it owns or has checked itself.
    /// A statement about this one provider; `email_verified` is then not looked at.
    Provider,
}

impl EmailTrust {
    /// The value as it stands in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Provider => "provider",
        }
    }

    /// Takes the value from the configuration.
    ///
    /// # Errors
    /// When it is neither `claim` nor `provider`.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        [Self::Claim, Self::Provider]
            .into_iter()
            .find(|trust| trust.as_str() == value)
            .ok_or(Malformed("email_trust"))
    }
}

/// Whether a provider can be used right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderHealth {
    /// Nobody has asked it yet.
    Unknown,
    /// Its metadata and keys are at hand.
    Ready,
    /// It could not be reached, or its answers could not be used, since that time.
    Unavailable {
        /// When that was first noticed.
        since: Timestamp,
    },
}

/// A provider's authorization server, as its metadata describes it (Discovery section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// Its exact issuer, or its template for the issuers of tenants; see [`Issuer::stands_for`].
    pub issuer: Issuer,
    /// Where the browser is sent.
    pub authorization_endpoint: Url,
    /// Where a browser is sent to sign out there (OpenID Connect RP-Initiated Logout section 2.1).
    pub end_session_endpoint: Option<EndSessionEndpoint>,
    /// Whether it promises the `iss` parameter in its responses (RFC 9207 section 3).
    pub states_issuer_in_response: bool,
    /// Under which id Labgate is registered there.
    pub client_id: ClientId,
    /// What is asked for.
    pub scopes: Scopes,
    /// Further parameters: what the operator wants to be sent, and what it takes to be given a refresh token.
    pub extra_parameters: Vec<(String, String)>,
    /// By which parameters it takes what a link says beforehand.
    pub hint_parameters: HintParameters,
}
