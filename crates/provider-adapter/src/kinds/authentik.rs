use super::paths;
use crate::derivation::OperatorUrls;
use crate::kind::{Kind, NeedsIssuer, Preset};
use crate::quirks::{Offline, Quirks};

/// authentik, recognised by its paths on any host. All applications share the endpoints, and each has an
/// issuer of its own.
pub static AUTHENTIK: Kind = Kind {
    name: "authentik",
    by_urls: |urls| Ok(has_its_paths(urls).then(|| Box::new(NeedsIssuer) as Box<dyn Preset>)),
    issuer_hint: |urls| {
        has_its_paths(urls).then(|| {
            format!(
                "For authentik it is {}/application/o/SLUG/ with the application's slug and the slash at the end; the \
                 provider's page shows it as OpenID Configuration Issuer",
                urls.authorization().origin()
            )
        })
    },
    quirks: Quirks { offline: Offline::Scope, ..Quirks::NONE },
    meanings: include_str!("authentik.tsv"),
    ..Kind::OPENID
};

fn has_its_paths(urls: &OperatorUrls) -> bool {
    paths::above(urls, "authentik", ["/application/o/authorize/", "/application/o/token/"]).is_some()
}
