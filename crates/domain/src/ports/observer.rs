use crate::ForeignText;
use crate::access_token::{AccessTokenId, TokenScope};
use crate::error::{ErrorCode, Reference};
use crate::people::{Account, AccountId, GroupName, TermsVersion, Username};
use crate::ports::Source;
use crate::protocol::Issuer;
use crate::provider::ProviderId;
use crate::session::SessionId;
use crate::sign_in::Trail;
use crate::text::named;
use crate::time::Timestamp;

/// Sees what happens to sign-ins, sessions and accounts: the log, and metrics. An event holds no secret, so
/// neither can what an adapter writes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Observer: Send + Sync {
    /// Sees an event. It MUST return at once, and cannot fail a sign-in.
    fn observe(&self, event: &SignInEvent);

    /// Sees the trail of a sign-in that is over, on the same terms.
    fn finished(&self, trail: &Trail);

    /// Returns the reference of an equal refusal that was told a moment ago and stands for this one, too, which
    /// is counted with it and not told: so strangers fill no log, and each person quotes a reference that is
    /// there.
    fn earlier_refusal(&self, kind: &RefusalKind) -> Option<Reference> {
        let _ = kind;
        None
    }
}

/// A kind of refusals that are told as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RefusalKind {
    /// The stable code.
    pub code: &'static str,
    /// The provider.
    pub provider: Option<ProviderId>,
    /// The source of the requests.
    pub source: Source,
    /// The name that was given, or the beginning of one that no account has.
    pub name: Option<String>,
    /// The text for the operator.
    pub error: String,
}

/// The person of an event, and from where they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: AccountId,
    /// Its username.
    pub name: Username,
    /// The source of the request.
    pub source: Source,
    /// The access token, if a program acts for the person.
    pub access_token: Option<AccessTokenId>,
}

impl Person {
    /// Returns the person of an account, who came from this source.
    #[must_use]
    pub fn of(account: &Account, source: Source) -> Self {
        Self { account: account.id, name: account.username.clone(), source, access_token: None }
    }
}

named! {
    /// The reason for which an identity was linked to an account that was there before, as the log says it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum IdentityChange {
        /// By its address: the account was created for it, or its identities give way to those of this issuer.
        Claimed = "claimed",
        /// Its person proved the account with its password.
        ProvedByPassword = "proved by password",
        /// Its person proved the account with a session.
        ProvedBySession = "proved by session",
    }
}

/// The author of a change of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A person: an administrator, or the one who registers.
    Person(Person),
    /// The operator, at the command line or by the settings.
    LocalOperator,
    /// The groups that a provider states, and the rules that the operator made for them.
    Groups,
}

/// An event of a sign-in, a session or an account. A sign-in that is over is a [`Trail`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInEvent {
    /// A browser was sent to a provider.
    Started {
        /// The provider.
        provider: ProviderId,
    },
    /// A provider's new address for a person is another account's, so the old one was kept.
    EmailConflict {
        /// The person.
        person: Person,
    },
    /// A request other than a sign-in was refused.
    Refused {
        /// The reference that the person was told.
        reference: Reference,
        /// The stable code.
        code: ErrorCode,
        /// The text for the operator.
        error: String,
        /// The source of the request, where it is known.
        source: Source,
    },
    /// A request was refused before it came to a use case.
    RequestRefused {
        /// The reference that the answer states.
        reference: Reference,
        /// The code that the answer states.
        code: &'static str,
        /// The cause, where there is more to say than the code.
        reason: Option<String>,
        /// The path of the request, without its query.
        path: ForeignText,
        /// The source of the request.
        source: Source,
    },
    /// A person was asked to prove an account: their identity is linked to none, and the account has their
    /// address. Where a whole lab ends here, the issuer or the scheme of its subjects has changed.
    LinkRequired {
        /// The person that the account belongs to.
        person: Person,
        /// The provider of the new identity.
        provider: ProviderId,
        /// Its issuer.
        issuer: Issuer,
        /// The issuers of the identities that the account is linked to.
        linked: Vec<Issuer>,
    },
    /// An identity was linked to an account.
    Linked {
        /// The person.
        person: Person,
        /// The provider of the identity.
        provider: ProviderId,
        /// The reason.
        change: IdentityChange,
    },
    /// An identity was unlinked from an account.
    Unlinked {
        /// The person.
        person: Person,
        /// The issuer of the identity.
        issuer: Issuer,
    },
    /// A session ended because a provider said so (back-channel logout).
    SignedOutByProvider {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
        /// The provider.
        provider: ProviderId,
    },
    /// Session revalidation ended a session.
    RevalidationRejected {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
        /// The provider that was asked.
        provider: ProviderId,
        /// The stable code of the reason.
        code: ErrorCode,
        /// The text for the operator.
        error: String,
        /// The meaning of the provider's own message, where it is known.
        explanation: Option<&'static str>,
    },
    /// Session revalidation was deferred, because the provider cannot be asked. The sessions go on.
    RevalidationDeferred {
        /// The provider.
        provider: ProviderId,
        /// The stable code of the reason.
        code: ErrorCode,
        /// The text for the operator.
        error: String,
        /// The meaning of the provider's own message, where it is known.
        explanation: Option<&'static str>,
    },
    /// A person chose another password.
    PasswordChanged {
        /// The person.
        person: Person,
    },
    /// A person made an access token.
    AccessTokenMade {
        /// The person.
        person: Person,
        /// The token.
        token: AccessTokenId,
        /// What it opens.
        scope: TokenScope,
        /// The time at which it expires.
        until: Timestamp,
    },
    /// An access token was revoked: by its owner, or by an administrator.
    AccessTokenRevoked {
        /// The account.
        account: AccountId,
        /// Its username, if it was still there to be asked.
        name: Option<Username>,
        /// The token.
        token: AccessTokenId,
        /// The author.
        by: Author,
    },
    /// An administrator changed an account.
    Administered {
        /// The account.
        account: AccountId,
        /// Its username, if it was still there to be asked.
        name: Option<Username>,
        /// The change, as a word such as `created` or `disabled`.
        change: &'static str,
        /// The author.
        by: Author,
    },
    /// An administrator changed the local groups of an account.
    GroupsChanged {
        /// The account.
        account: AccountId,
        /// Its username.
        name: Username,
        /// The groups that it has now and had not before.
        added: Vec<GroupName>,
        /// The groups that it had before and has no longer.
        removed: Vec<GroupName>,
        /// The author.
        by: Author,
    },
    /// An account was renamed: by an administrator, or by its person's new e-mail address.
    Renamed {
        /// The account.
        account: AccountId,
        /// The former username.
        former: Username,
        /// The new one.
        name: Username,
        /// The author.
        by: Author,
    },
    /// The identities of an issuer were given to another one, or let give way to its. What happened to each account
    /// is told besides.
    IdentitiesMoved {
        /// The issuer before.
        from: Issuer,
        /// The other issuer.
        to: Issuer,
        /// The time until which they give way; `None` if they were moved.
        until: Option<Timestamp>,
        /// The number of accounts.
        accounts: usize,
        /// The author.
        by: Author,
    },
    /// An administrator added, changed or removed a service.
    ServiceChanged {
        /// Its id.
        service: ForeignText,
        /// The change, as a word such as `added`.
        change: &'static str,
        /// Its address now; `None` if it is removed.
        url: Option<ForeignText>,
        /// Who may pass to it now, in words; `None` if it is removed.
        allows: Option<ForeignText>,
        /// The author.
        by: Author,
    },
    /// A stored service is left out: all requests to it are refused.
    ServiceLeftOut {
        /// Its id.
        service: ForeignText,
        /// The reason.
        reason: ForeignText,
    },
    /// A provider's groups no longer make this person an administrator, but there is no other, so the role
    /// stays.
    AdministratorKept {
        /// The account.
        account: AccountId,
        /// Its username.
        name: Username,
    },
    /// A person accepted the terms of service.
    TermsAccepted {
        /// The person.
        person: Person,
        /// The version.
        version: TermsVersion,
    },
    /// A person ended sessions of their own from elsewhere.
    SignedOutElsewhere {
        /// The person.
        person: Person,
        /// The number of sessions.
        sessions: usize,
    },
    /// A person signed out.
    SignedOut {
        /// The person.
        person: Person,
        /// The session.
        session: SessionId,
    },
    /// The store does not say what has changed. Checked tokens stay good for the grace.
    ChangesLost {
        /// The text for the operator.
        error: String,
    },
    /// The store says again what has changed.
    ChangesKnown,
    /// A session's token was renewed, but the store could not take the time of it: the session's idle limit
    /// counts from the renewal before.
    RenewalNotStored {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
        /// The text for the operator.
        error: String,
    },
    /// The trail of a sign-in could not be stored.
    RecordLost {
        /// The reference of the trail.
        reference: Reference,
        /// The text for the operator.
        error: String,
    },
}
