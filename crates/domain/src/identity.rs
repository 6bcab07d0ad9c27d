//! External identities: a person as a provider knows them.

use crate::people::{DisplayName, EmailAddress, Username};
use crate::protocol::{IdTokenHint, Issuer, ProviderSessionId, RefreshToken, Subject};
use crate::time::Timestamp;

/// A person who just signed in at a provider, with every claim verified.
///
/// The key is (issuer, subject). The e-mail address is an attribute. It proves nothing until
/// [`EmailClaim::Stated`] and the provider's [`EmailTrust`](crate::provider::EmailTrust) say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// The issuer of the statement.
    pub issuer: Issuer,
    /// The person's permanent id there.
    pub subject: Subject,
    /// The person's e-mail address.
    pub email: EmailClaim,
    /// The name for a new account, if the operator says which claim that is.
    pub username: Option<Username>,
    /// The person's name.
    pub name: Option<DisplayName>,
    /// The person's groups, as the provider names them; those that a rule names come first.
    pub groups: Vec<String>,
    /// The person's other memberships.
    pub memberships: Memberships,
    /// The authentication methods (`amr`, RFC 8176).
    pub authentication_methods: Vec<String>,
    /// The time of the last authentication (`auth_time`).
    pub authenticated_at: Option<Timestamp>,
    /// The person's session there, if the provider names it (`sid`, OpenID Connect Back-Channel Logout
    /// section 2.1).
    pub session: Option<ProviderSessionId>,
    /// The ID token itself, which the provider wants back at sign-out.
    pub id_token_hint: Option<IdTokenHint>,
    /// The refresh token, if the provider issued one, to revalidate sessions with.
    pub refresh_token: Option<RefreshToken>,
}

/// The memberships of a person at a provider, besides groups. Admission rules read them; none is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memberships {
    /// The tenant (`tid`), at a provider with tenants.
    pub tenant: Option<String>,
    /// The hosted domain (`hd`).
    pub hosted_domain: Option<String>,
    /// The organisations.
    pub organizations: Vec<String>,
    /// Whether the provider named all of the person's groups.
    pub groups_are_complete: bool,
}

impl Default for Memberships {
    /// No memberships, and all groups named.
    fn default() -> Self {
        Self { tenant: None, hosted_domain: None, organizations: Vec::new(), groups_are_complete: true }
    }
}

/// An identity that is linked to an account, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// The issuer.
    pub issuer: Issuer,
    /// The person's id there.
    pub subject: Subject,
    /// The address at the last sign-in.
    pub email: Option<EmailAddress>,
    /// The time of the link.
    pub first_sign_in_at: Timestamp,
    /// The time of the last sign-in.
    pub last_sign_in_at: Timestamp,
}

/// An e-mail address and its verification, from one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmailClaim {
    /// The claim is absent or empty.
    Missing,
    /// The claim is malformed.
    Malformed,
    /// The claim is an address.
    Stated {
        /// The address.
        address: EmailAddress,
        /// Whether the provider vouches for it, by `email_verified` or its own equivalent.
        verified: bool,
    },
}
