//! What is particular about a provider, as data: nothing here is a switch that an operator has to find.

use std::time::Duration;

use labgate_domain::protocol::Issuer;
use openidconnect::AuthType;

use crate::derivation::ProviderKind;

/// What a kind of provider does differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// How much earlier than the truth it writes `iat` and `nbf`.
    pub(crate) backdating: Duration,
    /// It takes the client secret from the body more reliably than from a header.
    pub(crate) prefers_post: bool,
}

impl Quirks {
    /// Those of a provider.
    pub(crate) fn of(kind: ProviderKind) -> Self {
        match kind {
            // Entra backdates its tokens by five minutes, for clients whose clocks are late; and it has changed its
            // mind about whether the secret in a Basic header is form-urlencoded.
            ProviderKind::Entra | ProviderKind::EntraV1 => {
                Self { backdating: Duration::from_secs(5 * 60), prefers_post: true }
            }
            _ => Self { backdating: Duration::ZERO, prefers_post: false },
        }
    }

    /// How to prove who we are, given what the provider says it accepts (Discovery section 3): nothing said means Basic.
    pub(crate) fn client_authentication(self, accepted: &[String]) -> Option<AuthType> {
        let accepts = |method: &str| accepted.iter().any(|it| it == method);
        let basic = accepted.is_empty() || accepts("client_secret_basic");
        let post = accepts("client_secret_post");
        match (basic, post) {
            (true, true) if self.prefers_post => Some(AuthType::RequestBody),
            (true, _) => Some(AuthType::BasicAuth),
            (false, true) => Some(AuthType::RequestBody),
            (false, false) => None,
        }
    }
}

/// The kind of a provider of which only the issuer is configured.
pub(crate) fn kind_of(issuer: &Issuer) -> ProviderKind {
    let host = issuer.as_str().strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or("");
    match host {
        "login.microsoftonline.com" | "login.microsoftonline.us" | "login.partner.microsoftonline.cn" => {
            ProviderKind::Entra
        }
        "sts.windows.net" | "sts.chinacloudapi.cn" => ProviderKind::EntraV1,
        host if host.ends_with(".ciamlogin.com") => ProviderKind::Entra,
        "accounts.google.com" => ProviderKind::Google,
        _ => ProviderKind::Generic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(kind: ProviderKind, accepted: &[&str]) -> Option<AuthType> {
        let accepted: Vec<_> = accepted.iter().map(|&method| method.to_owned()).collect();
        Quirks::of(kind).client_authentication(&accepted)
    }

    #[test]
    fn c010_the_secret_goes_where_the_provider_takes_it() {
        let (basic, post) = ("client_secret_basic", "client_secret_post");
        let generic = ProviderKind::Generic;
        assert!(matches!(method(generic, &[]), Some(AuthType::BasicAuth)));
        assert!(matches!(method(generic, &[post, basic]), Some(AuthType::BasicAuth)));
        assert!(matches!(method(generic, &["private_key_jwt", post]), Some(AuthType::RequestBody)));
        assert!(method(generic, &["private_key_jwt"]).is_none());
        assert!(matches!(method(ProviderKind::Entra, &[post, basic]), Some(AuthType::RequestBody)));
    }

    #[test]
    fn entra_is_known_by_its_issuers() {
        for (issuer, kind) in [
            (
                "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
                ProviderKind::Entra,
            ),
            ("https://sts.windows.net/11111111-2222-3333-4444-555555555555/", ProviderKind::EntraV1),
            ("https://login.microsoftonline.com.evil.example/v2.0", ProviderKind::Generic),
            ("http://login.microsoftonline.com/x", ProviderKind::Generic),
        ] {
            assert_eq!(kind_of(&Issuer::parse(issuer).unwrap()), kind, "{issuer}");
        }
    }
}
