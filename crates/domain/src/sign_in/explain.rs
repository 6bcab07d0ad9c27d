use std::fmt;

use super::trail::{EmailVerdict, FoundBy, Outcome, PasswordMatch, SessionState, Step, Trail, Way};
use crate::admission::{Criterion, Decision};
use crate::people::Role;

/// Explains why a person came in, or did not: the steps of the trail in one text for the operator, then the outcome.
#[must_use]
pub fn explain(trail: &Trail) -> String {
    let mut text = trail.way.to_string();
    for step in &trail.steps {
        text.push_str("; ");
        text.push_str(&step.to_string());
    }
    let decided = trail.deciding_step().map(|step| format!(", because {step}")).unwrap_or_default();
    format!("{text}; {}{decided}", trail.outcome)
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::External => "external sign-in",
            Self::Linking => "account linking",
            Self::Password => "password sign-in",
            Self::PasswordChange => "password change",
            Self::Registration => "self-registration",
            Self::Setup => "setup of the first administrator",
            Self::Check => "forward-auth check",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AttemptSpent { .. } => f.write_str("the callback belongs to an attempt of this browser"),
            Self::IssuerAccepted { stated: true } => {
                f.write_str("the callback states the issuer that was asked")
            }
            Self::IssuerAccepted { stated: false } => {
                f.write_str("the callback states no issuer and need not")
            }
            Self::CodeRedeemed { issuer } => write!(f, "{} made a valid statement", issuer.as_str()),
            Self::EmailJudged(verdict) => write!(f, "{verdict}"),
            Self::RulesApplied { decision, role } => {
                write!(f, "{decision}")?;
                role.map_or(Ok(()), |role| write!(f, " as {}", named(role)))
            }
            Self::AccountFound { account, by } => write!(f, "the account {account} {by}"),
            Self::EmailConflict => f.write_str("the new e-mail address is another account's"),
            Self::NoAccount(verdict) => write!(f, "the identity opens no account and {verdict}"),
            Self::AccountDisabled => f.write_str("the account is disabled"),
            Self::ProofAsked => f.write_str("an account has the e-mail address or asked for the link"),
            Self::RoleAssigned(role) => write!(f, "the groups make the person {}", named(*role)),
            Self::RateLimited { wait } => {
                write!(f, "too many attempts came before, retry after {} s", wait.as_secs())
            }
            Self::PasswordCompared(result) => f.write_str(match result {
                PasswordMatch::Right => "the password is right",
                PasswordMatch::Strengthened => "the password is right and was hashed anew",
                PasswordMatch::Wrong => "the name or the password is wrong",
            }),
            Self::PasswordChanged => f.write_str("the password was changed"),
            Self::SessionOpened { .. } => f.write_str("a session was opened"),
            Self::PreviousSessionEnded { .. } => f.write_str("the browser's previous session ended"),
            Self::SessionFound(state) => f.write_str(match state {
                SessionState::Live => "the session is live",
                SessionState::Missing => "there is no such session",
                SessionState::Ended => "the session was ended",
                SessionState::Expired => "the session reached its absolute limit",
                SessionState::Idle => "the session was not used for too long",
            }),
        }
    }
}

impl fmt::Display for EmailVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trusted => "the e-mail address is trusted",
            Self::Unverified => "the e-mail address is not verified",
            Self::Missing => "there is no e-mail address",
            Self::Malformed => "the e-mail address is malformed",
        })
    }
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "is linked to the identity",
            Self::Invitation => "was created for the e-mail address",
            Self::Creation => "was created",
            Self::Name => "has the name",
            Self::Ticket => "was proved or asked for in an earlier step",
            Self::Session => "is signed in to",
        })
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRules => f.write_str("admitted: there is no rule"),
            Self::Admitted { by } => {
                let names: Vec<_> = by.iter().map(|rule| rule.as_str()).collect();
                write!(f, "admitted by {}", names.join(", "))
            }
            Self::Refused { by } => write!(f, "refused: {} does not hold", by.as_str()),
            Self::GroupsUnknown => write!(
                f,
                "refused: the provider does not name all groups, and {} is a rule",
                Criterion::Group.as_str()
            ),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedIn { created: true, .. } => f.write_str("signed in with a new account"),
            Self::SignedIn { created: false, .. } => f.write_str("signed in"),
            Self::ProofDue { .. } => f.write_str("proof is due"),
            Self::PasswordChangeDue { .. } => f.write_str("a password change is due"),
            Self::Renewed { .. } => f.write_str("the token was renewed"),
            Self::NotSignedIn { .. } => f.write_str("not signed in"),
            Self::Refused { code, error, .. } => write!(f, "refused with {}: {error}", code.as_str()),
        }
    }
}

fn named(role: Role) -> &'static str {
    if role == Role::Admin { "an administrator" } else { "a user" }
}

#[cfg(test)]
mod tests;
