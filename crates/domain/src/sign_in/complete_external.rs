use super::assign_role::Roles;
use super::begin_external::{BeginExternal, BegunSignIn};
use super::check_request::Requests;
use super::external_session::ExternalSessions;
use super::link_ticket::LinkDue;
use super::policy::Policy;
use super::refusals::{Circumstances, Refusals};
use super::ticket::Ticket;
use super::visitor::Visitor;
use crate::ForeignText;
use crate::admission::{Criterion, Decision};
use crate::attempt::{PresentedAttempt, SignInAttempt};
use crate::error::{
    AccountError, AdmissionError, AttemptError, CallbackError, EmailError, LinkError, Refusal,
    RegistrationError, SignInError,
};
use crate::identity::{EmailClaim, ExternalIdentity};
use crate::people::{Account, AccountId, AccountStatus, EmailAddress, Role, Username};
use crate::ports::{
    AccountCreation, CodeRedemption, Consumption, IdentityChange, IdentityLink, IdentityProvider,
    ProfileUpdate, SignInEvent, SpentAttempts,
};
use crate::protocol::{AuthorizationCode, AuthorizationOutcome, AuthorizationResponse, Hints};
use crate::provider::{ProviderDescription, ProviderId};
use crate::return_to::ReturnTo;
use crate::sealed::SealId;
use crate::session::SessionToken;

/// External sign-in.
#[derive(Clone, Copy)]
pub struct ExternalSignIn<'a> {
    /// Sends the browser to the provider.
    pub begin: BeginExternal<'a>,
    /// Makes attempts single-use.
    pub spent_attempts: &'a dyn SpentAttempts,
    /// Says whether the browser is signed in already.
    pub requests: Requests<'a>,
    /// Stores the identity, and opens a session with it.
    pub external: ExternalSessions<'a>,
    /// Gives the role that the provider's groups say.
    pub roles: Roles<'a>,
    /// Says whether accounts are created.
    pub policy: &'a Policy,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

/// How a browser that came back leaves again.
#[derive(Debug)]
pub enum CompletedSignIn {
    /// With a new session.
    SignedIn {
        /// Opens the session.
        token: SessionToken,
        /// Where to go.
        return_to: ReturnTo,
        /// The attempt that is over.
        attempt: SealId,
        /// Where the person signed in.
        provider: ProviderId,
    },
    /// With a question: whether this identity may open an account that is there already, because it has the person's
    /// e-mail address or because its person asked for that. Nobody is signed in by it before they say yes, on proof.
    LinkDue {
        /// Lets this browser do so.
        ticket: Ticket,
        /// The attempt that is over.
        attempt: SealId,
    },
    /// As it came: the callback was stale (a reload, the back button, a second tab), but the browser is signed in, so
    /// there is nothing to explain. Nothing of the callback was used.
    AlreadySignedIn {
        /// Where to go.
        return_to: ReturnTo,
    },
}

/// What an identity opens.
enum Opened {
    /// This account.
    Account {
        account: Account,
        /// Whether it was made for the identity.
        created: bool,
    },
    /// Perhaps this one, which has the person's e-mail address.
    WithProof(Account),
}

/// What is known of an attempt while it is being completed; a refusal tells as much as was learned.
#[derive(Default)]
struct Trail {
    attempt: Option<SignInAttempt>,
}

impl ExternalSignIn<'_> {
    /// Begins an external sign-in: makes fresh secrets, seals them for the browser to carry, and says where to send it.
    ///
    /// `hints` are for the provider alone, and `pending` are the attempts that the browser carries already.
    ///
    /// # Errors
    /// When there is no such provider, or it cannot be asked for its metadata.
    pub async fn begin(
        &self,
        provider: Option<&ProviderId>,
        hints: Hints,
        return_to: ReturnTo,
        pending: &[PresentedAttempt],
    ) -> Result<BegunSignIn, Refusal> {
        let begun = self.begin.begin(provider, hints, &return_to, pending, None).await;
        begun.map_err(|error| self.begin.refuse(self.refusals, error, provider, return_to))
    }

    /// Completes an external sign-in: the browser is back with the provider's answer.
    ///
    /// `query` is the callback's query, `pending` the attempts that the browser carries. The session that it has so far,
    /// if any, ends when a new one begins.
    ///
    /// # Errors
    /// When nobody was signed in. There is no session then that was not there before.
    pub async fn complete(
        &self,
        query: &str,
        pending: &[PresentedAttempt],
        visitor: &Visitor<'_>,
    ) -> Result<CompletedSignIn, Refusal> {
        let mut trail = Trail::default();
        let error = match self.try_complete(query, pending, visitor, &mut trail).await {
            Ok(completed) => return Ok(completed),
            Err(error) => error,
        };

        let attempt = trail.attempt;
        let return_to = attempt.as_ref().map(|attempt| attempt.return_to.clone()).unwrap_or_default();
        if error.ends_attempt()
            && let Some(token) = visitor.session_token
            && self.requests.check(token).await.is_ok()
        {
            return Ok(CompletedSignIn::AlreadySignedIn { return_to });
        }
        let id = attempt.as_ref().map(SignInAttempt::id);
        let provider = attempt.map(|attempt| attempt.provider);
        let explanation =
            provider.as_ref().and_then(|provider| self.external.providers.explanation(provider, &error));
        Err(self.refusals.refuse(error, Circumstances { attempt: id, provider, explanation, return_to }))
    }

    async fn try_complete(
        &self,
        query: &str,
        pending: &[PresentedAttempt],
        visitor: &Visitor<'_>,
        trail: &mut Trail,
    ) -> Result<CompletedSignIn, SignInError> {
        let response = AuthorizationResponse::from_query(query)?;

        let attempt = self.attempt_of(&response, pending)?;
        let attempt = &*trail.attempt.insert(attempt);
        self.spend(attempt).await?;

        let code = code_from_the_right_issuer(attempt, response)?;
        let provider = self.external.providers.get(Some(&attempt.provider))?;
        let identity = redeem(provider, attempt, code).await?;

        let description = provider.description();
        let email = trusted_email(&description, &identity.email);
        // Before anything else: whoever may not come in anymore finds no account of theirs to open either.
        let role = role_if_admitted(&description, &identity, email.as_ref().ok())?;

        if let Some(account) = attempt.link_to {
            // This must be the very browser that is still signed in to the account. The person is asked once more, for
            // somebody else may have been signed in at the provider in this browser.
            let owner = self.requests.account_of(visitor).await?;
            if owner.id != account {
                return Err(LinkError::AnotherSession.into());
            }
            let ticket = LinkDue::ask_for_proof(self.external.tickets, &owner, attempt, identity)?;
            return Ok(CompletedSignIn::LinkDue { ticket, attempt: attempt.id() });
        }
        let (account, created) = match self.account_for(&description, &identity, email).await? {
            Opened::Account { account, created } => (self.roles.assign(account, role).await?, created),
            Opened::WithProof(account) => {
                let ticket = LinkDue::ask_for_proof(self.external.tickets, &account, attempt, identity)?;
                return Ok(CompletedSignIn::LinkDue { ticket, attempt: attempt.id() });
            }
        };
        let token = self.external.open(&attempt.provider, &account, identity, created, visitor).await?;
        Ok(CompletedSignIn::SignedIn {
            token,
            return_to: attempt.return_to.clone(),
            attempt: attempt.id(),
            provider: attempt.provider.clone(),
        })
    }

    /// The attempt that the response names, if this browser started it.
    fn attempt_of(
        &self,
        response: &AuthorizationResponse,
        pending: &[PresentedAttempt],
    ) -> Result<SignInAttempt, SignInError> {
        let id = SealId::of(&response.state);
        // A sibling site can plant a second cookie of the same name: each is tried, and only a seal of ours opens.
        pending
            .iter()
            .filter(|presented| presented.id == id)
            .find_map(|presented| SignInAttempt::open(presented, self.begin.sealer))
            .filter(|attempt| attempt.state == response.state)
            .ok_or(AttemptError::Unknown.into())
    }

    /// Spends the attempt: from here on it cannot be used again, whatever comes of it.
    async fn spend(&self, attempt: &SignInAttempt) -> Result<(), SignInError> {
        if attempt.has_expired(self.begin.clock.now()) {
            return Err(AttemptError::Expired.into());
        }
        match self.spent_attempts.consume(attempt.id(), attempt.expires_at()).await? {
            Consumption::First => Ok(()),
            Consumption::Again => Err(AttemptError::Spent.into()),
        }
    }

    /// The account that the identity opens, in this order: the one it is linked to; one that was made for whoever has its
    /// trusted e-mail address, and that nothing opens yet; with proof, one that merely has the address; a new one.
    async fn account_for(
        &self,
        provider: &ProviderDescription,
        identity: &ExternalIdentity,
        email: Result<EmailAddress, SignInError>,
    ) -> Result<Opened, SignInError> {
        if let Some(account) = self.known_account(identity, email.as_ref().ok()).await? {
            return Ok(Opened::Account { account, created: false });
        }
        let email = email?;
        // Whoever was quicker with the same identity or address changes what there is to open: so once more.
        for _ in 0..2 {
            let opened = self.account_with_address(provider, identity, &email).await?;
            if let Some(opened @ Opened::Account { .. }) = opened {
                return Ok(opened);
            }
            // Perhaps the person's own account, made a moment ago by another tab.
            if let Some(account) = self.known_account(identity, Some(&email)).await? {
                return Ok(Opened::Account { account, created: false });
            }
            if let Some(with_proof) = opened {
                return Ok(with_proof);
            }
        }
        Err(EmailError::Taken { address: email }.into())
    }

    /// The account that the identity is linked to. A changed address is no reason to keep the person out.
    async fn known_account(
        &self,
        identity: &ExternalIdentity,
        email: Option<&EmailAddress>,
    ) -> Result<Option<Account>, SignInError> {
        let identities = self.external.identities;
        let Some(mut account) = identities.find_by_identity(&identity.issuer, &identity.subject).await?
        else {
            return Ok(None);
        };
        if account.status == AccountStatus::Disabled {
            return Err(AccountError::Disabled.into());
        }
        let now = self.begin.clock.now();
        match identities.record_sign_in(account.id, identity, email, now).await? {
            ProfileUpdate::Done => account.email = email.cloned().or(account.email),
            ProfileUpdate::EmailTaken => {
                self.refusals.log.record(SignInEvent::EmailKept { account: account.id });
            }
        }
        account.name = account.name.or_else(|| identity.name.clone());
        Ok(Some(account))
    }

    /// What a trusted address opens for an identity that is linked to nothing; `None` when somebody was quicker.
    async fn account_with_address(
        &self,
        provider: &ProviderDescription,
        identity: &ExternalIdentity,
        email: &EmailAddress,
    ) -> Result<Option<Opened>, SignInError> {
        let Some(account) = self.requests.accounts.find_by_name(&Username::from(email)).await? else {
            return self.new_account(identity, email).await;
        };
        if account.status == AccountStatus::Disabled {
            return Err(AccountError::Disabled.into());
        }
        // A username that was made of an address says nothing about whose the address is now.
        if account.email.as_ref() != Some(email) {
            return Ok(Some(Opened::WithProof(account)));
        }
        match self.external.identities.claim(account.id, identity, self.begin.clock.now()).await? {
            IdentityLink::Linked => {
                self.refusals.log.record(SignInEvent::Linked {
                    account: account.id,
                    provider: provider.id.clone(),
                    change: IdentityChange::Claimed,
                });
                let name = account.name.clone().or_else(|| identity.name.clone());
                Ok(Some(Opened::Account { account: Account { name, ..account }, created: false }))
            }
            IdentityLink::Refused | IdentityLink::CredentialChanged => Ok(Some(Opened::WithProof(account))),
            IdentityLink::IdentityTaken => Ok(None),
        }
    }

    async fn new_account(
        &self,
        identity: &ExternalIdentity,
        email: &EmailAddress,
    ) -> Result<Option<Opened>, SignInError> {
        if !self.policy.self_registration {
            return Err(RegistrationError::NotProvisioned { address: email.clone() }.into());
        }
        let now = self.begin.clock.now();
        let account = Account {
            id: AccountId::fresh(now, self.begin.entropy),
            username: Username::from(email),
            email: Some(email.clone()),
            name: identity.name.clone(),
            role: Role::User,
            status: AccountStatus::Active,
            created_at: now,
        };
        match self.external.identities.create(&account, identity).await? {
            AccountCreation::Created => Ok(Some(Opened::Account { account, created: true })),
            AccountCreation::NameTaken | AccountCreation::IdentityTaken => Ok(None),
        }
    }
}

/// The code, if the response comes from the issuer that was asked (RFC 9207 section 2.4). An error is believed under
/// the same condition.
fn code_from_the_right_issuer(
    attempt: &SignInAttempt,
    response: AuthorizationResponse,
) -> Result<AuthorizationCode, SignInError> {
    match response.issuer {
        Some(stated) if stated != attempt.issuer.as_str() => {
            return Err(CallbackError::IssuerMismatch { stated: ForeignText::new(&stated) }.into());
        }
        None if attempt.issuer_in_response => return Err(CallbackError::IssuerMissing.into()),
        _ => {}
    }
    match response.outcome {
        AuthorizationOutcome::Code(code) => Ok(code),
        AuthorizationOutcome::Error { code, description } => {
            Err(CallbackError::Refused { code, description }.into())
        }
    }
}

async fn redeem(
    provider: &dyn IdentityProvider,
    attempt: &SignInAttempt,
    code: AuthorizationCode,
) -> Result<ExternalIdentity, SignInError> {
    let redemption = CodeRedemption {
        code,
        verifier: attempt.verifier.clone(),
        nonce: attempt.nonce.clone(),
        redirect_uri: attempt.redirect_uri.clone(),
        issuer: attempt.issuer.clone(),
        started_at: attempt.started_at,
    };
    Ok(provider.redeem(redemption).await?)
}

/// What the person may do by the provider's groups, if the rules let them in at all.
pub(super) fn role_if_admitted(
    provider: &ProviderDescription,
    identity: &ExternalIdentity,
    email: Option<&EmailAddress>,
) -> Result<Option<Role>, SignInError> {
    let verdict = provider.admission.judge(identity, email);
    match verdict.decision {
        Decision::NoRules | Decision::Admitted { .. } => Ok(verdict.role),
        Decision::Refused { by } => Err(AdmissionError::Rejected {
            rule: by,
            subject: identity.subject.clone(),
            stated: ForeignText::new(&looked_at(by, identity, email)),
        }
        .into()),
        Decision::GroupsUnknown => Err(AdmissionError::GroupsUnknown.into()),
    }
}

/// What a rule looks at, as the provider states it.
fn looked_at(rule: Criterion, identity: &ExternalIdentity, email: Option<&EmailAddress>) -> String {
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

/// The address, if it can be trusted to be the person's.
pub(super) fn trusted_email(
    provider: &ProviderDescription,
    claim: &EmailClaim,
) -> Result<EmailAddress, SignInError> {
    match claim {
        EmailClaim::Missing => Err(EmailError::Missing.into()),
        EmailClaim::Malformed => Err(EmailError::Malformed.into()),
        EmailClaim::Stated { address, .. } => {
            let trusted = provider.trusted_address(claim).cloned();
            trusted.ok_or_else(|| EmailError::Unverified { address: address.clone() }.into())
        }
    }
}

#[cfg(test)]
mod tests;
