//! External identity providers, as the domain knows them before a sign-in.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::admission::AdmissionRules;
use crate::identity::EmailClaim;
use crate::people::EmailAddress;
use crate::protocol::{ClientId, EndSessionEndpoint, HintParameters, Issuer, Malformed, Scopes};
use crate::text::{named, readable_text};
use crate::time::Timestamp;

/// The id of a provider in this lab's configuration and URLs: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderId(String);

impl ProviderId {
    /// Parses a provider's id.
    ///
    /// # Errors
    /// When it is empty, too long, or has another character.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let well_formed = (1..=32).contains(&value.len()) && value.bytes().all(allowed);
        well_formed.then(|| Self(value.to_owned())).ok_or(Malformed("provider id"))
    }
}

readable_text!(ProviderId);

/// A provider as the operator configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderDescription {
    /// The id in URLs and logs.
    pub id: ProviderId,
    /// The name on the sign-in page.
    pub name: String,
    /// The rule by which its e-mail addresses are trusted.
    pub email_trust: EmailTrust,
    /// The admission rules for its people.
    pub admission: Arc<AdmissionRules>,
    /// The interval of session revalidation; `None` is never.
    pub revalidation: Option<Duration>,
}

impl ProviderDescription {
    /// Returns the address, if the provider is trusted to know it as the person's.
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

named! {
    /// The rule by which an e-mail address is trusted to be the person's, as named in the configuration.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum EmailTrust {
        /// The provider vouches for each person: `email_verified` is the JSON value `true` (OpenID Connect
        /// Core section 5.1), or the provider's own equivalent holds.
        #[default]
        Claim = "claim",
        /// The operator vouches for the provider: it gives out only addresses that it owns or has verified.
        /// This is a statement about one provider; its `email_verified` is ignored.
        Provider = "provider",
    }
}

impl EmailTrust {
    /// Parses the value from the configuration.
    ///
    /// # Errors
    /// When it is neither `claim` nor `provider`.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        Self::ALL.iter().copied().find(|trust| trust.as_str() == value).ok_or(Malformed("email_trust"))
    }
}

/// The usability of a provider at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderHealth {
    /// The provider was not asked yet.
    Unknown,
    /// Its metadata and keys are available.
    Ready,
    /// The provider is unreachable, or its answers are unusable, since that time.
    Unavailable {
        /// The time of the first failure.
        since: Timestamp,
    },
}

/// A provider's authorization server, as its metadata describes it (Discovery section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// The exact issuer, or the template for the issuers of tenants; see [`Issuer::stands_for`].
    pub issuer: Issuer,
    /// The authorization endpoint.
    pub authorization_endpoint: Url,
    /// The end-session endpoint (OpenID Connect RP-Initiated Logout section 2.1).
    pub end_session_endpoint: Option<EndSessionEndpoint>,
    /// Whether the server promises the `iss` parameter in its responses (RFC 9207 section 3).
    pub states_issuer_in_response: bool,
    /// Whether requests are pushed to the provider before the browser goes there (RFC 9126).
    pub pushes_requests: bool,
    /// This lab's client id there.
    pub client_id: ClientId,
    /// The scopes to ask for.
    pub scopes: Scopes,
    /// Further parameters: the operator's own, and those that make the provider issue a refresh token.
    pub extra_parameters: Vec<(String, String)>,
    /// Whether it can authenticate a person anew (`max_age=0`) and state so (`auth_time`).
    pub reauthenticates: bool,
    /// The parameters that carry hints.
    pub hint_parameters: HintParameters,
}
