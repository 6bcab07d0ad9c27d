use super::keys::{self, KEYS, Key};
use super::settings::{SECTION_OF_PROVIDER, Settings};

/// The keys with their values in force, a line each; the public URL can follow from the address to listen on.
pub(super) fn of_all(settings: &Settings, public_url: &str) -> String {
    let line = |key: &Key| {
        let value = match settings.shown(key) {
            Some(value) => value,
            None if key.path == keys::PUBLIC_URL.path => format!("{public_url}, from {}", keys::LISTEN.path),
            None => "-".to_owned(),
        };
        format!("{} = {value} ({})\n", key.path, settings.source(key))
    };
    KEYS.iter().map(line).collect()
}

/// Those of a section `[[provider]]` that are set, or have a default.
pub(super) fn of_section(section: &Settings, name: &str) -> String {
    let line = |key: &Key| {
        let path = key.path.strip_prefix(SECTION_OF_PROVIDER)?;
        Some(format!("{name}.{path} = {} ({})\n", section.shown(key)?, section.source(key)))
    };
    KEYS.iter().filter_map(line).collect()
}
