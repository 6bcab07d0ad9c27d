//! Who somebody is at a provider.

use crate::people::{DisplayName, EmailAddress};
use crate::protocol::{IdTokenHint, Issuer, ProviderSessionId, RefreshToken, Subject};
use crate::time::Timestamp;

/// What a provider says of the person who just signed in there, after everything about it was verified.
///
/// The key is (issuer, subject). The e-mail address is an attribute, and may be anybody's until
/// [`EmailClaim::Stated`] and the provider's [`EmailTrust`](crate::provider::EmailTrust) say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// Who says so.
    pub issuer: Issuer,
    /// Of whom, for good.
    pub subject: Subject,
    /// The person's e-mail address.
    pub email: EmailClaim,
    /// What the person is called.
    pub name: Option<DisplayName>,
    /// The groups the person is in, in the provider's words.
    pub groups: Vec<String>,
    /// What else the person belongs to.
    pub memberships: Memberships,
    /// How the person proved who they are (`amr`, RFC 8176).
    pub authentication_methods: Vec<String>,
    /// When the person last did (`auth_time`).
    pub authenticated_at: Option<Timestamp>,
    /// The person's session there, if the provider names it (`sid`, OpenID Connect Back-Channel Logout section 2.1).
    pub session: Option<ProviderSessionId>,
    /// The identity token itself, to hand back when the person signs out.
    pub id_token_hint: Option<IdTokenHint>,
    /// What lets us ask about the person again, if the provider gives us that.
    pub refresh_token: Option<RefreshToken>,
}

/// What a person belongs to at a provider, besides groups. Rules of admission look at it; nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memberships {
    /// The tenant, where a provider has such (`tid`).
    pub tenant: Option<String>,
    /// The hosted domain (`hd`).
    pub hosted_domain: Option<String>,
    /// Organisations.
    pub organizations: Vec<String>,
    /// Whether the groups that the provider named are all there are.
    pub groups_are_complete: bool,
}

impl Default for Memberships {
    /// No membership is known, and the groups are what the provider named.
    fn default() -> Self {
        Self { tenant: None, hosted_domain: None, organizations: Vec::new(), groups_are_complete: true }
    }
}

/// An identity that opens an account, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// Who says so.
    pub issuer: Issuer,
    /// Of whom.
    pub subject: Subject,
    /// The address at the last sign-in.
    pub email: Option<EmailAddress>,
    /// When it first opened the account.
    pub first_sign_in_at: Timestamp,
    /// When it last did.
    pub last_sign_in_at: Timestamp,
}

/// An e-mail address and what the same document says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmailClaim {
    /// There is none, or it is empty.
    Missing,
    /// There is one, but it is not an e-mail address.
    Malformed,
    /// There is one.
    Stated {
        /// The address.
        address: EmailAddress,
        /// Whether the provider vouches for it: by `email_verified`, or in a way of its own.
        verified: bool,
    },
}
