use super::new_password::NewPasswords;
use super::open_session::{PasswordSession, SessionOpener};
use super::trail::{FoundBy, Step};
use super::trails::OpenTrail;
use super::visitor::Visitor;
use crate::error::{PasswordError, RegistrationError, SignInError};
use crate::people::{Account, Credential, DisplayName, Password, Role, Username};
use crate::ports::{CredentialStore, Share, SignInEvent};

/// A person's request for an account.
pub struct Registration {
    /// The name for signing in, as typed.
    pub username: String,
    /// The name for other people.
    pub name: Option<DisplayName>,
    /// The password, if what was typed can be one.
    pub password: Option<Password>,
}

/// Makes local accounts that their person is signed in to at once.
#[derive(Clone, Copy)]
pub struct LocalAccounts<'a> {
    /// Takes the password.
    pub new_passwords: NewPasswords<'a>,
    /// Holds its hash.
    pub credentials: &'a dyn CredentialStore,
    /// Opens the first session.
    pub opener: SessionOpener<'a>,
}

impl LocalAccounts<'_> {
    /// Returns the account that a registration asks for, not stored yet, and its password. What can be refused
    /// at no cost is refused here.
    pub(super) fn draft(
        self,
        registration: Registration,
        role: Role,
    ) -> Result<(Account, Password), SignInError> {
        let username = Username::local(registration.username.trim());
        let username = username.map_err(|_| RegistrationError::UsernameMalformed)?;
        let now = self.opener.ender.clock.now();
        let account =
            Account { name: registration.name, ..Account::new(username, role, now, self.opener.entropy) };
        let password = registration.password.ok_or(PasswordError::Length)?;
        self.new_passwords.check_length(&password)?;
        Ok((account, password))
    }

    /// Returns the credential of a drafted account.
    pub(super) async fn credential(
        self,
        account: &Account,
        password: Password,
        visitor: &Visitor<'_>,
    ) -> Result<Credential, SignInError> {
        let share = Share::of_name(account.username.as_str(), visitor.source);
        self.new_passwords.credential(password, account, share, false).await
    }

    /// Signs the person in to an account that has just been stored.
    pub(super) async fn sign_in(
        self,
        account: &Account,
        credential: Credential,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<PasswordSession, SignInError> {
        self.opener.ender.observer.observe(&SignInEvent::Administered {
            account: account.id,
            change: if account.role == Role::Admin { "set up" } else { "registered" },
            by: Some(account.id),
        });
        trail.step(Step::AccountFound { account: account.id, by: FoundBy::Creation });
        self.opener.open_with_password(self.credentials, account, credential, visitor, trail).await
    }
}
