use crate::people::{Account, AccountId, Username};
use crate::ports::{Author, Person, SignInEvent, Source};

/// A person who may administer accounts: proof of it, needed by every use case of administration.
#[derive(Clone, Debug)]
pub struct Administrator(Option<(Account, Source)>);

impl Administrator {
    pub(super) fn with_account(account: Account, source: Source) -> Self {
        Self(Some((account, source)))
    }

    /// Returns the operator, who can run commands on the lab's machine with its data directory.
    #[must_use]
    pub fn local_operator() -> Self {
        Self(None)
    }

    /// Returns the administrator's own account; `None` is the local operator.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.0.as_ref().map(|(account, _)| account)
    }

    /// Returns the event that the administrator changed an account in this way.
    pub(super) fn has_done(
        &self,
        change: &'static str,
        account: AccountId,
        name: Option<&Username>,
    ) -> SignInEvent {
        SignInEvent::Administered { account, name: name.cloned(), change, by: self.author() }
    }

    /// Returns the author of what the administrator does.
    pub(super) fn author(&self) -> Author {
        match &self.0 {
            Some((account, source)) => Author::Person(Person::of(account, *source)),
            None => Author::LocalOperator,
        }
    }
}
