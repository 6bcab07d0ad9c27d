use super::check_request::Requests;
use super::login_gate::LoginGate;
use super::trail::{PasswordMatch, Step};
use super::trails::OpenTrail;
use super::visitor::Visitor;
use crate::device::{DeviceId, PresentedDevice};
use crate::error::{PasswordError, SignInError};
use crate::people::{Account, Credential, Password};
use crate::ports::{
    CredentialStore, LoginAttempt, LoginTarget, PasswordHasher, PasswordVerdict, Share, StoreError,
};

/// Checks passwords, with brute-force protection.
#[derive(Clone, Copy)]
pub struct PasswordProver<'a> {
    /// Holds the hashes.
    pub credentials: &'a dyn CredentialStore,
    /// Compares with them.
    pub hasher: &'a dyn PasswordHasher,
    /// Limits the rate of attempts.
    pub gate: LoginGate<'a>,
    /// Says which session the visitor has.
    pub requests: Requests<'a>,
}

/// A person who knows the password of the account.
pub(super) struct Proven {
    pub(super) account: Account,
    pub(super) credential: Credential,
    /// Their share of further work on passwords.
    pub(super) share: Share,
}

impl PasswordProver<'_> {
    /// Checks the password of an account that is known already. Inside a session of the account, attempts are
    /// counted there alone: no stranger keeps a signed-in person from proving who they are.
    pub(super) async fn prove_owner(
        self,
        account: Account,
        password: Option<Password>,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<Proven, SignInError> {
        let session = match visitor.session_token {
            Some(_) => self.requests.session_of(visitor).await.ok(),
            None => None,
        };
        let session = session.map(|checked| checked.person).filter(|person| person.account == account.id);
        let Some(person) = session else {
            let name = account.username.to_string();
            return self.prove(name, Some(account), password, visitor, trail).await;
        };
        let attempt = LoginAttempt::Session { account: account.id, session: person.session };
        let granted = self.gate.admit(attempt, trail).await?;
        self.compare(Some(account), password, granted, trail).await
    }

    /// Checks the password of the account that has this name, if there is one, and if the rate limit permits
    /// it.
    pub(super) async fn prove(
        self,
        name: String,
        account: Option<Account>,
        password: Option<Password>,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<Proven, SignInError> {
        let granted = match self.known_device(account.as_ref(), visitor).await? {
            Some((account, device)) => {
                self.gate.admit(LoginAttempt::Device { account: account.id, device }, trail).await?
            }
            None => self.gate.admit_stranger(LoginTarget::Name(name), visitor, trail).await?,
        };
        self.compare(account, password, granted, trail).await
    }

    /// Returns the device that the visitor presents, if it is known to this account.
    async fn known_device<'a>(
        self,
        account: Option<&'a Account>,
        visitor: &Visitor<'_>,
    ) -> Result<Option<(&'a Account, DeviceId)>, StoreError> {
        let presented = visitor.device.and_then(PresentedDevice::parse).zip(account);
        let Some((device, account)) = presented.filter(|(device, account)| device.account == account.id)
        else {
            return Ok(None);
        };
        let credential = self.credentials.credential(account.id).await?;
        let now = self.gate.tickets.clock.now();
        let known = credential.and_then(|credential| device.known(account.id, &credential.hash, now));
        Ok(known.map(|device| (account, device)))
    }

    async fn compare(
        self,
        account: Option<Account>,
        password: Option<Password>,
        granted: LoginAttempt,
        trail: &mut OpenTrail,
    ) -> Result<Proven, SignInError> {
        let share = Share::of_attempt(&granted);
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
        let verdict = self.hasher.verify(password.clone(), hash, share.clone()).await;
        if verdict.is_err() {
            // The password was never looked at, so it was no wrong one.
            self.gate.cancel(granted.clone()).await?;
        }
        let verdict = verdict?;

        let is_right = verdict != PasswordVerdict::Wrong;
        let proven = account.filter(|account| is_right && account.is_active()).zip(credential);
        let Some((account, credential)) = proven else {
            trail.step(Step::PasswordCompared(PasswordMatch::Wrong));
            return Err(PasswordError::Wrong.into());
        };
        self.gate.record_success(granted).await?;
        let credential = if verdict == PasswordVerdict::RightButWeak {
            trail.step(Step::PasswordCompared(PasswordMatch::Strengthened));
            self.hash_again(&account, credential, password, share.clone()).await?
        } else {
            trail.step(Step::PasswordCompared(PasswordMatch::Right));
            credential
        };
        Ok(Proven { account, credential, share })
    }

    /// Replaces a weak hash by a strong one of the same password, unless the password changed meanwhile.
    async fn hash_again(
        self,
        account: &Account,
        credential: Credential,
        password: Password,
        share: Share,
    ) -> Result<Credential, SignInError> {
        // There is a next time: a busy hasher is no reason to refuse the sign-in.
        let Ok(hash) = self.hasher.hash(password.clone(), share.clone()).await else { return Ok(credential) };
        let stronger = Credential { hash, must_change: credential.must_change };
        if self.credentials.strengthen_credential(account.id, &stronger, &credential.hash).await? {
            return Ok(stronger);
        }
        // It was replaced in between: by another sign-in with the same password, or by a change of it.
        let present = self.credentials.credential(account.id).await?;
        let hash = present.as_ref().map(|credential| credential.hash.clone());
        match (self.hasher.verify(password, hash, share).await?, present) {
            (PasswordVerdict::Right | PasswordVerdict::RightButWeak, Some(present)) => Ok(present),
            _ => Err(PasswordError::Wrong.into()),
        }
    }
}
