use std::collections::BTreeSet;
use std::fmt;

use crate::people::{Role, Username};
use crate::session::SessionPerson;

/// A condition on the person who makes a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Everyone passes, signed in or not.
    Public,
    /// Every user passes.
    #[default]
    SignedIn,
    /// A user passes who is in one of these groups, has one of these roles, or is one of these accounts.
    AnyOf {
        /// The groups, by any origin.
        groups: BTreeSet<String>,
        /// The accounts, by username.
        accounts: BTreeSet<Username>,
        /// The roles.
        roles: Vec<Role>,
    },
    /// Every request is refused.
    Deny,
}

/// The reason that a condition cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitCondition {
    /// A list is empty: it cannot be told whether that should be every user or none.
    #[error("is an empty list: remove it, or name users")]
    Empty,
    /// A group has no name, or begins or ends with a blank.
    #[error("names the group {0:?}, which no person can have")]
    Group(String),
}

impl Condition {
    /// Builds the condition that a person is in one of these groups, has one of these roles, or is one of
    /// these accounts.
    ///
    /// # Errors
    /// See [`UnfitCondition`].
    pub fn any_of(
        groups: impl IntoIterator<Item = String>,
        accounts: impl IntoIterator<Item = Username>,
        roles: impl IntoIterator<Item = Role>,
    ) -> Result<Self, UnfitCondition> {
        let groups: BTreeSet<_> = groups.into_iter().collect();
        if let Some(group) = groups.iter().find(|group| group.is_empty() || group.trim() != **group) {
            return Err(UnfitCondition::Group(group.clone()));
        }
        let (accounts, roles) = (accounts.into_iter().collect::<BTreeSet<_>>(), Vec::from_iter(roles));
        if groups.is_empty() && accounts.is_empty() && roles.is_empty() {
            return Err(UnfitCondition::Empty);
        }
        Ok(Self::AnyOf { groups, accounts, roles })
    }

    /// Returns whether the person passes.
    #[must_use]
    pub fn admits(&self, person: &SessionPerson) -> bool {
        match self {
            Self::Public | Self::SignedIn => true,
            Self::AnyOf { groups, accounts, roles } => {
                roles.contains(&person.role)
                    || accounts.contains(&person.username)
                    || person.groups.iter().any(|group| groups.contains(group))
            }
            Self::Deny => false,
        }
    }

    /// Returns the groups that the condition names.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        let named = if let Self::AnyOf { groups, .. } = self { Some(groups) } else { None };
        named.into_iter().flatten().map(String::as_str)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("everyone, signed in or not"),
            Self::SignedIn => f.write_str("every user"),
            Self::Deny => f.write_str("no user"),
            Self::AnyOf { groups, accounts, roles } => {
                let groups = groups.iter().map(|it| format!("the group {it}"));
                let accounts = accounts.iter().map(|it| format!("the account {it}"));
                let roles = roles.iter().map(|it| format!("the role {}", it.as_str()));
                f.write_str(&groups.chain(accounts).chain(roles).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
