use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::check_request::Requests;
use super::new_password::NewPasswords;
use super::open_session::{PasswordSession, SessionOpener};
use super::policy::Policy;
use super::prove_password::{PasswordProver, Proven};
use super::ticket::{Ticket, Tickets};
use super::trail::{FoundBy, Outcome, Step, Way};
use super::trails::{OpenTrail, Trails};
use super::visitor::Visitor;
use crate::error::{AttemptError, PasswordError, Refusal, SignInError};
use crate::people::{Account, AccountId, Credential, Password, PasswordHash, Username};
use crate::ports::{AccountStore, PasswordVerdict, Share, SignInEvent};
use crate::return_to::ReturnTo;

/// Password sign-in, and the change of a password.
#[derive(Clone, Copy)]
pub struct Passwords<'a> {
    /// Finds the account of a name.
    pub accounts: &'a dyn AccountStore,
    /// Checks the password.
    pub prover: PasswordProver<'a>,
    /// Takes the next password.
    pub new_passwords: NewPasswords<'a>,
    /// Seals the proof of a password that must be changed.
    pub tickets: Tickets<'a>,
    /// Says which account the visitor has.
    pub requests: Requests<'a>,
    /// Opens sessions.
    pub opener: SessionOpener<'a>,
    /// Says whether passwords are on.
    pub policy: &'a Policy,
    /// Keeps the trail of each sign-in.
    pub trails: Trails<'a>,
}

/// A login attempt with a password.
pub struct PasswordSignIn {
    /// The name as typed.
    pub name: String,
    /// The password, if what was typed can be one.
    pub password: Option<Password>,
    /// The target.
    pub return_to: ReturnTo,
}

/// The end of a sign-in with the right password.
#[derive(Debug)]
pub enum PasswordSignedIn {
    /// With a new session.
    SignedIn {
        /// The session.
        session: PasswordSession,
        /// The target.
        return_to: ReturnTo,
    },
    /// With a change that is due: another person chose the password.
    ChangeDue {
        /// Lets this browser do so: proof that it knew the present one.
        ticket: Ticket,
        /// The target afterwards.
        return_to: ReturnTo,
    },
}

/// The content of a ticket to choose the next password. It is void once the present password is.
#[derive(Serialize, Deserialize)]
struct ChangeDue {
    account: AccountId,
    fingerprint: Vec<u8>,
}

const CHANGE_DUE: &str = "choose the next password";

/// The part of a typed name that attempts are counted under, in characters: no username is longer.
const LONGEST_COUNTED_NAME: usize = 254;

impl Passwords<'_> {
    /// Returns whether people can sign in with a password.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.policy.passwords
    }

    /// Signs a person in with a password. Unknown names, wrong passwords, disabled accounts and accounts
    /// without a password get the same answer after the same work.
    ///
    /// # Errors
    /// When the person was not signed in.
    pub async fn sign_in(
        &self,
        attempt: PasswordSignIn,
        visitor: &Visitor<'_>,
    ) -> Result<PasswordSignedIn, Refusal> {
        let mut trail = self.trails.begin(Way::Password);
        trail.return_to = attempt.return_to.clone();
        let signed_in = self.try_sign_in(attempt, visitor, &mut trail).await;
        self.trails.end(trail, signed_in).await
    }

    async fn try_sign_in(
        &self,
        attempt: PasswordSignIn,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<PasswordSignedIn, SignInError> {
        self.policy.need_passwords()?;
        let name = Username::typed(&attempt.name);
        let account = match &name {
            Ok(name) => self.accounts.find_by_name(name).await?,
            Err(_) => None,
        };
        if let Some(account) = &account {
            trail.step(Step::AccountFound { account: account.id, by: FoundBy::Name });
        }
        // Counted under the same form of the name whether there is an account or not.
        let typed = name.map_or_else(|_| attempt.name.trim().to_lowercase(), |name| name.to_string());
        let typed = typed.chars().take(LONGEST_COUNTED_NAME).collect();
        let proven = self.prover.prove(typed, account, attempt.password, visitor, trail).await?;

        if proven.credential.must_change {
            let due =
                ChangeDue { account: proven.account.id, fingerprint: fingerprint(&proven.credential.hash) };
            let ticket = self.tickets.seal(CHANGE_DUE, due)?;
            trail.conclude(Outcome::PasswordChangeDue { account: proven.account.id });
            return Ok(PasswordSignedIn::ChangeDue { ticket, return_to: attempt.return_to });
        }
        let session = self
            .opener
            .open_with_password(self.prover.credentials, &proven.account, proven.credential, visitor, trail)
            .await?;
        Ok(PasswordSignedIn::SignedIn { session, return_to: attempt.return_to })
    }

    /// Chooses another password, knowing the present one. All sessions of the account end; the browser gets a
    /// new one.
    ///
    /// # Errors
    /// When the password was not changed.
    pub async fn change(
        &self,
        present: Option<Password>,
        next: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<PasswordSession, Refusal> {
        let mut trail = self.trails.begin(Way::PasswordChange);
        let changed = async {
            self.policy.need_passwords()?;
            let account = self.requests.account_of(visitor).await?;
            trail.step(Step::AccountFound { account: account.id, by: FoundBy::Session });
            let proven = self.prover.prove_owner(account, present, visitor, &mut trail).await?;
            self.choose(proven, next, visitor, &mut trail).await
        };
        let changed = changed.await;
        self.trails.end(trail, changed).await
    }

    /// Chooses another password with a ticket.
    ///
    /// # Errors
    /// When the password was not changed. The ticket stays good until it expires or the password changes.
    pub async fn change_with_ticket(
        &self,
        ticket: &Ticket,
        next: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<PasswordSession, Refusal> {
        let mut trail = self.trails.begin(Way::PasswordChange);
        let changed = async {
            self.policy.need_passwords()?;
            let proven = self.proven_by(ticket, visitor).await?;
            trail.step(Step::AccountFound { account: proven.account.id, by: FoundBy::Ticket });
            self.choose(proven, next, visitor, &mut trail).await
        };
        let changed = changed.await;
        self.trails.end(trail, changed).await
    }

    /// Sets the next password and signs the person in anew: sessions that began with the old one are over.
    async fn choose(
        &self,
        proven: Proven,
        next: Option<Password>,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<PasswordSession, SignInError> {
        let Proven { account, credential, share } = proven;
        let next = next.ok_or(PasswordError::Length)?;
        self.new_passwords.check(&next, &account, share.clone()).await?;
        let is_present =
            self.prover.hasher.verify(next.clone(), Some(credential.hash.clone()), share.clone());
        if is_present.await? != PasswordVerdict::Wrong {
            return Err(PasswordError::Unchanged.into());
        }
        let chosen = self.new_passwords.unchecked(next, share, false).await?;
        let now = self.trails.clock.now();
        let credentials = self.prover.credentials;
        let ended = credentials.change_credential(account.id, &chosen, &credential.hash, now).await?;
        // Changed in the meantime: the proof no longer holds.
        self.opener.ender.forget(ended.ok_or(PasswordError::Wrong)?);
        trail.step(Step::PasswordChanged);
        self.trails.observer.observe(&SignInEvent::PasswordChanged { account: account.id });
        self.opener.open_with_password(credentials, &account, chosen, visitor, trail).await
    }

    async fn proven_by(&self, ticket: &Ticket, visitor: &Visitor<'_>) -> Result<Proven, SignInError> {
        let due: ChangeDue = self.tickets.open(CHANGE_DUE, ticket)?;
        let account = self.accounts.find(due.account).await?;
        let credential = self.prover.credentials.credential(due.account).await?;
        let is_present = |credential: &Credential| fingerprint(&credential.hash) == due.fingerprint;
        let proven = account.filter(Account::is_active).zip(credential.filter(is_present));
        let (account, credential) = proven.ok_or(AttemptError::Spent)?;
        let share = Share::of_name(account.username.as_str(), visitor.source);
        Ok(Proven { account, credential, share })
    }
}

fn fingerprint(hash: &PasswordHash) -> Vec<u8> {
    Sha256::digest(hash.expose()).iter().copied().take(16).collect()
}

#[cfg(test)]
mod tests;
