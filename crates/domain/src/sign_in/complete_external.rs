use super::admit::{Admittance, admit};
use super::assign_role::Roles;
use super::begin_external::{BeginExternal, BegunSignIn};
use super::check_request::Requests;
use super::external_session::ExternalSessions;
use super::link_ticket::LinkDue;
use super::policy::Policy;
use super::ticket::Ticket;
use super::trail::{FoundBy, Step, Way};
use super::trails::{OpenTrail, Trails};
use super::visitor::Visitor;
use crate::ForeignText;
use crate::attempt::{AttemptPurpose, PresentedAttempt, SignInAttempt};
use crate::error::{
    AccountError, AttemptError, CallbackError, EmailError, LinkError, Refusal, RegistrationError, SignInError,
};
use crate::identity::ExternalIdentity;
use crate::people::{Account, EmailAddress, Role, Username};
use crate::ports::{
    AccessTokenStore, AccountCreation, Author, CodeRedemption, Consumption, IdentityChange, IdentityLink,
    IdentityProvider, ProfileUpdate, SignInEvent, Source, SpentAttempts,
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
    /// Go with the admission of the identity that they were made with.
    pub access_tokens: &'a dyn AccessTokenStore,
    /// Gives the role that the provider's groups say.
    pub roles: Roles<'a>,
    /// Says whether accounts are created.
    pub policy: &'a Policy,
    /// Keeps the trail of each sign-in.
    pub trails: Trails<'a>,
}

/// The end of an external sign-in.
#[derive(Debug)]
pub enum CompletedSignIn {
    /// With a new session.
    SignedIn {
        /// Opens the session.
        token: SessionToken,
        /// The target.
        return_to: ReturnTo,
        /// The attempt that is over.
        attempt: SealId,
        /// The provider.
        provider: ProviderId,
    },
    /// With a question: an account is there already, which has the person's e-mail address or asked for the
    /// link. The identity signs in to it once its person says yes, on proof.
    LinkDue {
        /// Lets this browser do so.
        ticket: Ticket,
        /// The attempt that is over.
        attempt: SealId,
    },
    /// With a proof: the person of this session wants an act, and authenticated at the provider for it.
    Proven {
        /// Permits the act, once.
        ticket: Ticket,
        /// The page that asks for the act.
        return_to: ReturnTo,
        /// The attempt that is over.
        attempt: SealId,
    },
    /// As it came: the callback was stale (a reload, the back button, a second tab), but the browser is
    /// signed in, so there is nothing to explain. Nothing of the callback was used.
    AlreadySignedIn {
        /// The target.
        return_to: ReturnTo,
    },
}

/// The account that an identity opens.
enum Opened {
    /// This account.
    Account {
        account: Account,
        /// The account was created for the identity.
        created: bool,
    },
    /// Perhaps this one, which has the person's e-mail address.
    WithProof(Account),
}

impl ExternalSignIn<'_> {
    /// Begins an external sign-in: makes fresh secrets, seals them for the browser to carry, and says where
    /// to send it.
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
        let mut trail = self.trails.begin(Way::External, Source::default());
        trail.provider = provider.cloned();
        let begun = self.begin.begin(provider, hints, &return_to, pending, AttemptPurpose::SignIn).await;
        trail.return_to = return_to;
        self.trails.end_at(self.external.providers, trail, begun).await
    }

    /// Completes an external sign-in: the browser is back with the provider's answer.
    ///
    /// `query` is the callback's query, `pending` the attempts that the browser carries. The session that it
    /// has so far, if any, ends when a new one begins.
    ///
    /// # Errors
    /// When the person was not signed in. There is no session then that was not there before.
    pub async fn complete(
        &self,
        query: &str,
        pending: &[PresentedAttempt],
        visitor: &Visitor<'_>,
    ) -> Result<CompletedSignIn, Refusal> {
        let mut trail = self.trails.begin(Way::External, visitor.source);
        let completed = self.try_complete(query, pending, visitor, &mut trail).await;
        if completed.as_ref().is_err_and(SignInError::ends_attempt)
            && let Some(token) = visitor.session_token
            && self.requests.recognize(token).await.is_ok()
        {
            return Ok(CompletedSignIn::AlreadySignedIn { return_to: trail.return_to });
        }
        self.trails.end_at(self.external.providers, trail, completed).await
    }

    async fn try_complete(
        &self,
        query: &str,
        pending: &[PresentedAttempt],
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<CompletedSignIn, SignInError> {
        let response = AuthorizationResponse::from_query(query).map_err(CallbackError::from)?;

        let attempt = self.attempt_of(&response, pending)?;
        let attempt = &attempt;
        trail.attempt = Some(attempt.id());
        trail.provider = Some(attempt.provider.clone());
        trail.return_to = attempt.return_to.clone();
        self.spend(attempt).await?;
        trail.step(Step::AttemptSpent { began_at: attempt.started_at });

        let stated = response.issuer.is_some();
        let code = code_from_the_right_issuer(attempt, response)?;
        trail.step(Step::IssuerAccepted { stated });
        let provider = self.external.providers.get(Some(&attempt.provider))?;
        let identity = redeem(provider, attempt, code).await?;

        trail.step(Step::CodeRedeemed { issuer: identity.issuer.clone() });

        let description = provider.description();
        let admittance = admit(&description, &identity);
        trail.steps(admittance.steps());
        // Before anything else: a person who may not come in finds no account to open either.
        let role = match admittance.role() {
            Ok(role) => role,
            Err(error) => {
                let (issuer, subject, now) = (&identity.issuer, &identity.subject, self.begin.clock.now());
                self.access_tokens.keep_admission(issuer, subject, None, now).await?;
                return Err(error.into());
            }
        };

        match &attempt.purpose {
            AttemptPurpose::SignIn => {}
            AttemptPurpose::Link(account) => {
                // This must be the very browser that is still signed in to the account. The person is asked
                // once more, for somebody else may have been signed in at the provider in this browser.
                let owner = self.requests.account_of(visitor).await?;
                if owner.id != *account {
                    return Err(LinkError::AnotherSession.into());
                }
                trail.found(&owner, FoundBy::Session);
                trail.ask_for_proof(owner.id);
                let ticket = LinkDue::ask_for_proof(self.external.tickets, &owner, attempt, identity)?;
                return Ok(CompletedSignIn::LinkDue { ticket, attempt: attempt.id() });
            }
            AttemptPurpose::Prove(act) => {
                let context = (self.requests, self.external);
                let ticket = act.proven(&identity, attempt.started_at, &context, visitor, trail).await?;
                let (return_to, attempt) = (attempt.return_to.clone(), attempt.id());
                return Ok(CompletedSignIn::Proven { ticket, return_to, attempt });
            }
        }
        let (account, created) = match self.account_for(&description, &admittance, trail).await? {
            Opened::Account { account, created } => {
                let before = account.role;
                let account = self.roles.assign(account, role).await?;
                if account.role != before {
                    trail.step(Step::RoleAssigned(account.role));
                }
                (account, created)
            }
            Opened::WithProof(account) => {
                trail.ask_for_proof(account.id);
                let linked = self.external.identities.identities(account.id).await?;
                self.trails.observer.observe(&SignInEvent::LinkRequired {
                    person: trail.person(&account),
                    provider: attempt.provider.clone(),
                    issuer: identity.issuer.clone(),
                    linked: linked.into_iter().map(|identity| identity.issuer).collect(),
                });
                let ticket = LinkDue::ask_for_proof(self.external.tickets, &account, attempt, identity)?;
                return Ok(CompletedSignIn::LinkDue { ticket, attempt: attempt.id() });
            }
        };
        let token =
            self.external.open(&attempt.provider, &account, identity, created, visitor, trail).await?;
        Ok(CompletedSignIn::SignedIn {
            token,
            return_to: attempt.return_to.clone(),
            attempt: attempt.id(),
            provider: attempt.provider.clone(),
        })
    }

    /// Returns the attempt that the response names, if this browser started it.
    fn attempt_of(
        &self,
        response: &AuthorizationResponse,
        pending: &[PresentedAttempt],
    ) -> Result<SignInAttempt, SignInError> {
        let id = SealId::of(&response.state);
        // A sibling site can plant a second cookie of the same name: each is tried, and only a seal of ours
        // opens.
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

    /// Returns the account that the identity opens, in this order: the one it is linked to; one that has its
    /// trusted e-mail address, and that nothing opens yet or only identities that give way to those of this
    /// issuer; with proof, one that merely has the address; a new one.
    async fn account_for(
        &self,
        provider: &ProviderDescription,
        admittance: &Admittance<'_>,
        trail: &mut OpenTrail,
    ) -> Result<Opened, SignInError> {
        let (identity, email) = (admittance.identity, admittance.address());
        if let Some(account) = self.known_account(identity, email, trail).await? {
            return Ok(Opened::Account { account, created: false });
        }
        let Some(email) = email else {
            trail.step(Step::NoAccount(admittance.email));
            return Err(admittance.email_error().into());
        };
        // A concurrent sign-in may have created or linked the account: retry once.
        for _ in 0..2 {
            let opened = self.account_with_address(provider, identity, email, trail).await?;
            if let Some(opened @ Opened::Account { .. }) = opened {
                return Ok(opened);
            }
            // Perhaps the person's own account, made a moment ago by another tab.
            if let Some(account) = self.known_account(identity, Some(email), trail).await? {
                return Ok(Opened::Account { account, created: false });
            }
            if let Some(with_proof) = opened {
                return Ok(with_proof);
            }
        }
        Err(EmailError::Taken { address: email.clone() }.into())
    }

    /// Returns the account that the identity is linked to. A changed address is no reason to keep the person
    /// out.
    async fn known_account(
        &self,
        identity: &ExternalIdentity,
        email: Option<&EmailAddress>,
        trail: &mut OpenTrail,
    ) -> Result<Option<Account>, SignInError> {
        let identities = self.external.identities;
        let Some(mut account) = identities.find_by_identity(&identity.issuer, &identity.subject).await?
        else {
            return Ok(None);
        };
        trail.found(&account, FoundBy::Identity);
        need_active(&account, trail)?;
        let now = self.begin.clock.now();
        match identities.record_sign_in(account.id, identity, email, now).await? {
            ProfileUpdate::Done => {
                if let Some(former) = email.and_then(|email| account.take_address(email)) {
                    self.trails.observer.observe(&SignInEvent::Renamed {
                        account: account.id,
                        former,
                        name: account.username.clone(),
                        by: Author::Person(trail.person(&account)),
                    });
                }
            }
            ProfileUpdate::EmailTaken => {
                trail.step(Step::EmailConflict);
                self.trails.observer.observe(&SignInEvent::EmailConflict { person: trail.person(&account) });
            }
        }
        account.name = account.name.or_else(|| identity.name.clone());
        Ok(Some(account))
    }

    /// Returns the account that a trusted address opens for an unlinked identity; `None` after a concurrent
    /// change.
    async fn account_with_address(
        &self,
        provider: &ProviderDescription,
        identity: &ExternalIdentity,
        email: &EmailAddress,
        trail: &mut OpenTrail,
    ) -> Result<Option<Opened>, SignInError> {
        let Some(account) = self.requests.accounts.find_by_name(&Username::from(email)).await? else {
            return self.new_account(identity, email, trail).await;
        };
        need_active(&account, trail)?;
        // A username that was made of an address does not say that the address is still the person's.
        if account.email.as_ref() != Some(email) {
            return Ok(Some(Opened::WithProof(account)));
        }
        match self.external.identities.claim(account.id, identity, email, self.begin.clock.now()).await? {
            IdentityLink::Linked => {
                self.external.opener.ender.forget_account(account.id);
                trail.found(&account, FoundBy::Address);
                self.trails.observer.observe(&SignInEvent::Linked {
                    person: trail.person(&account),
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
        trail: &mut OpenTrail,
    ) -> Result<Option<Opened>, SignInError> {
        if !self.policy.self_registration {
            return Err(RegistrationError::NotProvisioned { address: email.clone() }.into());
        }
        let now = self.begin.clock.now();
        // A name that is taken is another person's: the address takes its place.
        for username in identity.username.iter().cloned().chain([Username::from(email)]) {
            let account = Account {
                email: Some(email.clone()),
                name: identity.name.clone(),
                ..Account::new(username, Role::User, now, self.begin.entropy)
            };
            match self.external.identities.create(&account, identity).await? {
                AccountCreation::Created => {
                    trail.found(&account, FoundBy::Creation);
                    return Ok(Some(Opened::Account { account, created: true }));
                }
                AccountCreation::NameTaken => {}
                AccountCreation::IdentityTaken => return Ok(None),
            }
        }
        Ok(None)
    }
}

fn need_active(account: &Account, trail: &mut OpenTrail) -> Result<(), SignInError> {
    if account.is_active() {
        return Ok(());
    }
    trail.step(Step::AccountDisabled);
    Err(AccountError::Disabled.into())
}

/// Returns the code, if the response comes from the issuer that was asked (RFC 9207 section 2.4). An error is
/// believed under the same condition.
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

#[cfg(test)]
mod tests;
