use super::paths;
use crate::kind::{Kind, NoPreset, Preset};
use crate::quirks::{Offline, Quirks};

/// Pocket ID, recognised by its paths on any host. It gives refresh tokens without the scope
/// `offline_access`.
pub static POCKET_ID: Kind = Kind {
    name: "pocket-id",
    by_urls: |urls| {
        let is_it = paths::above(urls, "pocket-id", ["/authorize", "/api/oidc/token"]) == Some("");
        Ok(is_it.then(|| Box::new(NoPreset) as Box<dyn Preset>))
    },
    quirks: Quirks { offline: Offline::Always, ..Quirks::NONE },
    meanings: include_str!("fosite.tsv"),
    ..Kind::OPENID
};
