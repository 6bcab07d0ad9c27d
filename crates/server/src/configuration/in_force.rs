use super::keys::{self, KEYS, Key};
use super::problems::Source;
use super::services;
use super::settings::{SECTION_OF_PROVIDER, SERVICES, Settings};
use toml::Table;

/// The keys with their values in force, a line each, and one for each element of a list; the public URL can
/// follow from the address to listen on.
pub(super) fn of_all(settings: &Settings, public_url: &str) -> String {
    let lines = |key: &Key| {
        let values = match settings.shown(key) {
            values if !values.is_empty() => values,
            _ if key.path == keys::PUBLIC_URL.path => {
                vec![format!("{public_url}, from {}", keys::LISTEN.path)]
            }
            _ => vec!["-".to_owned()],
        };
        lines(key.path, &values, &settings.source(key))
    };
    KEYS.iter().map(lines).collect()
}

/// Those of a section `[[provider]]` that are set, or have a default.
pub(super) fn of_section(section: &Settings, name: &str) -> String {
    let of_key = |key: &Key| {
        let path = key.path.strip_prefix(SECTION_OF_PROVIDER)?;
        Some(lines(&format!("{name}.{path}"), &section.shown(key), &section.source(key)))
    };
    KEYS.iter().filter_map(of_key).collect()
}

/// The sections `[[service]]`, a line each.
pub(super) fn of_services(sections: &[Table], source: &Source) -> String {
    let numbered = sections.iter().map(services::written).zip(1..);
    let lines: Vec<_> =
        numbered.map(|(service, number)| format!("{SERVICES} {number} = {service} ({source})\n")).collect();
    lines.concat()
}

/// A line for each value of a key: a text with commas is told apart from two.
fn lines(path: &str, values: &[String], source: &Source) -> String {
    let lines: Vec<_> = values.iter().map(|value| format!("{path} = {value} ({source})\n")).collect();
    lines.concat()
}
