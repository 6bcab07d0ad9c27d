use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::open_session::Proof;
use super::{SignIn, Ticket, Visitor};
use crate::error::{AttemptError, PasswordError, Refusal, SignInError};
use crate::people::{
    Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, Password, PasswordHash,
    Username,
};
use crate::ports::{LoginAttempt, LoginTarget, PasswordVerdict, Permit, SignInEvent};
use crate::return_to::ReturnTo;
use crate::session::SessionToken;

/// Somebody who wants to sign in with a password.
pub struct PasswordSignIn {
    /// The name as typed.
    pub name: String,
    /// The password, if what was typed can be one.
    pub password: Option<Password>,
    /// Where the person wants to go.
    pub return_to: ReturnTo,
}

/// How a right password ends.
#[derive(Debug)]
pub enum PasswordSignedIn {
    /// With a new session.
    SignedIn {
        /// Opens the session.
        token: SessionToken,
        /// Where to go.
        return_to: ReturnTo,
    },
    /// Somebody else chose the password: the person must choose another one first.
    ChangeDue {
        /// Lets this browser do so: proof that it knew the present one.
        ticket: Ticket,
        /// Where to go afterwards.
        return_to: ReturnTo,
    },
}

/// What a ticket to choose the next password says. With the present password it is void, too.
#[derive(Serialize, Deserialize)]
struct ChangeDue {
    account: AccountId,
    fingerprint: Vec<u8>,
}

const CHANGE_DUE: &str = "choose the next password";

impl SignIn {
    /// Whether people can sign in with a password.
    #[must_use]
    pub fn passwords_are_on(&self) -> bool {
        self.policy.passwords || self.ports.providers.is_empty()
    }

    /// Signs somebody in with a password. Unknown names, wrong passwords, disabled accounts and accounts without a
    /// password get the same answer after the same work.
    ///
    /// # Errors
    /// When nobody was signed in.
    pub async fn sign_in_with_password(
        &self,
        attempt: PasswordSignIn,
        visitor: &Visitor<'_>,
    ) -> Result<PasswordSignedIn, Refusal> {
        let return_to = attempt.return_to.clone();
        self.try_sign_in_with_password(attempt, visitor)
            .await
            .map_err(|error| self.refuse(error, None, None, return_to))
    }

    async fn try_sign_in_with_password(
        &self,
        attempt: PasswordSignIn,
        visitor: &Visitor<'_>,
    ) -> Result<PasswordSignedIn, SignInError> {
        self.need_passwords()?;
        let name = Username::typed(&attempt.name);
        let account = match &name {
            Ok(name) => self.ports.accounts.find_by_name(name).await?,
            Err(_) => None,
        };
        // Counted under the same form of the name whether there is an account or not.
        let counted_as = name.map_or_else(|_| attempt.name.trim().to_lowercase(), String::from);
        let guess = LoginAttempt {
            target: match &account {
                Some(account) => LoginTarget::Account(account.id),
                None => LoginTarget::Nobody(counted_as.chars().take(64).collect()),
            },
            source: visitor.source,
        };
        let proven = self.prove(account, attempt.password, guess).await?;

        if proven.credential.must_change {
            let due =
                ChangeDue { account: proven.account.id, fingerprint: fingerprint(&proven.credential.hash) };
            let ticket = self.seal_ticket(CHANGE_DUE, due)?;
            return Ok(PasswordSignedIn::ChangeDue { ticket, return_to: attempt.return_to });
        }
        let token = self.signed_in(&proven.account, proven.credential, visitor).await?;
        Ok(PasswordSignedIn::SignedIn { token, return_to: attempt.return_to })
    }

    /// Chooses another password, knowing the present one. All sessions of the account end; the browser gets a new one.
    ///
    /// # Errors
    /// When the password was not changed.
    pub async fn change_password(
        &self,
        present: Option<Password>,
        next: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<SessionToken, Refusal> {
        let changed = async {
            self.need_passwords()?;
            let account = self.account_of(visitor).await?;
            let proven = self.prove_owner(account, present, visitor).await?;
            self.choose(proven, next, visitor).await
        };
        changed.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    /// Chooses another password with a ticket.
    ///
    /// # Errors
    /// When the password was not changed. The ticket stays good until it expires or the password changes.
    pub async fn change_password_with_ticket(
        &self,
        ticket: &Ticket,
        next: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<SessionToken, Refusal> {
        let changed = async {
            self.need_passwords()?;
            let proven = self.proven_by(ticket).await?;
            self.choose(proven, next, visitor).await
        };
        changed.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    pub(super) fn need_passwords(&self) -> Result<(), SignInError> {
        if self.passwords_are_on() { Ok(()) } else { Err(PasswordError::Off.into()) }
    }

    /// Checks the password of somebody whose account is known already.
    pub(super) async fn prove_owner(
        &self,
        account: Account,
        password: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<Proven, SignInError> {
        let guess = LoginAttempt { target: LoginTarget::Account(account.id), source: visitor.source };
        self.prove(Some(account), password, guess).await
    }

    /// Checks a password, slowed down by how often it was wrong before.
    async fn prove(
        &self,
        account: Option<Account>,
        password: Option<Password>,
        guess: LoginAttempt,
    ) -> Result<Proven, SignInError> {
        if let Permit::RetryAfter(wait) =
            self.ports.throttle.admit(guess.clone(), self.ports.clock.now()).await?
        {
            return Err(PasswordError::TooManyAttempts { retry_after: wait }.into());
        }
        let credential = match &account {
            Some(account) => self.ports.credentials.credential(account.id).await?,
            None => None,
        };
        // What cannot be a password is none, but takes as long as one.
        let password = match password {
            Some(password) => password,
            None => Password::typed("not a password").map_err(|_| PasswordError::Wrong)?,
        };
        let hash = credential.as_ref().map(|credential| credential.hash.clone());
        let verdict = self.ports.hasher.verify(password.clone(), hash).await;
        if verdict.is_err() {
            // The password was never looked at, so it was no wrong one.
            self.ports.throttle.cancel(guess.clone(), self.ports.clock.now()).await?;
        }
        let verdict = verdict?;

        let (Some(account), Some(credential)) = (account, credential) else {
            return Err(PasswordError::Wrong.into());
        };
        if verdict == PasswordVerdict::Wrong || account.status == AccountStatus::Disabled {
            return Err(PasswordError::Wrong.into());
        }
        self.ports.throttle.record_success(guess, self.ports.clock.now()).await?;
        let credential = match verdict {
            PasswordVerdict::RightButWeak => self.hash_again(&account, credential, password).await?,
            _ => credential,
        };
        Ok(Proven { account, credential })
    }

    /// Replaces a weak hash by a strong one of the same password, unless somebody changed it meanwhile.
    async fn hash_again(
        &self,
        account: &Account,
        credential: Credential,
        password: Password,
    ) -> Result<Credential, SignInError> {
        // There is a next time: nobody is kept out because too many others are waiting.
        let Ok(hash) = self.ports.hasher.hash(password.clone()).await else { return Ok(credential) };
        let stronger = Credential { hash, must_change: credential.must_change };
        if self.ports.credentials.strengthen_credential(account.id, &stronger, &credential.hash).await? {
            return Ok(stronger);
        }
        // Somebody else replaced it: another sign-in with the same password, or a change of it.
        let present = self.ports.credentials.credential(account.id).await?;
        let hash = present.as_ref().map(|credential| credential.hash.clone());
        match (self.ports.hasher.verify(password, hash).await?, present) {
            (PasswordVerdict::Right | PasswordVerdict::RightButWeak, Some(present)) => Ok(present),
            _ => Err(PasswordError::Wrong.into()),
        }
    }

    /// Sets the next password and signs the person in anew: sessions of whoever knew the old one are over.
    async fn choose(
        &self,
        proven: Proven,
        next: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<SessionToken, SignInError> {
        let Proven { account, credential } = proven;
        let next = next.ok_or(PasswordError::Length)?;
        self.judge(&next, &account)?;
        if self.ports.hasher.verify(next.clone(), Some(credential.hash.clone())).await?
            != PasswordVerdict::Wrong
        {
            return Err(PasswordError::Unchanged.into());
        }
        let chosen = Credential { hash: self.ports.hasher.hash(next).await?, must_change: false };
        let now = self.ports.clock.now();
        let credentials = &self.ports.credentials;
        let ended = credentials.change_credential(account.id, &chosen, &credential.hash, now).await?;
        // Changed by somebody else in the meantime: what was proven proves nothing any more.
        self.forget_sessions(ended.ok_or(PasswordError::Wrong)?);
        self.ports.log.record(SignInEvent::PasswordChanged { account: account.id });
        self.signed_in(&account, chosen, visitor).await
    }

    /// Whether this may be a new password of the account.
    pub(super) fn judge(&self, password: &Password, account: &Account) -> Result<(), SignInError> {
        if !self.policy.password_length.allows(password) {
            return Err(PasswordError::Length.into());
        }
        let personal: Vec<String> = [
            Some(account.username.as_str()),
            account.email.as_ref().map(EmailAddress::as_str),
            account.name.as_ref().map(DisplayName::as_str),
        ]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
        self.ports
            .judge
            .weakness(password, &personal)
            .map_or(Ok(()), |weakness| Err(PasswordError::Weak(weakness).into()))
    }

    pub(super) async fn signed_in(
        &self,
        account: &Account,
        credential: Credential,
        visitor: &Visitor<'_>,
    ) -> Result<SessionToken, SignInError> {
        let (session, token) = self.open_session(account, Proof::password(credential), visitor).await?;
        let event = SignInEvent::SignedIn { account: account.id, session, provider: None, created: false };
        self.ports.log.record(event);
        Ok(token)
    }

    async fn proven_by(&self, ticket: &Ticket) -> Result<Proven, SignInError> {
        let due: ChangeDue = self.open_ticket(CHANGE_DUE, ticket)?;
        let account = self.ports.accounts.find(due.account).await?;
        let credential = self.ports.credentials.credential(due.account).await?;
        match (account, credential) {
            (Some(account), Some(credential))
                if account.status == AccountStatus::Active
                    && fingerprint(&credential.hash) == due.fingerprint =>
            {
                Ok(Proven { account, credential })
            }
            _ => Err(AttemptError::Spent.into()),
        }
    }
}

/// A person whose password was right.
pub(super) struct Proven {
    pub(super) account: Account,
    pub(super) credential: Credential,
}

fn fingerprint(hash: &PasswordHash) -> Vec<u8> {
    Sha256::digest(hash.expose()).iter().copied().take(16).collect()
}

#[cfg(test)]
mod tests;
