use super::keys::{self, KEYS, Key};
use super::problems::Source;
use super::settings::{SECTION_OF_PROVIDER, Settings};

/// A key with the value that is in force.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) path: String,
    pub(super) value: String,
    pub(super) source: Source,
}

impl InForce {
    /// The values of all keys; the public URL can follow from the address to listen on.
    pub(super) fn of_all(settings: &Settings, public_url: &str) -> Vec<Self> {
        let shown = |key: &Key| match settings.shown(key) {
            Some(value) => value,
            None if key.path == keys::PUBLIC_URL.path => format!("{public_url}, from {}", keys::LISTEN.path),
            None => "-".to_owned(),
        };
        let in_force =
            |key: &Key| Self { path: key.path.to_owned(), value: shown(key), source: settings.source(key) };
        KEYS.iter().map(in_force).collect()
    }

    /// The values of a section `[[provider]]`, set or by default.
    pub(super) fn of_section(section: &Settings, name: &str) -> Vec<Self> {
        let in_force = |key: &Key| {
            let path = format!("{name}.{}", key.path.strip_prefix(SECTION_OF_PROVIDER)?);
            Some(Self { path, value: section.shown(key)?, source: section.source(key) })
        };
        KEYS.iter().filter_map(in_force).collect()
    }
}
