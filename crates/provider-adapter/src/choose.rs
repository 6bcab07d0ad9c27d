use std::sync::Arc;

use labgate_domain::ports::IdentityProvider;
use labgate_domain::world::Clock;

use crate::exchange::{Exchange, Network};
use crate::github::{self, GitHubProvider};
use crate::provider::OpenIdProvider;
use crate::settings::{ProviderSettings, SettingsError};

/// Makes the provider that the settings are for, without asking anybody: [`GitHubProvider`] where the URLs are GitHub's, and
/// [`OpenIdProvider`] for all others.
///
/// # Errors
/// See [`SettingsError`].
pub fn provider(
    settings: ProviderSettings,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn IdentityProvider>, SettingsError> {
    let settings = settings.checked()?;
    let network = Arc::new(Network::new(&settings)?);
    provider_over(settings, clock, network)
}

/// Makes the provider over another HTTP client: one that counts or records, or a provider in the same process.
///
/// # Errors
/// See [`SettingsError`].
pub fn provider_over(
    settings: ProviderSettings,
    clock: Arc<dyn Clock>,
    exchange: Arc<dyn Exchange>,
) -> Result<Arc<dyn IdentityProvider>, SettingsError> {
    let settings = settings.checked()?;
    if github::is_at(&settings.location) {
        Ok(Arc::new(GitHubProvider::over(settings, clock, exchange)?))
    } else {
        Ok(Arc::new(OpenIdProvider::over(settings, clock, exchange)?))
    }
}

#[cfg(test)]
mod tests {
    use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
    use labgate_domain::protocol::{ClientId, Hint};
    use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
    use labgate_domain::time::Timestamp;

    use super::*;
    use crate::derivation::ProviderKind;
    use crate::{Location, PlainHttpOrigins};

    struct Now;

    impl Clock for Now {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_seconds(1_800_000_000)
        }
    }

    fn made(
        tenant: &str,
        rule: Option<Criterion>,
        email_trust: EmailTrust,
        kind: Option<ProviderKind>,
    ) -> Result<(), SettingsError> {
        let url = |last: &str| format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{last}");
        let plain = PlainHttpOrigins::default();
        let location = Location::endpoints(&url("authorize"), &url("token"), None, &plain).unwrap();
        let rules =
            rule.map(|criterion| Rule::new(criterion, ["example.org"]).unwrap()).into_iter().collect();
        let description = ProviderDescription {
            id: ProviderId::parse("entra").unwrap(),
            name: "Entra".to_owned(),
            email_trust,
            admission: Arc::new(AdmissionRules::new(rules, None)),
            recheck: None,
        };
        let client_id = ClientId::parse("lab").unwrap();
        let settings = ProviderSettings::new(description, location, client_id, "s".to_owned().into());
        provider(ProviderSettings { kind, ..settings }, Arc::new(Now)).map(drop)
    }

    #[test]
    fn c105_where_every_tenant_could_sign_in_the_tenants_are_named() {
        const HOME: &str = "11111111-2222-3333-4444-555555555555";
        let claim = EmailTrust::Claim;
        for any in ["common", "organizations", "COMMON"] {
            assert_eq!(made(any, None, claim, None), Err(SettingsError::TenantsNeeded), "{any}");
            // Another rule is no list of tenants: an address can be anybody's there.
            let other = made(any, Some(Criterion::EmailDomain), claim, None);
            assert_eq!(other, Err(SettingsError::TenantsNeeded));
            assert_eq!(made(any, Some(Criterion::Tenant), claim, None), Ok(()));
            let trusting = made(any, Some(Criterion::Tenant), EmailTrust::Provider, None);
            assert_eq!(trusting, Err(SettingsError::EmailTrustOfTenants));
        }
        assert_eq!(made(HOME, None, claim, None), Ok(()));
        assert_eq!(made(HOME, None, EmailTrust::Provider, Some(ProviderKind::Entra)), Ok(()));
    }

    /// What is sent besides, with these rules and this hint; no provider is asked.
    fn extra(
        (authorization, token): (&str, &str),
        kind: Option<ProviderKind>,
        domains: &[&str],
        hint: Option<&str>,
    ) -> Result<Vec<(String, String)>, SettingsError> {
        let location = Location::endpoints(authorization, token, None, &PlainHttpOrigins::default()).unwrap();
        let rule = Rule::new(Criterion::HostedDomain, domains.iter().copied());
        let description = ProviderDescription {
            id: ProviderId::parse("p").unwrap(),
            name: "P".to_owned(),
            email_trust: EmailTrust::Claim,
            admission: Arc::new(AdmissionRules::new(rule.into_iter().collect(), None)),
            recheck: None,
        };
        let client_id = ClientId::parse("lab").unwrap();
        let mut settings = ProviderSettings::new(description, location, client_id, "s".to_owned().into());
        settings.kind = kind;
        settings.domain_hint = hint.map(|hint| Hint::parse(hint).unwrap());
        Ok(settings.checked()?.extra_parameters())
    }

    fn pair(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn a_fixed_hint_has_the_name_that_the_provider_gives_it() {
        const ELSEWHERE: (&str, &str) = ("https://op.example/authorize", "https://op.example/token");
        for (kind, parameter) in [
            (ProviderKind::Keycloak, "kc_idp_hint"),
            (ProviderKind::Dex, "connector_id"),
            (ProviderKind::Auth0, "connection"),
            (ProviderKind::Okta, "idp"),
        ] {
            assert_eq!(extra(ELSEWHERE, Some(kind), &[], Some("x&y")), Ok(pair(parameter, "x&y")));
            assert_eq!(extra(ELSEWHERE, Some(kind), &["example.org"], None), Ok(vec![]));
        }
        let entra = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0";
        let entra = (&*format!("{entra}/authorize"), &*format!("{entra}/token"));
        assert_eq!(
            extra(entra, None, &[], Some("contoso.example")),
            Ok(pair("domain_hint", "contoso.example"))
        );
        let pool = "https://lab.auth.eu-west-1.amazoncognito.com/oauth2";
        let cognito = (&*format!("{pool}/authorize"), &*format!("{pool}/token"));
        assert_eq!(extra(cognito, None, &[], Some("Google")), Ok(pair("identity_provider", "Google")));
        for kind in [None, Some(ProviderKind::Generic), Some(ProviderKind::GitLab)] {
            assert_eq!(extra(ELSEWHERE, kind, &[], Some("x")), Err(SettingsError::DomainHint));
            assert_eq!(extra(ELSEWHERE, kind, &["example.org"], None), Ok(vec![]));
        }
        let github =
            ("https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token");
        assert_eq!(extra(github, None, &[], Some("x")), Err(SettingsError::DomainHint));
    }

    #[test]
    fn google_is_told_the_one_domain_whose_people_come_in() {
        const GOOGLE: (&str, &str) =
            ("https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token");
        assert_eq!(extra(GOOGLE, None, &[], None), Ok(vec![]));
        assert_eq!(extra(GOOGLE, None, &["example.org"], None), Ok(pair("hd", "example.org")));
        assert_eq!(extra(GOOGLE, None, &["example.org", "example.com"], None), Ok(vec![]));
        // What the operator says goes before what can be told.
        assert_eq!(extra(GOOGLE, None, &["example.org"], Some("example.com")), Ok(pair("hd", "example.com")));
    }

    #[test]
    fn a_kind_that_contradicts_the_urls_is_refused() {
        let wrong = made("contoso.example", None, EmailTrust::Claim, Some(ProviderKind::Dex));
        let Err(SettingsError::Kind { stated, found }) = wrong else { panic!("{wrong:?}") };
        assert_eq!((stated, found), (ProviderKind::Dex, ProviderKind::Entra));
        for kind in ["entra", "dex", "github", "generic"] {
            assert_eq!(ProviderKind::parse(kind).unwrap().as_str(), kind);
        }
        assert!(ProviderKind::parse("Entra").is_err() && ProviderKind::parse("").is_err());
    }
}
