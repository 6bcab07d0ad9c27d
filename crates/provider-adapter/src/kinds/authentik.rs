use crate::derivation::OperatorUrls;
use crate::endpoint::Endpoint;
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
    ..Kind::OPENID
};

fn has_its_paths(urls: &OperatorUrls) -> bool {
    let under = |endpoint: &Endpoint, path| endpoint.url().path().strip_suffix(path).map(str::to_owned);
    let above = under(urls.authorization(), "/application/o/authorize/");
    urls.share_an_origin()
        && urls.may_be("authentik")
        && above.is_some()
        && above == under(urls.token(), "/application/o/token/")
}
