use std::time::Duration;

use crate::admission::Decision;
use crate::error::{ErrorCode, Reference};
use crate::people::{AccountId, Role};
use crate::ports::Source;
use crate::protocol::Issuer;
use crate::provider::ProviderId;
use crate::session::{Session, SessionId};
use crate::text::named;
use crate::time::Timestamp;

/// The trail of a sign-in: its steps with the facts that decided them, and its outcome.
///
/// It holds no secret. Of a person it holds the account's id and name, and
/// the source of the request; the text of a refusal names the address or the
/// subject that the refusal is about, as the operator needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Names the trail. A refused person quotes it.
    pub reference: Reference,
    /// The way in.
    pub way: Way,
    /// The identity provider, once it is known; a password sign-in has none.
    pub provider: Option<ProviderId>,
    /// The account's username; of a typed name without an account its beginning.
    pub name: Option<String>,
    /// The source of the request.
    pub source: Source,
    /// The time of the first step.
    pub began_at: Timestamp,
    /// The time of the outcome.
    pub ended_at: Timestamp,
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// The outcome.
    pub outcome: Outcome,
}

named! {
    /// A way to a session.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Way {
        /// External sign-in.
        External = "external sign-in",
        /// Account linking.
        Linking = "account linking",
        /// Password sign-in.
        Password = "password sign-in",
        /// The change of a password.
        PasswordChange = "password change",
        /// Self-registration.
        Registration = "self-registration",
        /// The proof of an act.
        Proof = "proof of an act",
        /// The setup of the first administrator.
        Setup = "setup of the first administrator",
        /// The forward-auth check.
        Check = "forward-auth check",
    }
}

/// One step of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The callback belongs to an attempt that this browser began, and that was not used before.
    AttemptSpent {
        /// The beginning of the attempt.
        began_at: Timestamp,
    },
    /// The callback comes from the issuer that was asked (RFC 9207).
    IssuerAccepted {
        /// The callback states the issuer.
        stated: bool,
    },
    /// The provider exchanged the code for a valid statement about the person.
    CodeRedeemed {
        /// The issuer of the statement.
        issuer: Issuer,
    },
    /// The e-mail address was judged.
    EmailJudged(EmailVerdict),
    /// The admission rules were applied.
    RulesApplied {
        /// The decision, with the rules that made it.
        decision: Decision,
        /// The role that the provider's groups give.
        role: Option<Role>,
    },
    /// An account was found, or created.
    AccountFound {
        /// The account.
        account: AccountId,
        /// The way in which it was found.
        by: FoundBy,
    },
    /// The provider's new address for the person is another account's: the account keeps the old one.
    EmailConflict,
    /// The identity opens no account, and its address is not trusted, so no account is looked for or created
    /// by it.
    NoAccount(EmailVerdict),
    /// The account is disabled.
    AccountDisabled,
    /// The person may have the account with this address, and has to prove it.
    ProofAsked,
    /// The role changed, because the provider's groups say so.
    RoleAssigned(Role),
    /// Too many attempts came before this one.
    RateLimited {
        /// The time until the next attempt.
        wait: Duration,
    },
    /// The password was compared.
    PasswordCompared(PasswordMatch),
    /// The password was changed.
    PasswordChanged,
    /// A session was opened.
    SessionOpened {
        /// The session.
        session: SessionId,
        /// Its absolute limit.
        expires_at: Timestamp,
    },
    /// The browser's previous session was ended.
    PreviousSessionEnded {
        /// The session.
        session: SessionId,
    },
    /// The session of a token was looked up.
    SessionFound(SessionState),
}

named! {
    /// The judgement on a provider's e-mail address.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum EmailVerdict {
        /// The provider, or the operator for the provider, vouches for it.
        Trusted = "the e-mail address is trusted",
        /// The provider does not state it as verified.
        Unverified = "the e-mail address is not verified",
        /// There is none.
        Missing = "there is no e-mail address",
        /// It is no address.
        Malformed = "the e-mail address is malformed",
    }
}

named! {
    /// The way in which an account was found.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum FoundBy {
        /// The identity is linked to it.
        Identity = "is linked to the identity",
        /// It was created for this address, or its identities give way to those of this issuer: the first
        /// identity with the address claimed it.
        Address = "is claimed by its e-mail address",
        /// It was created in this sign-in (JIT provisioning).
        Creation = "was created",
        /// The name was typed.
        Name = "has the name",
        /// A ticket of an earlier step names it.
        Ticket = "was proved or asked for in an earlier step",
        /// The browser's session belongs to it.
        Session = "is signed in to",
    }
}

named! {
    /// The result of comparing a password.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum PasswordMatch {
        /// It is right.
        Right = "the password is right",
        /// It is right, and its weak hash was replaced.
        Strengthened = "the password is right and was hashed anew",
        /// It is wrong, or there is no account, or the account has no password or is disabled.
        Wrong = "the name or the password is wrong",
    }
}

named! {
    /// The state of a session that a token names.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum SessionState {
        /// It is live.
        Live = "the session is live",
        /// There is none, or it belongs to another account.
        Missing = "there is no such session",
        /// It was ended.
        Ended = "the session was ended",
        /// It reached its absolute limit.
        Expired = "the session reached its absolute limit",
        /// It was not used for too long.
        Idle = "the session was not used for too long",
    }
}

/// The outcome of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The person has a new session.
    SignedIn {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
        /// The account was created on the way.
        created: bool,
    },
    /// The person has to prove that an account is theirs before the identity is linked to it.
    ProofDue {
        /// The account.
        account: AccountId,
    },
    /// The password is right, and has to be changed first.
    PasswordChangeDue {
        /// The account.
        account: AccountId,
    },
    /// A live session got its next token.
    Renewed {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
    },
    /// A token of this lab opens nothing: its session is over, or its account is disabled.
    NotSignedIn {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
    },
    /// The sign-in was refused, or could not be completed.
    Refused {
        /// The stable code.
        code: ErrorCode,
        /// The text for the operator.
        error: String,
        /// The meaning of the provider's own message, where it is known.
        explanation: Option<&'static str>,
    },
}

impl SessionState {
    /// Returns the state of the session of an account, as the store has it.
    pub(super) fn of(
        session: Option<&Session>,
        account: AccountId,
        now: Timestamp,
        idle_limit: Duration,
    ) -> Self {
        match session {
            Some(session) if session.account != account => Self::Missing,
            Some(session) if session.is_live(now, idle_limit) => Self::Live,
            Some(session) if session.ended_at.is_some() => Self::Ended,
            Some(session) if now >= session.expires_at => Self::Expired,
            Some(_) => Self::Idle,
            None => Self::Missing,
        }
    }
}

impl Step {
    /// Returns whether the step refuses the person.
    fn refuses(&self) -> bool {
        match self {
            Self::RulesApplied { decision, .. } => !decision.admits(),
            Self::SessionFound(state) => *state != SessionState::Live,
            Self::NoAccount(_) | Self::AccountDisabled | Self::RateLimited { .. } => true,
            Self::PasswordCompared(result) => *result == PasswordMatch::Wrong,
            _ => false,
        }
    }

    /// Returns whether the step can be the reason for which a person comes in.
    fn admits(&self) -> bool {
        matches!(self, Self::RulesApplied { .. } | Self::PasswordCompared(_) | Self::SessionFound(_))
    }
}

impl Trail {
    /// Returns the step with the rule that decided the outcome. A refusal without one is a failure, or a rule
    /// of the protocol, which its code names.
    #[must_use]
    pub fn deciding_step(&self) -> Option<&Step> {
        match self.outcome {
            Outcome::Refused { .. } | Outcome::NotSignedIn { .. } => {
                self.steps.last().filter(|step| step.refuses())
            }
            _ => {
                let account = |step: &&Step| matches!(step, Step::AccountFound { .. });
                let mut steps = self.steps.iter();
                steps.find(|step| step.admits()).or_else(|| self.steps.iter().find(account))
            }
        }
    }

    /// Returns the account that the sign-in is about, if it came so far.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self.outcome {
            Outcome::SignedIn { account, .. }
            | Outcome::ProofDue { account }
            | Outcome::PasswordChangeDue { account }
            | Outcome::Renewed { account, .. }
            | Outcome::NotSignedIn { account, .. } => Some(account),
            Outcome::Refused { .. } => self.steps.iter().rev().find_map(|step| match step {
                Step::AccountFound { account, .. } => Some(*account),
                _ => None,
            }),
        }
    }
}
