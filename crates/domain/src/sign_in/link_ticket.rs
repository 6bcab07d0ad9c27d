use serde::{Deserialize, Serialize};

use super::claims::as_many_as_fit;
use super::ticket::{Ticket, Tickets};
use crate::attempt::{AttemptPurpose, SignInAttempt};
use crate::error::{AttemptError, SignInError};
use crate::identity::{EmailClaim, ExternalIdentity, Memberships};
use crate::people::{Account, AccountId, DisplayName, EmailAddress};
use crate::protocol::{Issuer, ProviderSessionId, Subject};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::session::SessionClaims;
use crate::time::Timestamp;

/// The content of the ticket of a link: everything of the identity that a session needs, but no hint for
/// signing out and no refresh token, for which there is no room.
#[derive(Serialize, Deserialize)]
pub(super) struct LinkDue {
    pub(super) account: AccountId,
    provider: String,
    issuer: Issuer,
    pub(super) subject: Subject,
    pub(super) address: Option<EmailAddress>,
    pub(super) was_asked_for: bool,
    pub(super) asked_at: Timestamp,
    pub(super) name: Option<DisplayName>,
    groups: Vec<String>,
    methods: Vec<String>,
    authenticated_at: Option<Timestamp>,
    session: Option<String>,
    pub(super) return_to: ReturnTo,
}

const LINK_DUE: &str = "link an identity";

/// The room for groups in a ticket, in bytes.
const MAX_GROUPS_LEN: usize = 1024;

/// The room for methods in a ticket, in bytes: the same as in a session token.
const MAX_METHODS_LEN: usize = SessionClaims::MAX_METHODS_LEN;

impl LinkDue {
    /// Returns the ticket of a link that waits for proof that the account belongs to the person of the
    /// identity.
    pub(super) fn ask_for_proof(
        tickets: Tickets<'_>,
        account: &Account,
        attempt: &SignInAttempt,
        identity: ExternalIdentity,
    ) -> Result<Ticket, SignInError> {
        let address = match identity.email {
            EmailClaim::Stated { address, .. } => Some(address),
            EmailClaim::Missing | EmailClaim::Malformed => None,
        };
        let due = Self {
            account: account.id,
            provider: attempt.provider.as_str().to_owned(),
            issuer: identity.issuer,
            subject: identity.subject,
            address,
            was_asked_for: matches!(attempt.purpose, AttemptPurpose::Link(_)),
            asked_at: tickets.clock.now(),
            name: identity.name,
            groups: as_many_as_fit(&identity.groups, MAX_GROUPS_LEN),
            methods: as_many_as_fit(&identity.authentication_methods, MAX_METHODS_LEN),
            authenticated_at: identity.authenticated_at,
            session: identity.session.map(|session| session.as_str().to_owned()),
            return_to: attempt.return_to.clone(),
        };
        let ticket = tickets.seal(LINK_DUE, &due);
        // A target that makes the ticket too large is given up rather than the link.
        Ok(ticket.or_else(|_| tickets.seal(LINK_DUE, Self { return_to: ReturnTo::main_page(), ..due }))?)
    }

    pub(super) fn open(tickets: Tickets<'_>, ticket: &Ticket) -> Result<Self, SignInError> {
        tickets.open(LINK_DUE, ticket)
    }

    pub(super) fn provider(&self) -> Result<ProviderId, SignInError> {
        ProviderId::parse(&self.provider).map_err(|_| SignInError::ProviderUnknown)
    }

    pub(super) fn into_identity(self) -> Result<ExternalIdentity, SignInError> {
        let session = self.session.map(|session| ProviderSessionId::parse(&session)).transpose();
        Ok(ExternalIdentity {
            issuer: self.issuer,
            subject: self.subject,
            email: match self.address {
                Some(address) => EmailClaim::Stated { address, verified: !self.was_asked_for },
                None => EmailClaim::Missing,
            },
            username: None,
            name: self.name,
            groups: self.groups,
            memberships: Memberships::default(),
            authentication_methods: self.methods,
            authenticated_at: self.authenticated_at,
            session: session.map_err(|_| AttemptError::Unknown)?,
            id_token_hint: None,
            refresh_token: None,
        })
    }
}
