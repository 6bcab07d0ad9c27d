use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::{AcceptedTerms, DisplayName, EmailAddress, LocalGroups, Username};
use crate::protocol::Malformed;
use crate::text::named;
use crate::time::Timestamp;
use crate::world::{Entropy, random_bytes};

/// The permanent id of an account: a UUIDv7 (RFC 9562 section 5.7). Every record of a person refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(Uuid);

impl AccountId {
    /// Returns a fresh id that sorts by its time of creation.
    #[must_use]
    pub fn fresh(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let millis = u64::try_from(now.as_unix_seconds()).unwrap_or(0).saturating_mul(1000);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes(entropy)).into_uuid())
    }

    /// Parses an id from a token or the store.
    ///
    /// # Errors
    /// When it is not a UUID.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        Uuid::try_parse(value).map(Self).map_err(|_| Malformed("account id"))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A person's account in the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The permanent id.
    pub id: AccountId,
    /// The username; unique.
    pub username: Username,
    /// The person's e-mail address; unique where present.
    pub email: Option<EmailAddress>,
    /// The person's name.
    pub name: Option<DisplayName>,
    /// The role.
    pub role: Role,
    /// The groups that administrators gave it.
    pub groups: LocalGroups,
    /// The status: active or disabled.
    pub status: AccountStatus,
    /// The terms of service that its person has accepted, each version once, the latest last.
    pub accepted_terms: Vec<AcceptedTerms>,
    /// The time of creation.
    pub created_at: Timestamp,
}

impl Account {
    /// Returns a new account, active and without a name for other people.
    #[must_use]
    pub(crate) fn new(username: Username, role: Role, now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self {
            id: AccountId::fresh(now, entropy),
            username,
            email: None,
            name: None,
            role,
            groups: LocalGroups::default(),
            status: AccountStatus::Active,
            accepted_terms: Vec::new(),
            created_at: now,
        }
    }

    /// Returns whether the person may sign in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == AccountStatus::Active
    }

    /// Takes over a new e-mail address. A username that is the former address follows it: the former address
    /// may be given to another person. Returns the former username if it changed.
    pub fn take_address(&mut self, address: &EmailAddress) -> Option<Username> {
        let former = self.email.replace(address.clone())?;
        let follows = self.username == Username::from(&former) && former != *address;
        follows.then(|| std::mem::replace(&mut self.username, Username::from(address)))
    }

    /// Returns whether the username, the e-mail address or the name contains this text, in any case. The
    /// letters of every script are folded one by one, without regard to language; no character of the text is
    /// a wildcard.
    #[must_use]
    pub fn is_found_by(&self, search: &str) -> bool {
        let search = without_case(search);
        let texts = [
            Some(self.username.as_str()),
            self.email.as_ref().map(EmailAddress::as_str),
            self.name.as_ref().map(DisplayName::as_str),
        ];
        texts.into_iter().flatten().any(|text| without_case(text).contains(&search))
    }
}

/// Folds upper case first, so that letters with two small forms (σ and ς, s and ſ) become one.
fn without_case(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

named! {
    /// The role of an account, as named in tokens and in the store.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Role {
        /// Uses the lab: the least role.
        User = "user",
        /// Also manages accounts.
        Admin = "admin",
    }
}

impl Role {
    /// Parses a role that a person or a setting names.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        Self::ALL.iter().copied().find(|role| role.as_str() == value).ok_or(Malformed("role"))
    }

    /// Returns the role of this name in a token or in the store. A name that this version does not know is
    /// that of a newer version, which runs beside it during an update: it counts as the least role.
    #[must_use]
    pub fn known_or_least(name: &str) -> Self {
        Self::parse(name).unwrap_or(Self::User)
    }
}

/// Roles are read from tokens only; a request names one by [`Role::parse`].
impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self::known_or_least(&name))
    }
}

named! {
    /// The status of an account, as named in the store.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum AccountStatus {
        /// The person may sign in.
        Active = "active",
        /// An administrator disabled the account.
        Disabled = "disabled",
    }
}

impl AccountStatus {
    /// Parses a status from the store.
    ///
    /// # Errors
    /// When there is no such status.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        Self::ALL.iter().copied().find(|status| status.as_str() == value).ok_or(Malformed("account status"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f46_only_a_known_role_is_more_than_the_least() {
        assert_eq!(Role::known_or_least("admin"), Role::Admin);
        for name in ["user", "auditor", "", "Admin", "admin "] {
            assert_eq!(Role::known_or_least(name), Role::User, "{name:?}");
        }
        assert!(Role::parse("auditor").is_err(), "a request names a known role");
    }

    #[test]
    fn f22_a_username_that_is_the_former_address_follows_it() {
        let [old, new] = ["ada@old.example", "ada@new.example"].map(|it| EmailAddress::parse(it).unwrap());
        let account = |username: Username, email: Option<&EmailAddress>| Account {
            id: AccountId::parse("01890000-0000-7000-8000-000000000001").unwrap(),
            username,
            email: email.cloned(),
            name: None,
            role: Role::User,
            groups: LocalGroups::default(),
            status: AccountStatus::Active,
            accepted_terms: Vec::new(),
            created_at: Timestamp::from_unix_seconds(0),
        };
        let (born, local) = (Username::from(&old), Username::local("ada").unwrap());
        for (username, email, then) in [
            (&born, Some(&old), Username::from(&new)),
            (&local, Some(&old), local.clone()),
            (&born, None, born.clone()),
            (&Username::from(&new), Some(&new), Username::from(&new)),
        ] {
            let mut account = account(username.clone(), email);
            let former = account.take_address(&new);
            assert_eq!((&account.username, &account.email), (&then, &Some(new.clone())));
            assert_eq!(former, (*username != then).then(|| username.clone()));
        }
    }

    #[test]
    fn a_search_finds_a_part_of_each_text_in_any_case() {
        let account = Account {
            id: AccountId::parse("01890000-0000-7000-8000-000000000001").unwrap(),
            username: Username::local("ada_l").unwrap(),
            email: Some(EmailAddress::parse("countess@example.com").unwrap()),
            name: DisplayName::new("Élodie ΟΔΥΣΣΕΎΣ Straße 100%"),
            role: Role::User,
            groups: LocalGroups::default(),
            status: AccountStatus::Active,
            accepted_terms: Vec::new(),
            created_at: Timestamp::from_unix_seconds(0),
        };
        for found in ["", "ADA_", "Countess@", "éLODIE", "οδυσς", "οδυσσεύς", "STRASSE", "0%"] {
            assert!(account.is_found_by(found), "{found}");
        }
        for not_found in ["ada%", "ada.l", "a_a", "elodie", "lcountess", "%%", "\\"] {
            assert!(!account.is_found_by(not_found), "{not_found}");
        }
        let bare = Account { email: None, name: None, ..account };
        assert!(bare.is_found_by("a_l") && !bare.is_found_by("@"));
    }
}
