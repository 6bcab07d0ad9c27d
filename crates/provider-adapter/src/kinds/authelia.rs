use super::paths;
use crate::kind::{Kind, NoPreset, Preset};
use crate::quirks::{Offline, Quirks};

/// Authelia, recognised by its paths on any host. Its ID token says who signed in and no more: the address
/// and the groups are at userinfo. It asks for consent by itself where `offline_access` needs it.
pub static AUTHELIA: Kind = Kind {
    name: "authelia",
    by_urls: |urls| {
        let paths = paths::above(urls, "authelia", ["/api/oidc/authorization", "/api/oidc/token"]);
        Ok(paths.map(|_| Box::new(NoPreset) as Box<dyn Preset>))
    },
    quirks: Quirks { offline: Offline::Scope, ..Quirks::NONE },
    meanings: include_str!("fosite.tsv"),
    ..Kind::OPENID
};
