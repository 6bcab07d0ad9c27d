use super::trail::{PasswordMatch, Step};
use super::trails::OpenTrail;
use super::visitor::Visitor;
use crate::error::{PasswordError, SignInError};
use crate::people::{Account, Credential, Password};
use crate::ports::{
    CredentialStore, LoginAttempt, LoginTarget, PasswordHasher, PasswordVerdict, Permit, Throttle,
};
use crate::world::Clock;

/// Checks passwords, with brute-force protection.
#[derive(Clone, Copy)]
pub struct PasswordProver<'a> {
    /// Holds the hashes.
    pub credentials: &'a dyn CredentialStore,
    /// Compares with them.
    pub hasher: &'a dyn PasswordHasher,
    /// Limits the rate of attempts.
    pub throttle: &'a dyn Throttle,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// A person who knows the password of the account.
pub(super) struct Proven {
    pub(super) account: Account,
    pub(super) credential: Credential,
}

impl PasswordProver<'_> {
    /// Checks the password of an account that is known already.
    pub(super) async fn prove_owner(
        self,
        account: Account,
        password: Option<Password>,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<Proven, SignInError> {
        let attempt = LoginAttempt { target: LoginTarget::Account(account.id), source: visitor.source };
        self.prove(Some(account), password, attempt, trail).await
    }

    /// Checks a password, if the rate limit permits it.
    pub(super) async fn prove(
        self,
        account: Option<Account>,
        password: Option<Password>,
        attempt: LoginAttempt,
        trail: &mut OpenTrail,
    ) -> Result<Proven, SignInError> {
        if let Permit::RetryAfter(wait) = self.throttle.admit(attempt.clone(), self.clock.now()).await? {
            trail.step(Step::RateLimited { wait });
            return Err(PasswordError::TooManyAttempts { retry_after: wait }.into());
        }
        let credential = match &account {
            Some(account) => self.credentials.credential(account.id).await?,
            None => None,
        };
        // What cannot be a password is none, but takes as long as one.
        let password = match password {
            Some(password) => password,
            None => Password::typed("not a password").map_err(|_| PasswordError::Wrong)?,
        };
        let hash = credential.as_ref().map(|credential| credential.hash.clone());
        let verdict = self.hasher.verify(password.clone(), hash).await;
        if verdict.is_err() {
            // The password was never looked at, so it was no wrong one.
            self.throttle.cancel(attempt.clone(), self.clock.now()).await?;
        }
        let verdict = verdict?;

        let is_right = verdict != PasswordVerdict::Wrong;
        let proven = account.filter(|account| is_right && account.is_active()).zip(credential);
        let Some((account, credential)) = proven else {
            trail.step(Step::PasswordCompared(PasswordMatch::Wrong));
            return Err(PasswordError::Wrong.into());
        };
        self.throttle.record_success(attempt, self.clock.now()).await?;
        let credential = if verdict == PasswordVerdict::RightButWeak {
            trail.step(Step::PasswordCompared(PasswordMatch::Strengthened));
            self.hash_again(&account, credential, password).await?
        } else {
            trail.step(Step::PasswordCompared(PasswordMatch::Right));
            credential
        };
        Ok(Proven { account, credential })
    }

    /// Replaces a weak hash by a strong one of the same password, unless the password changed meanwhile.
    async fn hash_again(
        self,
        account: &Account,
        credential: Credential,
        password: Password,
    ) -> Result<Credential, SignInError> {
        // There is a next time: a busy hasher is no reason to refuse the sign-in.
        let Ok(hash) = self.hasher.hash(password.clone()).await else { return Ok(credential) };
        let stronger = Credential { hash, must_change: credential.must_change };
        if self.credentials.strengthen_credential(account.id, &stronger, &credential.hash).await? {
            return Ok(stronger);
        }
        // It was replaced in between: by another sign-in with the same password, or by a change of it.
        let present = self.credentials.credential(account.id).await?;
        let hash = present.as_ref().map(|credential| credential.hash.clone());
        match (self.hasher.verify(password, hash).await?, present) {
            (PasswordVerdict::Right | PasswordVerdict::RightButWeak, Some(present)) => Ok(present),
            _ => Err(PasswordError::Wrong.into()),
        }
    }
}
