use crate::people::{Account, AccountId};
use crate::ports::SignInEvent;

/// A person who may administer accounts: proof of it, needed by every use case of administration.
#[derive(Clone, Debug)]
pub struct Administrator(Option<Account>);

impl Administrator {
    pub(super) fn with_account(account: Account) -> Self {
        Self(Some(account))
    }

    /// Returns the operator, who can run commands on the lab's machine with its data directory.
    #[must_use]
    pub fn local_operator() -> Self {
        Self(None)
    }

    /// Returns the administrator's own account; `None` is the local operator.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.0.as_ref()
    }

    /// Returns the event that the administrator changed an account in this way.
    pub(super) fn has_done(&self, change: &'static str, account: AccountId) -> SignInEvent {
        SignInEvent::Administered { account, change, by: self.account().map(|own| own.id) }
    }
}
