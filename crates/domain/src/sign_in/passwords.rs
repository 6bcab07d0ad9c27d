use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::SignIn;
use super::open_session::Proof;
use crate::attempt::{AttemptId, PresentedAttempt, SealedAttempt};
use crate::error::{Refusal, SignInError};
use crate::people::{
    Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, Password, PasswordHash,
    Username,
};
use crate::ports::{Admission, Guess, GuessTarget, PasswordVerdict, SealError, SignInEvent, Source};
use crate::return_to::ReturnTo;
use crate::session::SessionToken;
use crate::time::Timestamp;

/// Somebody who wants to sign in with a password.
pub struct PasswordSignIn {
    /// The name as typed.
    pub name: String,
    /// The password, if what was typed can be one.
    pub password: Option<Password>,
    /// Where the request comes from, if that is known.
    pub source: Option<Source>,
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
        /// Lets this browser do so.
        ticket: ChangeTicket,
        /// Where to go afterwards.
        return_to: ReturnTo,
    },
}

/// Lets one browser choose the next password of one account: proof, for ten minutes, that it knew the present one.
pub struct ChangeTicket {
    id: AttemptId,
    sealed: SealedAttempt,
}

impl ChangeTicket {
    /// How long a person may take.
    pub const LIFETIME: Duration = Duration::from_mins(10);

    /// The ticket as a browser carries it.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}.{}", self.id, self.sealed.as_str())
    }

    /// Takes a ticket from a browser; whether it is good shows when it is used.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, sealed) = text.split_once('.')?;
        Some(Self { id: AttemptId::parse(id).ok()?, sealed: SealedAttempt::parse(sealed).ok()? })
    }
}

impl fmt::Debug for ChangeTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeTicket([redacted])")
    }
}

/// What stands inside a ticket's seal.
#[derive(Serialize, Deserialize)]
struct Ticket {
    purpose: String,
    account: AccountId,
    /// Of the present hash: with the password the ticket is void, too.
    fingerprint: Vec<u8>,
    until: Timestamp,
}

const TICKET_PURPOSE: &str = "choose the next password";

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
        session_token: Option<&str>,
    ) -> Result<PasswordSignedIn, Refusal> {
        let return_to = attempt.return_to.clone();
        self.try_sign_in_with_password(attempt, session_token)
            .await
            .map_err(|error| self.refuse(error, None, None, return_to))
    }

    async fn try_sign_in_with_password(
        &self,
        attempt: PasswordSignIn,
        session_token: Option<&str>,
    ) -> Result<PasswordSignedIn, SignInError> {
        self.need_passwords()?;
        let name = Username::typed(&attempt.name);
        let account = match &name {
            Ok(name) => self.ports.accounts.find_by_name(name).await?,
            Err(_) => None,
        };
        // Counted under the same form of the name whether there is an account or not.
        let counted_as = name.map_or_else(|_| attempt.name.trim().to_lowercase(), String::from);
        let guess = Guess {
            target: match &account {
                Some(account) => GuessTarget::Account(account.id),
                None => GuessTarget::Nobody(counted_as.chars().take(64).collect()),
            },
            source: attempt.source,
        };
        let proven = self.prove(account, attempt.password, guess).await?;

        if proven.credential.must_change {
            let ticket = self.ticket(&proven)?;
            return Ok(PasswordSignedIn::ChangeDue { ticket, return_to: attempt.return_to });
        }
        let token = self.signed_in(&proven.account, session_token).await?;
        // A change of the password ends all sessions; one that it overtook must not survive it.
        if self.ports.accounts.credential(proven.account.id).await?.as_ref() != Some(&proven.credential) {
            self.end_session_of(token.expose()).await?;
            return Err(SignInError::CredentialsWrong);
        }
        Ok(PasswordSignedIn::SignedIn { token, return_to: attempt.return_to })
    }

    /// Chooses another password, knowing the present one. All sessions of the account end; the browser gets a new one.
    ///
    /// # Errors
    /// When the password was not changed.
    pub async fn change_password(
        &self,
        session_token: &str,
        present: Option<Password>,
        next: Option<Password>,
        source: Option<Source>,
    ) -> Result<SessionToken, Refusal> {
        let changed = async {
            self.need_passwords()?;
            let account = self.account_of(session_token).await?;
            let guess = Guess { target: GuessTarget::Account(account.id), source };
            let proven = self.prove(Some(account), present, guess).await?;
            self.choose(proven, next).await
        };
        changed.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    /// Chooses another password with a ticket.
    ///
    /// # Errors
    /// When the password was not changed. The ticket stays good until it expires or the password changes.
    pub async fn change_password_with_ticket(
        &self,
        ticket: &ChangeTicket,
        next: Option<Password>,
    ) -> Result<SessionToken, Refusal> {
        let changed = async {
            self.need_passwords()?;
            let proven = self.proven_by(ticket).await?;
            self.choose(proven, next).await
        };
        changed.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    pub(super) fn need_passwords(&self) -> Result<(), SignInError> {
        if self.passwords_are_on() { Ok(()) } else { Err(SignInError::PasswordsOff) }
    }

    /// Checks a password, slowed down by how often it was wrong before.
    async fn prove(
        &self,
        account: Option<Account>,
        password: Option<Password>,
        guess: Guess,
    ) -> Result<Proven, SignInError> {
        if let Admission::Wait(wait) =
            self.ports.throttle.admit(guess.clone(), self.ports.clock.now()).await?
        {
            return Err(SignInError::TooManyTries { wait });
        }
        let credential = match &account {
            Some(account) => self.ports.accounts.credential(account.id).await?,
            None => None,
        };
        // What cannot be a password is none, but takes as long as one.
        let password = match password {
            Some(password) => password,
            None => Password::typed("not a password").map_err(|_| SignInError::CredentialsWrong)?,
        };
        let hash = credential.as_ref().map(|credential| credential.hash.clone());
        let verdict = self.ports.hasher.verify(password.clone(), hash).await?;

        let (Some(account), Some(credential)) = (account, credential) else {
            return Err(SignInError::CredentialsWrong);
        };
        if verdict == PasswordVerdict::Wrong || account.status == AccountStatus::Disabled {
            return Err(SignInError::CredentialsWrong);
        }
        self.ports.throttle.forgive(guess).await?;
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
        let stronger =
            Credential { hash: self.ports.hasher.hash(password).await?, must_change: credential.must_change };
        let replaced =
            self.ports.accounts.set_credential(account.id, &stronger, Some(&credential.hash)).await?;
        Ok(if replaced { stronger } else { credential })
    }

    /// Sets the next password and signs the person in anew: sessions of whoever knew the old one are over.
    async fn choose(&self, proven: Proven, next: Option<Password>) -> Result<SessionToken, SignInError> {
        let Proven { account, credential } = proven;
        let next = next.ok_or(SignInError::PasswordLength)?;
        self.judge(&next, &account)?;
        if self.ports.hasher.verify(next.clone(), Some(credential.hash.clone())).await?
            != PasswordVerdict::Wrong
        {
            return Err(SignInError::PasswordUnchanged);
        }
        let chosen = Credential { hash: self.ports.hasher.hash(next).await?, must_change: false };
        if !self.ports.accounts.set_credential(account.id, &chosen, Some(&credential.hash)).await? {
            // Changed by somebody else in the meantime: what was proven proves nothing any more.
            return Err(SignInError::CredentialsWrong);
        }
        self.end_all_sessions_of(account.id, None).await?;
        self.ports.log.record(SignInEvent::PasswordChanged { account: account.id });
        self.signed_in(&account, None).await
    }

    /// Whether this may be a new password of the account.
    pub(super) fn judge(&self, password: &Password, account: &Account) -> Result<(), SignInError> {
        if !self.policy.password_length.allows(password) {
            return Err(SignInError::PasswordLength);
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
            .map_or(Ok(()), |weakness| Err(SignInError::PasswordWeak(weakness)))
    }

    pub(super) async fn signed_in(
        &self,
        account: &Account,
        previous: Option<&str>,
    ) -> Result<SessionToken, SignInError> {
        let (session, token) = self.open_session(account, Proof::password(), previous).await?;
        let event = SignInEvent::SignedIn { account: account.id, session, provider: None, created: false };
        self.ports.log.record(event);
        Ok(token)
    }

    fn ticket(&self, proven: &Proven) -> Result<ChangeTicket, SignInError> {
        let ticket = Ticket {
            purpose: TICKET_PURPOSE.to_owned(),
            account: proven.account.id,
            fingerprint: fingerprint(&proven.credential.hash),
            until: self.ports.clock.now().plus(ChangeTicket::LIFETIME),
        };
        let plaintext = serde_json::to_vec(&ticket).map_err(|_| SealError)?;
        let id = AttemptId::fresh(&*self.ports.entropy);
        Ok(ChangeTicket { id, sealed: self.ports.sealer.seal(id, &plaintext)? })
    }

    async fn proven_by(&self, ticket: &ChangeTicket) -> Result<Proven, SignInError> {
        let presented = PresentedAttempt { id: ticket.id, sealed: ticket.sealed.clone() };
        let plaintext =
            self.ports.sealer.open(presented.id, &presented.sealed).ok_or(SignInError::AttemptUnknown)?;
        let ticket: Ticket = serde_json::from_slice(&plaintext).map_err(|_| SignInError::AttemptUnknown)?;
        if ticket.purpose != TICKET_PURPOSE {
            return Err(SignInError::AttemptUnknown);
        }
        if self.ports.clock.now() >= ticket.until {
            return Err(SignInError::AttemptExpired);
        }
        let account = self.ports.accounts.find(ticket.account).await?;
        let credential = self.ports.accounts.credential(ticket.account).await?;
        match (account, credential) {
            (Some(account), Some(credential))
                if account.status == AccountStatus::Active
                    && fingerprint(&credential.hash) == ticket.fingerprint =>
            {
                Ok(Proven { account, credential })
            }
            _ => Err(SignInError::AttemptSpent),
        }
    }
}

/// A person whose password was right.
struct Proven {
    account: Account,
    credential: Credential,
}

fn fingerprint(hash: &PasswordHash) -> Vec<u8> {
    Sha256::digest(hash.expose()).iter().copied().take(16).collect()
}

#[cfg(test)]
mod tests;
