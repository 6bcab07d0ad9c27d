use labgate_domain::protocol::{HintParameters, Issuer};

use crate::derivation::{OperatorUrls, ProviderMetadata, Role, document_of};
use crate::endpoint::{Endpoint, PlainHttpOrigins};
use crate::kind::{Kind, Preset};
use crate::quirks::{Evidence, Offline, PersonClaims, Quirks};

const ISSUER: &str = "https://accounts.google.com";
/// The current endpoint, and that of older guides.
const AUTHORIZATION: [&str; 2] =
    ["https://accounts.google.com/o/oauth2/v2/auth", "https://accounts.google.com/o/oauth2/auth"];
const TOKEN: &str = "https://oauth2.googleapis.com/token";

/// The warning about the endpoint of older guides.
pub(crate) const OLD_ENDPOINT: &str =
    "this is Google's old authorization endpoint: use https://accounts.google.com/o/oauth2/v2/auth";

/// Google.
///
/// Anyone can have an account by an address elsewhere. Google has verified it once, and does not learn when
/// it passes to another person. A refresh token takes the person's consent, which is otherwise asked for
/// once. It knows neither `prompt=login` nor `max_age`.
pub static GOOGLE: Kind = Kind {
    name: "google",
    by_urls: |urls| Ok(is_at(urls).then(|| Box::new(Google) as Box<dyn Preset>)),
    by_issuer: |issuer| issuer.as_str() == ISSUER,
    hints: HintParameters { domain: Some("hd"), ..HintParameters::OPENID },
    quirks: Quirks {
        offline: Offline::Parameters(&[("access_type", "offline"), ("prompt", "consent")]),
        reauthenticates: false,
        claims: PersonClaims {
            evidence: &[Evidence::EmailVerifiedAndRun(&["gmail.com", "googlemail.com"])],
            hosted_domain: Some("hd"),
            ..PersonClaims::STANDARD
        },
        ..Quirks::NONE
    },
    meanings: include_str!("google.tsv"),
    ..Kind::OPENID
};

struct Google;

impl Preset for Google {
    fn document(&self) -> Option<Endpoint> {
        Endpoint::parse(ISSUER, &PlainHttpOrigins::default()).ok().map(|issuer| document_of(&issuer))
    }

    fn issuer(&self) -> Option<Issuer> {
        Issuer::parse(ISSUER).ok()
    }

    fn check_issuer(&self, metadata: &ProviderMetadata) -> Result<(), String> {
        if metadata.issuer.as_str() == ISSUER { Ok(()) } else { Err(ISSUER.to_owned()) }
    }

    fn other_endpoint(&self, _: &OperatorUrls, metadata: &ProviderMetadata) -> Option<Role> {
        if !AUTHORIZATION.contains(&metadata.authorization_endpoint.as_str()) {
            return Some(Role::Authorization);
        }
        (metadata.token_endpoint.as_str() != TOKEN).then_some(Role::Token)
    }

    fn warnings(&self, urls: &OperatorUrls, _: &ProviderMetadata) -> Vec<String> {
        let is_old = urls.authorization().as_str() != AUTHORIZATION[0];
        is_old.then(|| OLD_ENDPOINT.to_owned()).into_iter().collect()
    }
}

fn is_at(urls: &OperatorUrls) -> bool {
    AUTHORIZATION.contains(&urls.authorization().as_str()) && urls.token().as_str() == TOKEN
}
