use std::collections::HashMap;

use super::administrator::Administrator;
use super::refusals::Refusals;
use crate::error::Refusal;
use crate::people::{
    Account, Credential, DisplayName, EmailAddress, LocalGroups, PasswordHash, Role, Username,
};
use crate::ports::{AccountCreation, AccountStore, PasswordHasher};
use crate::world::{Clock, Entropy};

/// The import of accounts from another system.
#[derive(Clone, Copy)]
pub struct Imports<'a> {
    /// Stores the accounts.
    pub accounts: &'a dyn AccountStore,
    /// Says which hashes can be kept.
    pub hasher: &'a dyn PasswordHasher,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Makes up ids.
    pub entropy: &'a dyn Entropy,
    /// Records refusals; its observer sees each import.
    pub refusals: Refusals<'a>,
}

/// A person who has an account elsewhere, as a line of a file tells it.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// The line, from 1.
    pub line: u64,
    /// A local name; without one the e-mail address is the name.
    pub username: Option<String>,
    /// The person's e-mail address.
    pub email: Option<EmailAddress>,
    /// The name for other people.
    pub name: Option<DisplayName>,
    /// The person's role.
    pub role: Role,
    /// The local groups of the account; none of them gives a role.
    pub groups: LocalGroups,
    /// The present password, hashed elsewhere; without it nothing opens the account until a provider or a
    /// password reset does.
    pub hash: Option<PasswordHash>,
}

/// A row that can become an account of this username. Only [`Imports::judge`] makes one.
#[derive(Clone, Debug)]
pub struct ValidRow {
    username: Username,
    row: ImportRow,
}

impl ValidRow {
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.row.line
    }

    /// Returns the username of the account.
    #[must_use]
    pub fn username(&self) -> &Username {
        &self.username
    }

    /// The names that the account takes up: usernames and addresses are one set.
    fn names(&self) -> impl Iterator<Item = Username> {
        let address = self.row.email.as_ref().map(Username::from).filter(|address| *address != self.username);
        std::iter::once(self.username.clone()).chain(address)
    }
}

/// An error in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportFault {
    /// The line, from 1.
    pub line: u64,
    /// The problem.
    pub problem: ImportProblem,
}

/// The reason for which a row cannot become an account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportProblem {
    /// It has no name.
    #[error("there is neither a username nor an e-mail address")]
    NameMissing,
    /// Its username cannot be one.
    #[error(
        "the username is not one: up to {max} letters from a to z, digits, dots, hyphens and underscores, \
         beginning with a letter or a digit; an e-mail address is none",
        max = Username::MAX_LOCAL_LEN
    )]
    UsernameMalformed,
    /// No password could ever be found right for its hash.
    #[error("the password hash is damaged, or asks for more work than a sign-in may cost")]
    HashUnusable,
    /// An earlier row takes up its username or address.
    #[error("{name} stands on line {line} already")]
    Repeated {
        /// The name.
        name: Username,
        /// The line of its first occurrence.
        line: u64,
    },
}

/// The result of importing one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The account is made.
    Created,
    /// An account of this name or address is there already, and stays as it is.
    ThereAlready,
}

impl Imports<'_> {
    /// Checks all rows before the first is written: each needs a name and a hash that can be kept, and no
    /// name comes twice. The content of the store does not matter to it.
    ///
    /// # Errors
    /// With all that is wrong, in the order of the rows.
    pub fn judge(&self, _: &Administrator, rows: Vec<ImportRow>) -> Result<Vec<ValidRow>, Vec<ImportFault>> {
        let mut taken = HashMap::new();
        let mut judged = Vec::with_capacity(rows.len());
        let mut faults = Vec::new();
        for row in rows {
            let line = row.line;
            match self.judge_row(row, &mut taken) {
                Ok(row) => judged.push(row),
                Err(problem) => faults.push(ImportFault { line, problem }),
            }
        }
        if faults.is_empty() { Ok(judged) } else { Err(faults) }
    }

    fn judge_row(
        &self,
        row: ImportRow,
        taken: &mut HashMap<Username, u64>,
    ) -> Result<ValidRow, ImportProblem> {
        let line = row.line;
        let username = match (&row.username, &row.email) {
            (Some(name), _) => Username::local(name.trim()).map_err(|_| ImportProblem::UsernameMalformed)?,
            (None, Some(email)) => Username::from(email),
            (None, None) => return Err(ImportProblem::NameMissing),
        };
        let valid = ValidRow { username, row };
        // The first to have a name has it even if something else is wrong with that row: both are to be
        // looked at.
        let mut repeated = None;
        for name in valid.names() {
            let first = *taken.entry(name.clone()).or_insert(line);
            if first != line && repeated.is_none() {
                repeated = Some(ImportProblem::Repeated { name, line: first });
            }
        }
        if valid.row.hash.as_ref().is_some_and(|hash| !self.hasher.can_verify(hash)) {
            return Err(ImportProblem::HashUnusable);
        }
        repeated.map_or(Ok(valid), Err)
    }

    /// Returns the result that [`Self::import`] would have now, without writing anything.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn dry_run(&self, _: &Administrator, row: &ValidRow) -> Result<Imported, Refusal> {
        let foreseen = async {
            for name in row.names() {
                if self.accounts.find_by_name(&name).await?.is_some() {
                    return Ok(Imported::ThereAlready);
                }
            }
            Ok(Imported::Created)
        };
        self.refusals.run(foreseen).await
    }

    /// Makes the account of a row, wholly or not at all. A hash that is taken over is of the person's own
    /// choice: it need not be changed at the first sign-in, which replaces it by one of today's.
    ///
    /// # Errors
    /// When the store failed; the account was not made then.
    pub async fn import(&self, by: &Administrator, row: &ValidRow) -> Result<Imported, Refusal> {
        let imported = async {
            let ValidRow { username, row } = row.clone();
            let account = Account {
                email: row.email,
                name: row.name,
                groups: row.groups,
                ..Account::new(username, row.role, self.clock.now(), self.entropy)
            };
            let credential = row.hash.map(|hash| Credential { hash, must_change: false });
            if self.accounts.create_local(&account, credential.as_ref()).await? != AccountCreation::Created {
                return Ok(Imported::ThereAlready);
            }
            self.refusals.observer.observe(&by.has_done("imported", account.id, Some(&account.username)));
            Ok(Imported::Created)
        };
        self.refusals.run(imported).await
    }
}

#[cfg(test)]
mod tests;
