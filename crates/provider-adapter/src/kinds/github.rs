use labgate_domain::protocol::{HintParameters, Issuer};

use crate::derivation::OperatorUrls;
use crate::endpoint::{Endpoint, PlainHttpOrigins};
use crate::kind::{Kind, OAuthApi, OpenTo, Preset, UrlForm};

/// The path of the issuer on every host. There is no metadata, so the endpoints are known by it.
const PATH: &str = "/login/oauth";

const ANY_ADDRESS: &str = "email_trust is provider, and at github.com people enter whatever address they like: leave it at claim, so that \
     only addresses that GitHub has verified count";
/// GitHub and GitHub Enterprise: OAuth 2.0 with an API, without ID tokens. It is recognised by its paths on
/// any host, since an Enterprise Server has any host. The [`crate::GitHubProvider`] speaks with it.
pub static GITHUB: Kind = Kind {
    name: "github",
    by_urls: |urls| {
        let is_public = urls.authorization().url().host_str() == Some("github.com");
        Ok(api(urls).map(|api| Box::new(GitHub { api, is_public }) as Box<dyn Preset>))
    },
    endpoints: |issuer| {
        let is_its = issuer.url().path() == PATH;
        is_its.then(|| [issuer.child("authorize"), issuer.child("access_token")])
    },
    url_form: UrlForm::Own("the URLs are not those of a GitHub"),
    hints: HintParameters { login: Some("login"), domain: None },
    meanings: include_str!("github.tsv"),
    ..Kind::OPENID
};

struct GitHub {
    api: OAuthApi,
    is_public: bool,
}

impl Preset for GitHub {
    fn open_to(&self) -> OpenTo {
        if self.is_public { OpenTo::Anyone(ANY_ADDRESS) } else { OpenTo::Members }
    }

    fn api(&self) -> Option<OAuthApi> {
        Some(self.api.clone())
    }
}

/// The API, when the URLs are GitHub's. With a configured issuer that is not GitHub's, they are those of
/// another product with the same paths, which speaks OpenID Connect.
fn api(urls: &OperatorUrls) -> Option<OAuthApi> {
    let (authorization, origin) = (urls.authorization(), urls.authorization().origin());
    let issuer = Issuer::parse(&format!("{origin}{PATH}")).ok()?;
    let has_its_paths = authorization.as_str() == format!("{issuer}/authorize")
        && urls.token().as_str() == format!("{issuer}/access_token");
    if !has_its_paths || urls.configured_issuer().is_some_and(|configured| *configured != issuer) {
        return None;
    }
    let hosted =
        origin.strip_prefix("https://").filter(|host| *host == "github.com" || host.ends_with(".ghe.com"));
    if let Some(host) = hosted {
        let base = Endpoint::parse(&format!("https://api.{host}"), &PlainHttpOrigins::default()).ok()?;
        return Some(OAuthApi { issuer, base, warnings: Vec::new() });
    }
    let warning = format!(
        "{origin} is taken for a GitHub Enterprise Server. If it is a Gitea or Forgejo, set {} to its URL",
        crate::derivation::ISSUER_SETTING
    );
    let base = authorization.with_path("/api/v3");
    urls.may_be("github").then(|| OAuthApi { issuer, base, warnings: vec![warning] })
}
