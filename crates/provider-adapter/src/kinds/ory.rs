use labgate_domain::protocol::EndSessionForm;

use super::{hosts, paths};
use crate::kind::{Kind, NoPreset, Preset};
use crate::quirks::{Offline, Quirks};

/// Ory Hydra, recognised by its paths on any host, and Ory Network, by its hosts. With a page to come back
/// to, it signs out only with the ID token.
pub static ORY: Kind = Kind {
    name: "ory",
    by_urls: |urls| {
        let is_it = paths::above(urls, "ory", ["/oauth2/auth", "/oauth2/token"]) == Some("");
        Ok(is_it.then(|| Box::new(NoPreset) as Box<dyn Preset>))
    },
    by_issuer: |issuer| hosts::is_below(issuer, &[".projects.oryapis.com"]),
    quirks: Quirks {
        offline: Offline::Scope,
        logout: EndSessionForm { needs_id_token: true, ..EndSessionForm::STANDARD },
        ..Quirks::NONE
    },
    meanings: include_str!("fosite.tsv"),
    ..Kind::OPENID
};
