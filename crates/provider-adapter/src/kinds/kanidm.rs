use labgate_domain::protocol::Issuer;

use super::paths;
use crate::derivation::OperatorUrls;
use crate::kind::{Kind, NeedsIssuer, Preset};
use crate::quirks::{Offline, Quirks};

/// Kanidm, recognised by its paths on any host. All clients share the endpoints, and each has an issuer of
/// its own. It refuses a person whose scope maps lack a requested scope, and gives refresh tokens without the
/// scope `offline_access`. A bad code is a bad request to it.
pub static KANIDM: Kind = Kind {
    name: "kanidm",
    by_urls: |urls| Ok(has_its_paths(urls).then(|| Box::new(NeedsIssuer) as Box<dyn Preset>)),
    by_issuer: is_of_a_client,
    issuer_hint: |urls| {
        has_its_paths(urls).then(|| {
            format!(
                "For Kanidm it is {}/oauth2/openid/CLIENT with the client id, without a slash at the end",
                urls.authorization().origin()
            )
        })
    },
    quirks: Quirks { offline: Offline::Always, code_error: Some((400, "invalid_request")), ..Quirks::NONE },
    ..Kind::OPENID
};

fn has_its_paths(urls: &OperatorUrls) -> bool {
    paths::above(urls, "kanidm", ["/ui/oauth2", "/oauth2/token"]) == Some("")
}

/// Returns whether the issuer's whole path is `/oauth2/openid/CLIENT`.
fn is_of_a_client(issuer: &Issuer) -> bool {
    let path = issuer.as_str().splitn(4, '/').nth(3).unwrap_or_default();
    path.strip_prefix("oauth2/openid/").is_some_and(|client| !client.is_empty() && !client.contains('/'))
}
