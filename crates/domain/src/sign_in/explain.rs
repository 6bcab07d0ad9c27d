use std::fmt;

use super::trail::{Outcome, Step, Trail};
use crate::admission::{Criterion, Decision};
use crate::people::Role;

/// Explains why a person came in, or did not: the steps of the trail in one text for the operator, then the
/// outcome.
#[must_use]
pub fn explain(trail: &Trail) -> String {
    let mut text = trail.way.as_str().to_owned();
    for step in &trail.steps {
        text.push_str("; ");
        text.push_str(&step.to_string());
    }
    let decided = trail.deciding_step().map(|step| format!(", because {step}")).unwrap_or_default();
    format!("{text}; {}{decided}", trail.outcome)
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
            Self::EmailJudged(verdict) => f.write_str(verdict.as_str()),
            Self::RulesApplied { decision, role } => {
                write!(f, "{decision}")?;
                role.map_or(Ok(()), |role| write!(f, " as {}", named(role)))
            }
            Self::AccountFound { account, by } => write!(f, "the account {account} {}", by.as_str()),
            Self::EmailConflict => f.write_str("the new e-mail address is another account's"),
            Self::NoAccount(verdict) => write!(f, "the identity opens no account and {}", verdict.as_str()),
            Self::AccountDisabled => f.write_str("the account is disabled"),
            Self::ProofAsked => f.write_str("an account has the e-mail address or asked for the link"),
            Self::RoleAssigned(role) => write!(f, "the groups make the person {}", named(*role)),
            Self::RateLimited { wait } => {
                write!(f, "too many attempts came before, retry after {} s", wait.as_secs())
            }
            Self::PasswordCompared(result) => f.write_str(result.as_str()),
            Self::PasswordChanged => f.write_str("the password was changed"),
            Self::SessionOpened { .. } => f.write_str("a session was opened"),
            Self::PreviousSessionEnded { .. } => f.write_str("the browser's previous session ended"),
            Self::SessionFound(state) => f.write_str(state.as_str()),
        }
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
