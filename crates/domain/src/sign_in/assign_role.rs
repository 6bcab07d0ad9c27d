use super::end_sessions::SessionEnder;
use crate::error::SignInError;
use crate::people::{Account, Role};
use crate::ports::{AccountChange, AdministrationStore, Author, SignInEvent};

/// Gives people the role that the groups of their provider say.
#[derive(Clone, Copy)]
pub struct Roles<'a> {
    /// Changes the role.
    pub administration: &'a dyn AdministrationStore,
    /// Ends the sessions of a person who loses the role.
    pub ender: SessionEnder<'a>,
}

impl Roles<'_> {
    /// Returns the account with this role, if the provider's groups say one. The last administrator stays
    /// one.
    pub(super) async fn assign(self, account: Account, role: Option<Role>) -> Result<Account, SignInError> {
        let Some(role) = role.filter(|role| *role != account.role) else { return Ok(account) };
        match self.administration.set_role(account.id, role, self.ender.clock.now()).await? {
            AccountChange::Done => self.ender.forget_account(account.id),
            AccountChange::NotFound => return Ok(account),
            AccountChange::LastAdministrator => {
                let (id, name) = (account.id, account.username.clone());
                self.ender.observer.observe(&SignInEvent::AdministratorKept { account: id, name });
                return Ok(account);
            }
        }
        let change = if role == Role::Admin { "made administrator" } else { "made user" };
        self.ender.observer.observe(&SignInEvent::Administered {
            account: account.id,
            name: Some(account.username.clone()),
            change,
            by: Author::Groups,
        });
        Ok(Account { role, ..account })
    }
}
