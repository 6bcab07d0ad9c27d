use labgate_domain::protocol::{EndSessionForm, HintParameters, Issuer};

use super::hosts;
use crate::derivation::OperatorUrls;
use crate::kind::{Kind, NeedsIssuer, Preset};
use crate::quirks::{Evidence, GroupList, Offline, PersonClaims, Quirks};

/// Amazon Cognito.
///
/// It publishes its own logout page as `end_session_endpoint`. That page wants `logout_uri`, and shows an
/// error to a browser that comes with `post_logout_redirect_uri`. Its access tokens are signed by the same
/// keys, and each token says which of the two it is. At userinfo, `email_verified` is a text.
pub static COGNITO: Kind = Kind {
    name: "cognito",
    by_urls: |urls| Ok(region(urls).map(|_| Box::new(NeedsIssuer) as Box<dyn Preset>)),
    by_issuer: is_user_pool,
    issuer_hint: |urls| {
        let region = region(urls)?;
        Some(format!(
            "For Cognito it is https://cognito-idp.{region}.amazonaws.com/POOLID; the user pool's id is on its Overview page"
        ))
    },
    hints: HintParameters { domain: Some("identity_provider"), ..HintParameters::OPENID },
    quirks: Quirks {
        logout: EndSessionForm {
            id_token: None,
            needs_id_token: false,
            return_to: "logout_uri",
            state: None,
        },
        offline: Offline::Always,
        id_token_mark: Some(("token_use", "id")),
        claims: PersonClaims {
            evidence: &[Evidence::EmailVerified, Evidence::EmailVerifiedInWords],
            groups: &[GroupList::Named("cognito:groups")],
            ..PersonClaims::STANDARD
        },
        ..Quirks::NONE
    },
    meanings: include_str!("cognito.tsv"),
    ..Kind::OPENID
};

/// The region in `PREFIX.auth.REGION.amazoncognito.com`, a user pool's prefix domain, which is not its
/// issuer.
fn region(urls: &OperatorUrls) -> Option<&str> {
    if !urls.share_an_origin() {
        return None;
    }
    match urls.authorization().url().host_str()?.split('.').collect::<Vec<_>>().as_slice() {
        [_, "auth" | "auth-fips", region, "amazoncognito", "com"] => Some(region),
        _ => None,
    }
}

/// Returns whether the issuer is a user pool, whatever domain its pages have.
fn is_user_pool(issuer: &Issuer) -> bool {
    hosts::is_below(issuer, &[".amazonaws.com", ".amazonaws.com.cn"])
        && hosts::https_host(issuer).is_some_and(|host| {
            ["cognito-idp.", "cognito-idp-fips."].iter().any(|prefix| host.starts_with(prefix))
        })
}
