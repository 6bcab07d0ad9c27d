//! The settings that all replicas of a lab must have alike.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::keys::{KEYS, Key, Scope};
use super::settings::{PROVIDERS, SECTION_OF_PROVIDER, Settings};

/// The fingerprints of the settings that all replicas of a lab must have alike, by the settings' names.
///
/// A fingerprint is a short hash of the value as it is written, whatever the order of a list: enough to find
/// values that differ. Secrets have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSettings(BTreeMap<String, String>);

impl SharedSettings {
    pub(super) fn of(settings: &Settings) -> Self {
        let shared = || KEYS.iter().filter(|key| key.scope == Scope::Shared);
        let plain = shared().map(|key| (key.path.to_owned(), settings.shown(key)));
        let of_section = |(section, number): (&Settings, usize)| {
            let named = |key: &Key| {
                let name = key.path.strip_prefix(SECTION_OF_PROVIDER)?;
                Some((format!("{PROVIDERS} {number}.{name}"), section.shown(key)))
            };
            shared().filter_map(named).collect::<Vec<_>>()
        };
        let sections = settings.providers.iter().zip(1..).flat_map(of_section);
        // Every replica states it, so that a section that one of them lacks is a difference.
        let number = (PROVIDERS.to_owned(), vec![settings.providers.len().to_string()]);
        let all = plain.chain([number]).chain(sections);
        Self(all.map(|(name, values)| fingerprint(name, values)).collect())
    }

    /// The same with another value of one setting.
    pub(super) fn with(mut self, name: &str, values: Vec<String>) -> Self {
        self.0.extend([fingerprint(name.to_owned(), values)]);
        self
    }

    /// Returns the fingerprints by the settings' names.
    #[must_use]
    pub fn fingerprints(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Returns the names of the settings that differ from another replica's. A setting that one of the two does
    /// not know is left out: that one is of another version.
    #[must_use]
    pub fn differing(&self, other: &BTreeMap<String, String>) -> Vec<&str> {
        let differs = |(name, ours): &(&String, &String)| other.get(*name).is_some_and(|it| it != *ours);
        self.0.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
    }
}

/// The name goes into the hash as well: equal values of two settings are not seen to be equal.
fn fingerprint(name: String, mut values: Vec<String>) -> (String, String) {
    values.sort_unstable();
    let hash = Sha256::digest(json!([name, values]).to_string());
    let mut short = String::new();
    for byte in hash.iter().take(8) {
        // Writing to a text does not fail.
        let _ = write!(short, "{byte:02x}");
    }
    (name, short)
}

#[cfg(test)]
mod tests {
    use super::super::keys::{self, ValueKind};
    use super::super::tests::{PROVIDER, read};

    use super::*;

    fn shared(file: &str, environment: &[(&str, &str)]) -> SharedSettings {
        read(file, environment).shared
    }

    #[track_caller]
    fn assert_differ(one: &SharedSettings, other: &SharedSettings, names: &[&str]) {
        assert_eq!(one.differing(&other.0), names);
        assert_eq!(other.differing(&one.0), names);
    }

    #[test]
    fn no_secret_and_no_file_name_is_shared() {
        for key in KEYS.iter().filter(|key| key.scope == Scope::Shared) {
            assert!(key.kind != ValueKind::Secret && !key.path.ends_with("_file"), "{}", key.path);
        }
    }

    #[test]
    fn values_that_differ_are_named_and_those_of_a_machine_are_not() {
        let one = shared("", &[]);
        let other = [
            ("LABGATE_LISTEN", "127.0.0.1:9000"),
            ("LABGATE_PUBLIC_URL", "http://127.0.0.1:8091"),
            ("LABGATE_DATA_DIR", "/elsewhere"),
            ("LABGATE_TRUSTED_PROXIES", "10.0.0.1"),
            ("LABGATE_LOG__LEVEL", "debug"),
        ];
        assert_differ(&one, &shared("", &other), &[]);
        let more = [other.as_slice(), &[("LABGATE_SESSION__IDLE_LIMIT", "1h")]].concat();
        assert_differ(&one, &shared("", &more), &[keys::IDLE_LIMIT.path]);
        // The public URL follows from the address to listen on.
        assert_differ(&one, &shared("", &other[..1]), &[keys::PUBLIC_URL.path]);
    }

    #[test]
    fn one_value_in_another_notation_is_the_same() {
        let domains = "[external_oidc]\nallow_email_domains = [\"b.example\", \"a.example\"]";
        let listed = ("LAB_EXTERNAL_OIDC_ALLOW_EMAIL_DOMAINS", "a.example, b.example");
        let written = [PROVIDER.as_slice(), &[listed]].concat();
        assert_differ(&shared(domains, &PROVIDER), &shared("", &written), &[]);
        assert_differ(
            &shared("[session]\nmax_per_account = 50", &[]),
            &shared("", &[("LABGATE_SESSION__MAX_PER_ACCOUNT", "50")]),
            &[],
        );
    }

    #[test]
    fn each_section_of_a_provider_is_compared_without_its_secret() {
        let section = |id: &str, client: &str, secret: &str| {
            format!(
                "[[{PROVIDERS}]]\nid = \"{id}\"\nname = \"A\"\nissuer = \"https://op.example\"\n\
                 client_id = \"{client}\"\nclient_secret = \"{secret}\"\n"
            )
        };
        let one = shared(&section("a", "lab", "one"), &[]);
        assert_differ(&one, &shared(&section("a", "lab", "two"), &[]), &[]);
        assert_differ(&one, &shared(&section("a", "other", "one"), &[]), &["provider 1.client_id"]);
        let two = section("a", "lab", "one") + &section("b", "lab", "one");
        assert_differ(&one, &shared(&two, &[]), &[PROVIDERS]);
    }

    #[test]
    fn a_setting_of_another_version_is_no_difference() {
        let one = shared("", &[]);
        let newer = one.clone().with("session.newer", vec!["1".to_owned()]);
        assert_differ(&one, &newer, &[]);
    }
}
