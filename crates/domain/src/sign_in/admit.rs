use super::trail::{EmailVerdict, Step};
use crate::ForeignText;
use crate::admission::{Criterion, Decision, Verdict};
use crate::error::{AdmissionError, EmailError};
use crate::identity::{EmailClaim, ExternalIdentity};
use crate::people::{EmailAddress, Role};
use crate::provider::ProviderDescription;

/// The decision on a person that a provider states: admitted or not, and with which role.
#[derive(Clone, Debug)]
pub struct Admittance<'a> {
    /// The judgement on the person's e-mail address.
    pub email: EmailVerdict,
    /// The decision of the admission rules, and the role.
    pub verdict: Verdict,
    pub(super) identity: &'a ExternalIdentity,
}

/// Decides whether the person of this identity may come in. The callback, session revalidation and a dry run
/// all ask here.
#[must_use]
pub fn admit<'a>(provider: &ProviderDescription, identity: &'a ExternalIdentity) -> Admittance<'a> {
    let address = provider.trusted_address(&identity.email);
    let email = match &identity.email {
        EmailClaim::Missing => EmailVerdict::Missing,
        EmailClaim::Malformed => EmailVerdict::Malformed,
        EmailClaim::Stated { .. } if address.is_none() => EmailVerdict::Unverified,
        EmailClaim::Stated { .. } => EmailVerdict::Trusted,
    };
    Admittance { email, verdict: provider.admission.judge(identity, address), identity }
}

impl<'a> Admittance<'a> {
    /// Returns the address, if it can be trusted to be the person's.
    #[must_use]
    pub fn address(&self) -> Option<&'a EmailAddress> {
        match &self.identity.email {
            EmailClaim::Stated { address, .. } if self.email == EmailVerdict::Trusted => Some(address),
            _ => None,
        }
    }

    /// Returns the role that the provider's groups give, if the rules admit the person.
    pub(super) fn role(&self) -> Result<Option<Role>, AdmissionError> {
        match self.verdict.decision {
            Decision::NoRules | Decision::Admitted { .. } => Ok(self.verdict.role),
            Decision::Refused { by } => Err(AdmissionError::Rejected {
                rule: by,
                subject: self.identity.subject.clone(),
                address: self.address().cloned(),
                stated: ForeignText::new(&self.stated(by)),
            }),
            Decision::GroupsUnknown => Err(AdmissionError::GroupsUnknown),
        }
    }

    /// Returns the error of an address that cannot be trusted.
    pub(super) fn email_error(&self) -> EmailError {
        match &self.identity.email {
            EmailClaim::Stated { address, .. } => EmailError::Unverified { address: address.clone() },
            EmailClaim::Missing => EmailError::Missing,
            EmailClaim::Malformed => EmailError::Malformed,
        }
    }

    /// Returns the steps of the decision.
    pub(super) fn steps(&self) -> [Step; 2] {
        let Verdict { decision, role } = self.verdict.clone();
        [Step::EmailJudged(self.email), Step::RulesApplied { decision, role }]
    }

    /// Returns the facts that a rule looks at, as the provider states them.
    fn stated(&self, rule: Criterion) -> String {
        let (identity, email) = (self.identity, self.address());
        let memberships = &identity.memberships;
        match rule {
            Criterion::EmailDomain => email.map(ToString::to_string).unwrap_or_default(),
            Criterion::Tenant => memberships.tenant.clone().unwrap_or_default(),
            Criterion::HostedDomain => memberships.hosted_domain.clone().unwrap_or_default(),
            Criterion::Group => identity.groups.join(", "),
            Criterion::Organization => memberships.organizations.join(", "),
            Criterion::Account => email.map_or_else(|| identity.subject.to_string(), ToString::to_string),
        }
    }
}
