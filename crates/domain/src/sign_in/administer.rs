use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::administrator::{AccountReader, Administrator};
use super::check_request::Requests;
use super::end_sessions::SessionEnder;
use super::new_password::NewPasswords;
use super::prove_act::ActProver;
use super::refusals::Refusals;
use super::visitor::Visitor;
use crate::access_token::{AccessToken, AccessTokenId};
use crate::error::{
    AccessError, AccessTokenError, AccountError, PasswordError, Refusal, RegistrationError, SignInError,
};
use crate::people::{
    Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, GroupPatch, LocalGroups,
    Password, Role, Username,
};
use crate::ports::{
    AccessTokenStore, AccountChange, AccountCreation, AccountPage, AccountRenaming, AccountStore,
    AdministrationStore, CredentialStore, GroupChange, IdentityMove, IdentitySuccession, Share, SignInEvent,
    Source,
};
use crate::protocol::Issuer;
use crate::session::Session;
use crate::time::Timestamp;
use crate::world::{Entropy, random_base32};

/// Other people's accounts.
#[derive(Clone, Copy)]
pub struct Administration<'a> {
    /// Finds and stores accounts.
    pub accounts: &'a dyn AccountStore,
    /// Lists, changes and deletes them.
    pub administration: &'a dyn AdministrationStore,
    /// Resets their passwords.
    pub credentials: &'a dyn CredentialStore,
    /// Lists and revokes their access tokens.
    pub access_tokens: &'a dyn AccessTokenStore,
    /// Takes initial passwords.
    pub new_passwords: NewPasswords<'a>,
    /// Says which account the visitor has.
    pub requests: Requests<'a>,
    /// Takes the proof of an act.
    pub acts: ActProver<'a>,
    /// Ends sessions.
    pub ender: SessionEnder<'a>,
    /// Makes up ids and passwords.
    pub entropy: &'a dyn Entropy,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

/// An account that an administrator makes.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// A local name; without one the account is for the person who comes from a provider with the e-mail
    /// address.
    pub username: Option<String>,
    /// The person's e-mail address.
    pub email: Option<EmailAddress>,
    /// The name for other people.
    pub name: Option<DisplayName>,
    /// The person's role.
    pub role: Role,
    /// The initial password; without one a local account gets one that is made up.
    pub password: Option<Password>,
}

/// An administrator's change of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountPatch {
    /// Lets the person sign in, or does not.
    Status(AccountStatus),
    /// The person's role.
    Role(Role),
}

/// An account just made, or given a new password.
#[derive(Debug)]
pub struct CreatedAccount {
    /// The account.
    pub account: Account,
    initial_password: Option<SecretString>,
}

impl CreatedAccount {
    /// Returns the password that was made up, to be told to the person; it must be changed at the first
    /// sign-in.
    #[must_use]
    pub fn initial_password(&self) -> Option<&str> {
        self.initial_password.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl Administration<'_> {
    /// Returns the administrator with this session or access token, who may see accounts. Role and status are read
    /// from the store, not from the token. To change something takes proof: [`Self::perform`].
    ///
    /// # Errors
    /// When the visitor is not signed in, has yet to accept the terms of service, or is no administrator.
    pub async fn reader(&self, visitor: &Visitor<'_>) -> Result<AccountReader, Refusal> {
        let found = async {
            if let Some(text) = visitor.access_token {
                let (account, token) = self.requests.administrator_of_token(text, visitor.source).await?;
                return Ok(AccountReader::with_account(account, visitor.source, Some(token)));
            }
            let account = self.requests.account_of(visitor).await?;
            self.requests.policy.need_terms(&account.accepted_terms)?;
            if account.role != Role::Admin {
                return Err(AccessError::NotAdministrator.into());
            }
            Ok(AccountReader::with_account(account, visitor.source, None))
        };
        self.refusals.from(visitor.source).run(found).await
    }

    /// Returns accounts, in the order in which they were made: at most `limit` after `after`, those that
    /// `search` finds.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn list(
        &self,
        _: &AccountReader,
        search: Option<&str>,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<AccountPage, Refusal> {
        let search = search.map(str::trim).filter(|search| !search.is_empty());
        let listed = async { Ok(self.administration.list(search, after, limit.clamp(1, 500)).await?) };
        self.refusals.run(listed).await
    }

    /// Returns one account and its sessions.
    ///
    /// # Errors
    /// When there is none, or the store failed.
    pub async fn details(
        &self,
        _: &AccountReader,
        id: AccountId,
    ) -> Result<(Account, Vec<Session>), Refusal> {
        let found = async {
            let account = self.accounts.find(id).await?.ok_or(AccountError::Unknown)?;
            let sessions = self.ender.sessions.list_of(id, self.ender.clock.now()).await?;
            Ok((account, sessions))
        };
        self.refusals.run(found).await
    }

    /// Returns the account of this name, address or id.
    ///
    /// # Errors
    /// When there is none, or the store failed.
    pub async fn named(&self, _: &AccountReader, name: &str) -> Result<Account, Refusal> {
        let found = async {
            // An id first: people cannot choose theirs, and a name that looks like another's id is not meant.
            if let Ok(id) = AccountId::parse(name)
                && let Some(account) = self.accounts.find(id).await?
            {
                return Ok(account);
            }
            let name = Username::typed(name).map_err(|_| AccountError::Unknown)?;
            self.accounts.find_by_name(&name).await?.ok_or(AccountError::Unknown.into())
        };
        self.refusals.run(found).await
    }

    /// Makes an account: with a local name and an initial password, which must be changed at the first
    /// sign-in, or for the person who comes from a provider with this address.
    ///
    /// # Errors
    /// When it was not made.
    pub async fn create(&self, by: &Administrator, new: NewAccount) -> Result<CreatedAccount, Refusal> {
        self.refusals.run(self.try_create(by, new)).await
    }

    async fn try_create(&self, by: &Administrator, new: NewAccount) -> Result<CreatedAccount, SignInError> {
        let username = match (&new.username, &new.email) {
            (Some(name), _) => {
                Username::local(name.trim()).map_err(|_| RegistrationError::UsernameMalformed)?
            }
            (None, Some(email)) if new.password.is_none() => Username::from(email),
            // An address alone is for a person who comes from a provider: no password could open that
            // account.
            (None, _) => return Err(RegistrationError::UsernameMalformed.into()),
        };
        let account = Account {
            email: new.email,
            name: new.name,
            ..Account::new(username, new.role, self.ender.clock.now(), self.entropy)
        };
        let (credential, initial_password) = if new.username.is_some() {
            let (credential, made_up) = self.initial_credential(&account, new.password).await?;
            (Some(credential), made_up)
        } else {
            (None, None)
        };
        if self.accounts.create_local(&account, credential.as_ref()).await? != AccountCreation::Created {
            return Err(RegistrationError::NameTaken.into());
        }
        self.record(by, account.id, Some(&account.username), "created");
        Ok(CreatedAccount { account, initial_password })
    }

    /// Gives an account a new initial password, and ends its sessions. An account that had a password before
    /// loses its linked identities: an attacker who knew the password may have added one. Its person adds
    /// them again, with the new password as proof.
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
            let account = self.accounts.find(id).await?.ok_or(AccountError::Unknown)?;
            let (credential, initial_password) = self.initial_credential(&account, password).await?;
            let ended = self.credentials.reset_credential(id, &credential, self.ender.clock.now()).await?;
            self.ender.forget(ended.ok_or(AccountError::Unknown)?);
            self.record(by, id, Some(&account.username), "password reset");
            Ok(CreatedAccount { account, initial_password })
        };
        self.refusals.run(reset).await
    }

    /// Changes an account. A person who is switched off or loses a role is signed out at once.
    ///
    /// # Errors
    /// When it was not changed.
    pub async fn patch(&self, by: &Administrator, id: AccountId, patch: AccountPatch) -> Result<(), Refusal> {
        let patched = async {
            let at = self.ender.clock.now();
            let name = self.name_of(id).await?;
            let (change, word) = match patch {
                AccountPatch::Status(status) => {
                    let word = if status == AccountStatus::Active { "enabled" } else { "disabled" };
                    (self.administration.set_status(id, status, at).await?, word)
                }
                AccountPatch::Role(role) => {
                    let word = if role == Role::Admin { "made administrator" } else { "made user" };
                    (self.administration.set_role(id, role, at).await?, word)
                }
            };
            done(change)?;
            self.ender.forget_account(id);
            self.record(by, id, name.as_ref(), word);
            Ok(())
        };
        self.refusals.run(patched).await
    }

    /// Gives an account another username: a local name, or the account's own e-mail address. Its sessions go
    /// on; tokens say so from their next renewal on. A dry run changes nothing, and fails where the renaming
    /// would.
    ///
    /// # Errors
    /// When it was not renamed.
    pub async fn rename(
        &self,
        by: &Administrator,
        id: AccountId,
        name: &str,
        dry_run: bool,
    ) -> Result<Account, Refusal> {
        self.refusals.run(self.try_rename(by, id, name, dry_run)).await
    }

    async fn try_rename(
        &self,
        by: &Administrator,
        id: AccountId,
        name: &str,
        dry_run: bool,
    ) -> Result<Account, SignInError> {
        let account = self.accounts.find(id).await?.ok_or(AccountError::Unknown)?;
        let own_address = account.email.as_ref().map(Username::from);
        let name = Username::typed(name)
            .ok()
            .filter(|name| Username::local(name.as_str()).is_ok() || own_address.as_ref() == Some(name))
            .ok_or(RegistrationError::UsernameMalformed)?;
        let renamed = Account { username: name.clone(), ..account.clone() };
        if name == account.username {
            return Ok(renamed);
        }
        if dry_run {
            let other = self.accounts.find_by_name(&name).await?.filter(|other| other.id != id);
            return if other.is_none() { Ok(renamed) } else { Err(RegistrationError::NameTaken.into()) };
        }
        match self.administration.rename(id, &name).await? {
            AccountRenaming::Renamed => {}
            AccountRenaming::NotFound => return Err(AccountError::Unknown.into()),
            AccountRenaming::NameTaken => return Err(RegistrationError::NameTaken.into()),
        }
        self.ender.forget_account(id);
        let former = account.username;
        let event = SignInEvent::Renamed { account: id, former, name, by: by.author() };
        self.ender.observer.observe(&event);
        Ok(renamed)
    }

    /// Changes the local groups of an account, and returns it as it is then. Its sessions go on, and have the
    /// groups at their next check. No local group admits anybody or makes an administrator: those rules look at
    /// the provider's groups alone.
    ///
    /// # Errors
    /// When they were not changed.
    pub async fn change_groups(
        &self,
        by: &Administrator,
        id: AccountId,
        patch: &GroupPatch,
    ) -> Result<Account, Refusal> {
        let changed = async {
            let account = self.accounts.find(id).await?.ok_or(AccountError::Unknown)?;
            let (before, after) = match self.administration.change_groups(id, patch).await? {
                GroupChange::Done { before, after } => (before, after),
                GroupChange::NotFound => return Err(AccountError::Unknown.into()),
                GroupChange::TooMany(error) => return Err(AccountError::from(error).into()),
            };
            self.ender.forget_account(id);
            if before != after {
                let only_in = |one: &LocalGroups, other: &LocalGroups| {
                    one.names().difference(other.names()).cloned().collect()
                };
                let (added, removed) = (only_in(&after, &before), only_in(&before, &after));
                let (name, by) = (account.username.clone(), by.author());
                let event = SignInEvent::GroupsChanged { account: id, name, added, removed, by };
                self.ender.observer.observe(&event);
            }
            Ok(Account { groups: after, ..account })
        };
        self.refusals.run(changed).await
    }

    /// Deletes an account with all that belongs to it.
    ///
    /// # Errors
    /// When it was not deleted.
    pub async fn delete(&self, by: &Administrator, id: AccountId) -> Result<(), Refusal> {
        let deleted = async {
            let name = self.name_of(id).await?;
            done(self.administration.delete(id).await?)?;
            self.ender.forget_account(id);
            self.record(by, id, name.as_ref(), "deleted");
            Ok(())
        };
        self.refusals.run(deleted).await
    }

    /// Moves all identities of one issuer to another, where people have the same subjects: after a domain or a
    /// realm was renamed, everybody is a stranger otherwise. All are moved or, where one cannot be or for a dry
    /// run, none. Their people are signed out.
    ///
    /// # Errors
    /// When the store failed; nothing was moved then.
    pub async fn move_identities(
        &self,
        by: &Administrator,
        from: &Issuer,
        to: &Issuer,
        dry_run: bool,
    ) -> Result<Vec<IdentityMove>, Refusal> {
        let moved = async {
            let at = self.ender.clock.now();
            let moves = self.administration.move_identities(from, to, dry_run, at).await?;
            if !dry_run && !moves.iter().any(IdentityMove::is_blocked) {
                self.record_moved(by, (from, to), None, moves.len());
                for it in &moves {
                    self.ender.forget_account(it.account);
                    self.record(by, it.account, Some(&it.name), "identity moved");
                }
            }
            Ok(moves)
        };
        self.refusals.run(moved).await
    }

    /// Lets all identities of one issuer give way to those of another, where people have other subjects: for
    /// this long, the first sign-in there with an account's own trusted address claims the account. Where
    /// something else opens the account, too, its person is asked for proof as always. No time at all takes it
    /// back.
    ///
    /// # Errors
    /// When the store failed; nothing was changed then.
    pub async fn let_identities_give_way(
        &self,
        by: &Administrator,
        from: &Issuer,
        to: &Issuer,
        within: Duration,
        dry_run: bool,
    ) -> Result<Vec<IdentitySuccession>, Refusal> {
        let done = async {
            let until = self.ender.clock.now().plus(within);
            let successions = self.administration.let_give_way(from, to, until, dry_run).await?;
            if !dry_run {
                self.record_moved(by, (from, to), Some(until), successions.len());
            }
            let change = if within.is_zero() { "identity gives no way" } else { "identity gives way" };
            for it in successions.iter().filter(|_| !dry_run) {
                self.record(by, it.account, Some(&it.name), change);
            }
            Ok(successions)
        };
        self.refusals.run(done).await
    }

    /// Returns the access tokens of an account, newest first.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn tokens_of(&self, _: &AccountReader, id: AccountId) -> Result<Vec<AccessToken>, Refusal> {
        let (now, limit) = (self.ender.clock.now(), self.requests.policy.session_absolute_limit);
        let listed = async {
            let tokens = self.access_tokens.list_of(id).await?;
            Ok(tokens.into_iter().map(|token| token.as_of(now, limit)).collect())
        };
        self.refusals.run(listed).await
    }

    /// Revokes an access token of an account.
    ///
    /// # Errors
    /// When the account has no such token, or the store failed.
    pub async fn revoke_token(
        &self,
        by: &Administrator,
        id: AccountId,
        token: AccessTokenId,
    ) -> Result<(), Refusal> {
        let revoked = async {
            let name = self.name_of(id).await?;
            let token = self.access_tokens.revoke(id, token).await?.ok_or(AccessTokenError::Unknown)?;
            self.ender.revoked(&token, name, by.author());
            Ok(())
        };
        self.refusals.run(revoked).await
    }

    /// Ends the sessions of an account.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn sign_out(&self, by: &Administrator, id: AccountId) -> Result<(), Refusal> {
        let ended = async {
            let name = self.name_of(id).await?;
            self.ender.end_all_of(id, None).await?;
            self.record(by, id, name.as_ref(), "signed out");
            Ok(())
        };
        self.refusals.run(ended).await
    }

    /// Returns a credential that must be changed, and the password if it had to be made up. A given one is
    /// judged like any other: it may stay for long, until its person first signs in.
    async fn initial_credential(
        &self,
        account: &Account,
        given: Option<Password>,
    ) -> Result<(Credential, Option<SecretString>), SignInError> {
        let share = Share::of_name(account.username.as_str(), Source::default());
        if let Some(password) = given {
            return Ok((self.new_passwords.credential(password, account, share, true).await?, None));
        }
        // 80 random bits.
        let made_up = SecretString::from(random_base32::<16>(self.entropy));
        let password = Password::typed(made_up.expose_secret()).map_err(|_| PasswordError::Length)?;
        Ok((self.new_passwords.unchecked(password, share, true).await?, Some(made_up)))
    }

    /// Returns the name of an account for the record of what is done to it.
    async fn name_of(&self, id: AccountId) -> Result<Option<Username>, SignInError> {
        Ok(self.accounts.find(id).await?.map(|account| account.username))
    }

    fn record_moved(
        &self,
        by: &Administrator,
        (from, to): (&Issuer, &Issuer),
        until: Option<Timestamp>,
        accounts: usize,
    ) {
        let (from, to, by) = (from.clone(), to.clone(), by.author());
        self.ender.observer.observe(&SignInEvent::IdentitiesMoved { from, to, until, accounts, by });
    }

    fn record(&self, by: &Administrator, account: AccountId, name: Option<&Username>, change: &'static str) {
        self.ender.observer.observe(&by.has_done(change, account, name));
    }
}

fn done(change: AccountChange) -> Result<(), SignInError> {
    match change {
        AccountChange::Done => Ok(()),
        AccountChange::NotFound => Err(AccountError::Unknown.into()),
        AccountChange::LastAdministrator => Err(AccountError::LastAdministrator.into()),
    }
}

#[cfg(test)]
mod tests;
