use crate::error::{PasswordError, SignInError};
use crate::people::{Account, Credential, DisplayName, EmailAddress, Password, PasswordLength};
use crate::ports::{PasswordHasher, PasswordJudge};

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
    /// Checks that this may be a new password of the account.
    pub(super) fn check(self, password: &Password, account: &Account) -> Result<(), SignInError> {
        if !self.length.allows(password) {
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
        let weakness = self.judge.weakness(password, &personal);
        weakness.map_or(Ok(()), |weakness| Err(PasswordError::Weak(weakness).into()))
    }

    /// Returns the credential that this password is from now on.
    pub(super) async fn credential(
        self,
        password: Password,
        must_change: bool,
    ) -> Result<Credential, SignInError> {
        Ok(Credential { hash: self.hasher.hash(password).await?, must_change })
    }
}
