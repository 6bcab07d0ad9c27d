use crate::error::{PasswordError, SignInError};
use crate::people::{Account, Credential, DisplayName, EmailAddress, Password, PasswordLength};
use crate::ports::{PasswordHasher, PasswordJudge, Share};

/// Takes new passwords.
#[derive(Clone, Copy)]
pub struct NewPasswords<'a> {
    /// Refuses weak ones.
    pub judge: &'a dyn PasswordJudge,
    /// Hashes the others.
    pub hasher: &'a dyn PasswordHasher,
    /// The length that they must have.
    pub length: PasswordLength,
}

impl NewPasswords<'_> {
    /// Checks the length of a new password, which costs nothing.
    pub(super) fn check_length(self, password: &Password) -> Result<(), SignInError> {
        if self.length.allows(password) { Ok(()) } else { Err(PasswordError::Length.into()) }
    }

    /// Checks that this may be a new password of the account: what costs nothing first.
    pub(super) async fn check(
        self,
        password: &Password,
        account: &Account,
        share: Share,
    ) -> Result<(), SignInError> {
        self.check_length(password)?;
        let personal = [
            Some(account.username.as_str()),
            account.email.as_ref().map(EmailAddress::as_str),
            account.name.as_ref().map(DisplayName::as_str),
        ];
        let personal = personal.into_iter().flatten().map(str::to_owned).collect();
        let weakness = self.judge.weakness(password.clone(), personal, share).await?;
        weakness.map_or(Ok(()), |weakness| Err(PasswordError::Weak(weakness).into()))
    }

    /// Returns the credential that this password is from now on, if it may be one.
    pub(super) async fn credential(
        self,
        password: Password,
        account: &Account,
        share: Share,
        must_change: bool,
    ) -> Result<Credential, SignInError> {
        self.check(&password, account, share.clone()).await?;
        self.unchecked(password, share, must_change).await
    }

    /// The same of a password that was checked, or made up here.
    pub(super) async fn unchecked(
        self,
        password: Password,
        share: Share,
        must_change: bool,
    ) -> Result<Credential, SignInError> {
        let hash = self.hasher.hash(password, share).await?;
        Ok(Credential { hash, must_change })
    }
}
