use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::protocol::{Malformed, read_by_parsing};
use crate::text::{is_invisible, readable_text};

/// The name of a local group: 1 to [`Self::MAX_CHARS`] visible characters and plain blanks, without a blank at
/// either end. It has no comma, which separates names in lists.
///
/// Its canonical form is Unicode NFC, so that names that look alike because they are written alike are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct GroupName(String);

impl GroupName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Parses a name as a person types it, with blanks around it or without.
    ///
    /// # Errors
    /// When it is empty or too long, or has a comma, or a character that is not visible.
    pub fn typed(text: &str) -> Result<Self, Malformed> {
        let name: String = text.trim().nfc().take(Self::MAX_CHARS + 1).collect();
        let allowed =
            |c: char| c == ' ' || !(c == ',' || c.is_whitespace() || c.is_control() || is_invisible(c));
        let well_formed =
            !name.is_empty() && name.chars().count() <= Self::MAX_CHARS && name.chars().all(allowed);
        well_formed.then_some(Self(name)).ok_or(Malformed("group name"))
    }

    /// Parses names that a person types, separated by commas.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn typed_list(text: &str) -> Result<Vec<Self>, Malformed> {
        text.split(',').map(Self::typed).collect()
    }

    /// Parses a name from the store.
    ///
    /// # Errors
    /// When it is not a name in canonical form.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        Self::typed(value).ok().filter(|name| name.0 == value).ok_or(Malformed("group name"))
    }
}

readable_text!(GroupName);
read_by_parsing!(GroupName);

/// The local groups of an account, which administrators give: sorted, each once, at most [`Self::MAX`].
///
/// A provider's groups are never among them, and no admission rule looks at them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeSet<GroupName>")]
pub struct LocalGroups(BTreeSet<GroupName>);

/// More groups than an account can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {} local groups", LocalGroups::MAX)]
pub struct TooManyGroups;

/// A change of an account's local groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPatch {
    /// The groups that the account is to have, too.
    pub add: Vec<GroupName>,
    /// The groups that it is no longer to have, unless they are added as well.
    pub remove: Vec<GroupName>,
}

impl LocalGroups {
    /// The most local groups of an account.
    pub const MAX: usize = 64;

    /// Returns the names.
    #[must_use]
    pub fn names(&self) -> &BTreeSet<GroupName> {
        &self.0
    }

    /// Returns the groups after a change.
    ///
    /// # Errors
    /// When they would be too many.
    pub fn patched(&self, patch: &GroupPatch) -> Result<Self, TooManyGroups> {
        let mut names = self.0.clone();
        for name in &patch.remove {
            names.remove(name);
        }
        names.extend(patch.add.iter().cloned());
        Self::try_from(names)
    }
}

impl TryFrom<BTreeSet<GroupName>> for LocalGroups {
    type Error = TooManyGroups;

    fn try_from(names: BTreeSet<GroupName>) -> Result<Self, TooManyGroups> {
        if names.len() <= Self::MAX { Ok(Self(names)) } else { Err(TooManyGroups) }
    }
}

/// Lists the names as [`GroupName::typed_list`] reads them.
impl fmt::Display for LocalGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(GroupName::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<GroupName> {
        GroupName::typed_list(list).unwrap()
    }

    #[test]
    fn a_group_name_is_visible_text_on_one_line_without_a_comma() {
        let longest = "ü".repeat(64);
        for good in ["gpu", "GPU users", "a", "Straße", "<b>&\"'", "gruppe:ä/1; x", "机器学习", &longest]
        {
            assert_eq!(GroupName::typed(good).unwrap().as_str(), good);
            assert!(GroupName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "a,b",
            ",",
            "a\nb",
            "a\0",
            "a\tb",
            "a\u{a0}b",
            "a\u{2028}b",
            "a\u{1b}[2J",
            "a\u{202e}b",
            "a\u{200b}",
            "\u{200d}",
            "a\u{feff}b",
            "a\u{e0041}",
            &"a".repeat(65),
        ] {
            assert!(GroupName::typed(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_are_written_alike_are_one() {
        assert_eq!(names(" gpu , a b"), [GroupName("gpu".to_owned()), GroupName("a b".to_owned())]);
        assert_eq!(GroupName::typed("Stra\u{df}e e\u{301}"), GroupName::parse("Straße é"));
        assert_ne!(GroupName::typed("gpu"), GroupName::typed("GPU"), "services tell them apart");
        for not_canonical in [" gpu", "gpu ", "e\u{301}"] {
            assert!(GroupName::parse(not_canonical).is_err(), "{not_canonical:?}");
        }
        for list in ["", "a,", ",a", "a,,b"] {
            assert!(GroupName::typed_list(list).is_err(), "{list:?}");
        }
    }

    #[test]
    fn an_account_has_each_group_once_in_order_and_at_most_64() {
        let patch = |add: &str, remove: &[&str]| GroupPatch {
            add: names(add),
            remove: remove.iter().map(|name| GroupName::typed(name).unwrap()).collect(),
        };
        let groups = LocalGroups::default().patched(&patch("gpu, staff, gpu, a", &["none"])).unwrap();
        assert_eq!(groups.to_string(), "a, gpu, staff");
        let groups = groups.patched(&patch("gpu", &["staff", "gpu"])).unwrap();
        assert_eq!(groups.to_string(), "a, gpu", "what is added as well stays");
        let full: Vec<String> = (0..64).map(|number| format!("g{number}")).collect();
        let full = LocalGroups::default().patched(&patch(&full.join(","), &[])).unwrap();
        assert_eq!(full.patched(&patch("one more", &[])), Err(TooManyGroups));
        assert!(full.patched(&patch("one more", &["g7"])).is_ok());
    }

    #[test]
    fn groups_are_read_as_they_are_written_and_others_are_refused() {
        let groups = LocalGroups::default();
        let groups = groups.patched(&GroupPatch { add: names("b, a \"b\""), remove: Vec::new() }).unwrap();
        let json = serde_json::to_string(&groups).unwrap();
        assert_eq!(json, r#"["a \"b\"","b"]"#);
        assert_eq!(serde_json::from_str::<LocalGroups>(&json).unwrap(), groups);
        let many = serde_json::to_string(&(0..65).map(|it| it.to_string()).collect::<Vec<_>>()).unwrap();
        for odd in [r#"["a,b"]"#, r#"[" a"]"#, "[1]", "{}", r#""a""#, &many] {
            assert!(serde_json::from_str::<LocalGroups>(odd).is_err(), "{odd}");
        }
    }
}
