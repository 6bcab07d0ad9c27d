use std::ops::Deref;

use crate::access_token::AccessTokenId;
use crate::people::{Account, AccountId, Username};
use crate::ports::{Author, Person, SignInEvent, Source};

/// A person who may see accounts: an administrator, as the session says.
#[derive(Clone, Debug)]
pub struct AccountReader(Option<(Account, Source, Option<AccessTokenId>)>);

impl AccountReader {
    pub(super) fn with_account(account: Account, source: Source, token: Option<AccessTokenId>) -> Self {
        Self(Some((account, source, token)))
    }

    /// Returns the administrator's own account; `None` is the local operator.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.0.as_ref().map(|(account, ..)| account)
    }
}

/// A person who may change accounts, needed by every use case of administration that changes something: the
/// local operator, or an administrator who has just proved the very act.
#[derive(Clone, Debug)]
pub struct Administrator(AccountReader);

impl Administrator {
    /// Returns the administrator who has proved an act, for this act alone.
    pub(super) fn of_proven_act(reader: AccountReader) -> Self {
        Self(reader)
    }

    /// Returns the operator, who can run commands on the lab's machine with its data directory.
    #[must_use]
    pub fn local_operator() -> Self {
        Self(AccountReader(None))
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
        match &self.0.0 {
            Some((account, source, access_token)) => {
                Author::Person(Person { access_token: *access_token, ..Person::of(account, *source) })
            }
            None => Author::LocalOperator,
        }
    }
}

/// Whoever may change accounts may see them.
impl Deref for Administrator {
    type Target = AccountReader;

    fn deref(&self) -> &AccountReader {
        &self.0
    }
}
