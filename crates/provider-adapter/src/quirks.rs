//! Deviations of a provider from the ordinary, as data. No operator has to set any of them.

use std::time::Duration;

use labgate_domain::protocol::EndSessionForm;

use crate::client_authentication::AssertionAudience;

/// The deviations of one kind of provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// The time by which `iat` and `nbf` are earlier than the truth.
    pub backdating: Duration,
    /// The client secret goes into the body where both ways are accepted.
    pub prefers_post: bool,
    /// The audience of a client's assertions.
    pub assertion_audience: AssertionAudience,
    /// The parameters of the `end_session_endpoint`.
    pub logout: EndSessionForm,
    /// The status and error code by which the token endpoint speaks of the code, beside `invalid_grant`.
    pub code_error: Option<(u16, &'static str)>,
    /// The demand for a refresh token.
    pub offline: Offline,
    /// A claim, and its text, that is in each ID token and in no access token.
    pub id_token_mark: Option<(&'static str, &'static str)>,
    /// The further audiences of its ID tokens.
    pub further_audiences: FurtherAudiences,
    /// The claims about the person.
    pub claims: PersonClaims,
    /// Groups without room in the ID token can be asked of Microsoft Graph.
    pub has_graph: bool,
    /// It authenticates a person anew on `max_age=0` and states so in `auth_time`.
    pub reauthenticates: bool,
}

/// The audiences beside the client that an ID token may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FurtherAudiences {
    /// Those that the operator trusts.
    Trusted,
    /// Any, where `azp` tells that the token was made for the client.
    ByAuthorizedParty,
}

/// The demand for a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// The scope `offline_access` with the person's consent, without which a provider ignores the scope
    /// (OpenID Connect Core section 11).
    ScopeWithConsent,
    /// The scope `offline_access` alone.
    Scope,
    /// Nothing: a refresh token comes in any case, or not at all.
    Always,
    /// Parameters of the authorization request.
    Parameters(&'static [(&'static str, &'static str)]),
}

/// The claims that a provider uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonClaims {
    /// The permanent name of the person within the issuer.
    pub subject: &'static str,
    /// The evidence for an address; one piece is enough.
    pub evidence: &'static [Evidence],
    /// The groups, from all lists that are there.
    pub groups: &'static [GroupList],
    /// The tenant.
    pub tenant: Option<&'static str>,
    /// The hosted domain.
    pub hosted_domain: Option<&'static str>,
}

/// The place of a list of groups in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupList {
    /// A member.
    Named(&'static str),
    /// A member within others.
    At(&'static [Name]),
    /// A URL: the lab's namespace with this segment. Another namespace was made for other applications.
    Namespaced(&'static str),
}

/// A name on the way to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// This name.
    Fixed(&'static str),
    /// The client id.
    ClientId,
}

/// A way to vouch for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// `email_verified` is the JSON value `true` (OpenID Connect Core section 5.1).
    EmailVerified,
    /// `email_verified` is the text `true`, at userinfo.
    EmailVerifiedInWords,
    /// `email_verified` is `true`, and the provider runs the mailbox: it is at one of these domains, or the
    /// account has a hosted domain.
    EmailVerifiedAndRun(&'static [&'static str]),
    /// This claim of the ID token lists the address.
    Listed(&'static str),
    /// This claim says that the owner of the address's domain is verified. A claim that denies it overrules
    /// all evidence.
    DomainOwner(&'static str),
    /// The person is a member, not a guest, of the one tenant that the issuer is: the address is the tenant's
    /// word.
    MemberOfTheTenant,
}

impl Quirks {
    /// The ordinary.
    pub const NONE: Self = Self {
        backdating: Duration::ZERO,
        prefers_post: false,
        assertion_audience: AssertionAudience::Issuer,
        logout: EndSessionForm::STANDARD,
        code_error: None,
        offline: Offline::ScopeWithConsent,
        id_token_mark: None,
        further_audiences: FurtherAudiences::Trusted,
        claims: PersonClaims::STANDARD,
        has_graph: false,
        reauthenticates: true,
    };
}

impl PersonClaims {
    /// The claims of OpenID Connect Core section 5.1.
    pub const STANDARD: Self = Self {
        subject: "sub",
        evidence: &[Evidence::EmailVerified],
        groups: &[GroupList::Named("groups")],
        tenant: None,
        hosted_domain: None,
    };
}
