//! The sections `[[service]]`: the parts of the lab, who may use them, and what they are told.

use labgate_domain::access::{Service, Services, UnfitService, WrittenService};
use labgate_domain::public_url::PublicUrl;
use toml::{Table, Value};

use super::problems::Problem;
use super::settings::{SERVICES, Settings};

/// Reads the services; none when there are problems.
pub(super) fn read(settings: &mut Settings, lab: &PublicUrl) -> Services {
    let mut services = Vec::new();
    for (section, number) in settings.services.clone().into_iter().zip(1..) {
        match service(section, lab) {
            Ok(service) => services.push(service),
            Err(UnfitService { key, text }) => {
                let key = format!("{SERVICES} {number}{}{key}", if key.is_empty() { "" } else { "." });
                settings.problems.push(Problem::new(&key, settings.services_source.clone(), text));
            }
        }
    }
    Services::new(services, lab).unwrap_or_else(|error| {
        let source = settings.services_source.clone();
        settings.problems.push(Problem::new(SERVICES, source, error.to_string()));
        Services::default()
    })
}

/// Returns a section as one line of JSON.
pub(super) fn written(section: &Table) -> String {
    // A table of TOML has nothing that JSON cannot say.
    serde_json::to_string(section).unwrap_or_default()
}

fn service(section: Table, lab: &PublicUrl) -> Result<Service, UnfitService> {
    let written: Result<WrittenService, toml::de::Error> = Value::Table(section).try_into();
    let unreadable = |error: toml::de::Error| UnfitService { key: "", text: error.message().to_owned() };
    written.map_err(unreadable)?.service(lab)
}

#[cfg(test)]
mod tests;
