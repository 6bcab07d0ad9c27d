use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::{NotSignedIn, SignIn, Visitor};
use crate::error::{AccessError, AccountError, PasswordError, Refusal, RegistrationError, SignInError};
use crate::people::{
    Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, Password, Role, Username,
};
use crate::ports::{AccountChange, AccountCreation, AccountPage, SignInEvent, StoreError};
use crate::return_to::ReturnTo;
use crate::session::{Session, SessionId};
use crate::world::Entropy;

/// Somebody who may administer accounts: proof of it, needed by every use case here.
#[derive(Clone, Debug)]
pub struct Administrator(Option<Account>);

impl Administrator {
    /// Whoever can run commands on the lab's machine with its data directory.
    #[must_use]
    pub fn local_operator() -> Self {
        Self(None)
    }

    /// The administrator's own account; `None` is somebody at the machine.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.0.as_ref()
    }
}

/// An account that an administrator makes.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// A local name; without one the account is for whoever comes from a provider with the e-mail address.
    pub username: Option<String>,
    /// The person's e-mail address.
    pub email: Option<EmailAddress>,
    /// What the person is called by people.
    pub name: Option<DisplayName>,
    /// What the person may do.
    pub role: Role,
    /// The initial password; without one a local account gets one that is made up.
    pub password: Option<Password>,
}

/// What an administrator changes of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountPatch {
    /// Whether the person may sign in.
    Status(AccountStatus),
    /// What the person may do.
    Role(Role),
}

/// An account just made, or given a new password.
pub struct CreatedAccount {
    /// The account.
    pub account: Account,
    initial_password: Option<SecretString>,
}

impl CreatedAccount {
    /// The password that was made up, to be told to the person; it must be changed at the first sign-in.
    #[must_use]
    pub fn initial_password(&self) -> Option<&str> {
        self.initial_password.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl fmt::Debug for CreatedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CreatedAccount({:?})", self.account)
    }
}

impl SignIn {
    /// The administrator whose session this is. Role and status are read from the store, not from the token.
    ///
    /// # Errors
    /// When nobody is signed in, or it is not an administrator.
    pub async fn administrator(&self, visitor: &Visitor<'_>) -> Result<Administrator, Refusal> {
        let found = async {
            let account = self.account_of(visitor).await?;
            if account.role == Role::Admin { Ok(account) } else { Err(AccessError::NotAdministrator.into()) }
        };
        found
            .await
            .map(|account| Administrator(Some(account)))
            .map_err(|error| self.refuse_to_administer(error))
    }

    /// Accounts, in the order in which they were made: at most `limit` after `after`, those that `search` finds.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn list_accounts(
        &self,
        _: &Administrator,
        search: Option<&str>,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<AccountPage, Refusal> {
        let search = search.map(str::trim).filter(|search| !search.is_empty());
        let page = self.ports.administration.list(search, after, limit.clamp(1, 500)).await;
        page.map_err(|error| self.refuse_to_administer(error.into()))
    }

    /// One account and its sessions.
    ///
    /// # Errors
    /// When there is none, or the store failed.
    pub async fn account_details(
        &self,
        _: &Administrator,
        id: AccountId,
    ) -> Result<(Account, Vec<Session>), Refusal> {
        let looked = async {
            let account = self.ports.accounts.find(id).await?.ok_or(AccountError::Unknown)?;
            let sessions = self.ports.sessions.list_of(id, self.ports.clock.now()).await?;
            Ok((account, sessions))
        };
        looked.await.map_err(|error| self.refuse_to_administer(error))
    }

    /// The account of this name, address or id.
    ///
    /// # Errors
    /// When there is none, or the store failed.
    pub async fn account_named(&self, _: &Administrator, name: &str) -> Result<Account, Refusal> {
        let found = async {
            // An id first: nobody can choose theirs, and a name that looks like another's is not meant.
            if let Ok(id) = AccountId::parse(name)
                && let Some(account) = self.ports.accounts.find(id).await?
            {
                return Ok(account);
            }
            let name = Username::typed(name).map_err(|_| AccountError::Unknown)?;
            self.ports.accounts.find_by_name(&name).await?.ok_or(AccountError::Unknown.into())
        };
        found.await.map_err(|error| self.refuse_to_administer(error))
    }

    /// Makes an account: with a local name and an initial password, which must be changed at the first sign-in, or for
    /// whoever comes from a provider with this address.
    ///
    /// # Errors
    /// When it was not made.
    pub async fn create_account(
        &self,
        by: &Administrator,
        new: NewAccount,
    ) -> Result<CreatedAccount, Refusal> {
        self.try_create_account(by, new).await.map_err(|error| self.refuse_to_administer(error))
    }

    async fn try_create_account(
        &self,
        by: &Administrator,
        new: NewAccount,
    ) -> Result<CreatedAccount, SignInError> {
        let username = match (&new.username, &new.email) {
            (Some(name), _) => {
                Username::local(name.trim()).map_err(|_| RegistrationError::UsernameMalformed)?
            }
            (None, Some(email)) if new.password.is_none() => Username::from(email),
            // An address alone is for whoever comes from a provider: no password could open that account.
            (None, _) => return Err(RegistrationError::UsernameMalformed.into()),
        };
        let now = self.ports.clock.now();
        let account = Account {
            id: AccountId::fresh(now, &*self.ports.entropy),
            username,
            email: new.email,
            name: new.name,
            role: new.role,
            status: AccountStatus::Active,
            created_at: now,
        };
        let (credential, initial_password) = if new.username.is_some() {
            let (credential, made_up) = self.initial_credential(&account, new.password).await?;
            (Some(credential), made_up)
        } else {
            (None, None)
        };
        match self.ports.accounts.create_local(&account, credential.as_ref()).await? {
            AccountCreation::Created => {}
            AccountCreation::NameTaken | AccountCreation::IdentityTaken => {
                return Err(RegistrationError::NameTaken.into());
            }
        }
        self.record_administered(by, account.id, "created");
        Ok(CreatedAccount { account, initial_password })
    }

    /// Gives an account a new initial password, and ends its sessions. From one that had a password before, the identities
    /// are taken: somebody who knew it may have added one. Their person adds them again, with the new password as proof.
    ///
    /// # Errors
    /// When it was not changed.
    pub async fn reset_password(
        &self,
        by: &Administrator,
        id: AccountId,
        password: Option<Password>,
    ) -> Result<CreatedAccount, Refusal> {
        let reset = async {
            let account = self.ports.accounts.find(id).await?.ok_or(AccountError::Unknown)?;
            let (credential, initial_password) = self.initial_credential(&account, password).await?;
            let ended =
                self.ports.credentials.reset_credential(id, &credential, self.ports.clock.now()).await?;
            self.forget_sessions(ended.ok_or(AccountError::Unknown)?);
            self.record_administered(by, id, "password reset");
            Ok(CreatedAccount { account, initial_password })
        };
        reset.await.map_err(|error| self.refuse_to_administer(error))
    }

    /// Changes an account. Whoever is switched off or loses a role is signed out at once.
    ///
    /// # Errors
    /// When it was not changed.
    pub async fn patch_account(
        &self,
        by: &Administrator,
        id: AccountId,
        patch: AccountPatch,
    ) -> Result<(), Refusal> {
        let patched = async {
            let (change, word) = match patch {
                AccountPatch::Status(status) => {
                    let word = if status == AccountStatus::Active { "enabled" } else { "disabled" };
                    (self.ports.administration.set_status(id, status).await?, word)
                }
                AccountPatch::Role(role) => {
                    let word = if role == Role::Admin { "made administrator" } else { "made user" };
                    (self.ports.administration.set_role(id, role).await?, word)
                }
            };
            done(change)?;
            if !matches!(patch, AccountPatch::Status(AccountStatus::Active) | AccountPatch::Role(Role::Admin))
            {
                self.end_all_sessions_of(id, None).await?;
            }
            self.record_administered(by, id, word);
            Ok(())
        };
        patched.await.map_err(|error| self.refuse_to_administer(error))
    }

    /// Deletes an account with all that belongs to it.
    ///
    /// # Errors
    /// When it was not deleted.
    pub async fn delete_account(&self, by: &Administrator, id: AccountId) -> Result<(), Refusal> {
        let deleted = async {
            // Known before they are gone, so that no check is answered from memory afterwards.
            let sessions = self.ports.sessions.list_of(id, self.ports.clock.now()).await?;
            done(self.ports.administration.delete(id).await?)?;
            self.forget_sessions(sessions.into_iter().map(|session| session.id));
            self.record_administered(by, id, "deleted");
            Ok(())
        };
        deleted.await.map_err(|error| self.refuse_to_administer(error))
    }

    /// Ends the sessions of an account.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn sign_out_account(&self, by: &Administrator, id: AccountId) -> Result<(), Refusal> {
        let ended = self.end_all_sessions_of(id, None).await;
        ended.map_err(|error| self.refuse_to_administer(error))?;
        self.record_administered(by, id, "signed out");
        Ok(())
    }

    /// The account behind a session, as the store has it now.
    pub(super) async fn account_of(&self, visitor: &Visitor<'_>) -> Result<Account, SignInError> {
        let token = visitor.session_token.ok_or(AccessError::NotSignedIn)?;
        let checked = self.check_request(token).await.map_err(|error| match error {
            // Nobody is let in, and nobody is told that they have to sign in for that.
            NotSignedIn::Unavailable => StoreError(error.to_string()).into(),
            _ => SignInError::from(AccessError::NotSignedIn),
        })?;
        let account = self.ports.accounts.find(checked.claims.sub).await?;
        account
            .filter(|account| account.status == AccountStatus::Active)
            .ok_or(AccessError::NotSignedIn.into())
    }

    /// Ends sessions, here and now, and answers how many.
    pub(super) async fn end_all_sessions_of(
        &self,
        account: AccountId,
        except: Option<SessionId>,
    ) -> Result<usize, SignInError> {
        let ended = self.ports.sessions.end_all_of(account, except, self.ports.clock.now()).await?;
        let count = ended.len();
        self.forget_sessions(ended);
        Ok(count)
    }

    pub(super) fn forget_sessions(&self, ended: impl IntoIterator<Item = SessionId>) {
        self.recent.mark_ended(ended, self.ports.clock.now());
    }

    /// A credential that must be changed, and the password if it had to be made up. A given one is judged like any other:
    /// it may stay for long, until its person first signs in.
    async fn initial_credential(
        &self,
        account: &Account,
        given: Option<Password>,
    ) -> Result<(Credential, Option<SecretString>), SignInError> {
        let (password, made_up) = if let Some(password) = given {
            self.judge(&password, account)?;
            (password, None)
        } else {
            let made_up = make_up_password(&*self.ports.entropy);
            let password = Password::typed(made_up.expose_secret()).map_err(|_| PasswordError::Length)?;
            (password, Some(made_up))
        };
        let hash = self.ports.hasher.hash(password).await?;
        Ok((Credential { hash, must_change: true }, made_up))
    }

    fn record_administered(&self, by: &Administrator, account: AccountId, change: &'static str) {
        let by = by.account().map(|account| account.id);
        self.ports.log.record(SignInEvent::Administered { account, change, by });
    }

    fn refuse_to_administer(&self, error: SignInError) -> Refusal {
        self.refuse(error, None, None, ReturnTo::main_page())
    }
}

fn done(change: AccountChange) -> Result<(), SignInError> {
    match change {
        AccountChange::Done => Ok(()),
        AccountChange::NotFound => Err(AccountError::Unknown.into()),
        AccountChange::LastAdministrator => Err(AccountError::LastAdministrator.into()),
    }
}

/// 80 random bits in Crockford's base 32, in four groups that can be read out.
fn make_up_password(entropy: &dyn Entropy) -> SecretString {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    let groups: Vec<String> = bytes
        .chunks(4)
        .map(|chunk| {
            let letters = chunk.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 0x1f)));
            letters.copied().map(char::from).collect()
        })
        .collect();
    groups.join("-").into()
}

#[cfg(test)]
mod tests;
