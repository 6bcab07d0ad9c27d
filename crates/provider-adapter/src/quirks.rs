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
    /// Those of a provider, which is known by the operator's URLs or, where only its issuer is configured, by that.
    pub(crate) fn of(kind: ProviderKind, issuer: &Issuer) -> Self {
        match kind {
            ProviderKind::Entra | ProviderKind::EntraV1 => Self::ENTRA,
            _ if is_entra(issuer) => Self::ENTRA,
            _ => Self::NONE,
        }
    }

    const NONE: Self = Self { backdating: Duration::ZERO, prefers_post: false };

    /// Entra backdates its tokens by five minutes, for clients whose clocks are late; and it has changed its mind about
    /// whether the secret in a Basic header is form-urlencoded.
    const ENTRA: Self = Self { backdating: Duration::from_mins(5), prefers_post: true };

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

/// Whether this is an issuer of Microsoft Entra ID or of its External ID.
fn is_entra(issuer: &Issuer) -> bool {
    const HOSTS: [&str; 5] = [
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "sts.windows.net",
        "sts.chinacloudapi.cn",
    ];
    let host = issuer.as_str().strip_prefix("https://").and_then(|rest| rest.split('/').next());
    host.is_some_and(|host| HOSTS.contains(&host) || host.ends_with(".ciamlogin.com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "11111111-2222-3333-4444-555555555555";

    fn method(kind: ProviderKind, accepted: &[&str]) -> Option<AuthType> {
        let accepted: Vec<_> = accepted.iter().map(|&method| method.to_owned()).collect();
        Quirks::of(kind, &Issuer::parse("https://op.example").unwrap()).client_authentication(&accepted)
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
        assert!(matches!(method(ProviderKind::EntraV1, &[]), Some(AuthType::BasicAuth)));
    }

    #[test]
    fn entra_is_known_by_its_issuers_too() {
        for (issuer, quirks) in [
            (format!("https://login.microsoftonline.com/{GUID}/v2.0"), Quirks::ENTRA),
            (format!("https://sts.windows.net/{GUID}/"), Quirks::ENTRA),
            (format!("https://{GUID}.ciamlogin.com/{GUID}/v2.0"), Quirks::ENTRA),
            ("https://login.microsoftonline.com.evil.example/v2.0".to_owned(), Quirks::NONE),
            ("https://evilciamlogin.com/".to_owned(), Quirks::NONE),
            ("http://login.microsoftonline.com/x".to_owned(), Quirks::NONE),
        ] {
            let issuer = Issuer::parse(&issuer).unwrap();
            assert_eq!(Quirks::of(ProviderKind::Generic, &issuer), quirks, "{issuer}");
        }
    }
}
