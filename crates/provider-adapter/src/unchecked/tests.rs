use super::*;

fn settings(authorization: &str, token: &str) -> UncheckedSettings {
    UncheckedSettings::default()
        .with(Field::Id, ["p"])
        .with(Field::Name, ["P"])
        .with(Field::AuthUrl, [authorization])
        .with(Field::TokenUrl, [token])
        .with(Field::ClientId, ["lab"])
        .with(Field::ClientSecret, ["s"])
}

fn entra(tenant: &str) -> UncheckedSettings {
    let url = |last: &str| format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{last}");
    settings(&url("authorize"), &url("token"))
}

fn made(settings: UncheckedSettings) -> Result<(), SettingsError> {
    settings.parse().map(drop).map_err(|mut errors| errors.remove(0))
}

#[test]
fn c105_where_every_tenant_could_sign_in_the_tenants_are_named() {
    const HOME: &str = "11111111-2222-3333-4444-555555555555";
    let trusting = |settings: UncheckedSettings| settings.with(Field::EmailTrust, ["provider"]);
    for any in ["common", "organizations", "COMMON"] {
        assert_eq!(made(entra(any)), Err(SettingsError::TenantsNeeded), "{any}");
        // Another rule is no list of tenants: an address can be anybody's there.
        let other = entra(any).with(Field::Allow(Criterion::EmailDomain), ["example.org"]);
        assert_eq!(made(other), Err(SettingsError::TenantsNeeded));
        let named = entra(any).with(Field::Allow(Criterion::Tenant), ["example.org"]);
        assert_eq!(made(named.clone()), Ok(()));
        assert_eq!(made(trusting(named)), Err(SettingsError::EmailTrustOfTenants));
    }
    assert_eq!(made(entra(HOME)), Ok(()));
    assert_eq!(made(trusting(entra(HOME)).with(Field::Kind, ["entra"])), Ok(()));
}

/// The additional parameters with these rules and this hint; no provider is asked.
fn extra(
    (authorization, token): (&str, &str),
    kind: Option<&str>,
    domains: &[&str],
    hint: Option<&str>,
) -> Result<Vec<(String, String)>, SettingsError> {
    let mut settings = settings(authorization, token);
    for (field, value) in [(Field::Kind, kind), (Field::DomainHint, hint)] {
        if let Some(value) = value {
            settings.set(field, [value]);
        }
    }
    if !domains.is_empty() {
        settings.set(Field::Allow(Criterion::HostedDomain), domains.iter().copied());
    }
    settings.parse().map(|settings| settings.extra_parameters()).map_err(|mut errors| errors.remove(0))
}

fn pair(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[test]
fn a_fixed_hint_has_the_name_that_the_provider_gives_it() {
    const ELSEWHERE: (&str, &str) = ("https://op.example/authorize", "https://op.example/token");
    for (kind, parameter) in
        [("keycloak", "kc_idp_hint"), ("dex", "connector_id"), ("auth0", "connection"), ("okta", "idp")]
    {
        assert_eq!(extra(ELSEWHERE, Some(kind), &[], Some("x&y")), Ok(pair(parameter, "x&y")));
        assert_eq!(extra(ELSEWHERE, Some(kind), &["example.org"], None), Ok(vec![]));
    }
    let entra = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0";
    let entra = (&*format!("{entra}/authorize"), &*format!("{entra}/token"));
    assert_eq!(extra(entra, None, &[], Some("contoso.example")), Ok(pair("domain_hint", "contoso.example")));
    let pool = "https://lab.auth.eu-west-1.amazoncognito.com/oauth2";
    let cognito = (&*format!("{pool}/authorize"), &*format!("{pool}/token"));
    assert_eq!(extra(cognito, None, &[], Some("Google")), Ok(pair("identity_provider", "Google")));
    for kind in [None, Some("generic"), Some("gitlab")] {
        assert_eq!(extra(ELSEWHERE, kind, &[], Some("x")), Err(SettingsError::DomainHint));
        assert_eq!(extra(ELSEWHERE, kind, &["example.org"], None), Ok(vec![]));
    }
    let github = ("https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token");
    assert_eq!(extra(github, None, &[], Some("x")), Err(SettingsError::DomainHint));
}

#[test]
fn google_is_told_the_one_domain_whose_people_come_in() {
    const GOOGLE: (&str, &str) =
        ("https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token");
    assert_eq!(extra(GOOGLE, None, &[], None), Ok(vec![]));
    assert_eq!(extra(GOOGLE, None, &["example.org"], None), Ok(pair("hd", "example.org")));
    assert_eq!(extra(GOOGLE, None, &["example.org", "example.com"], None), Ok(vec![]));
    // The operator's hint goes before the rule's.
    assert_eq!(extra(GOOGLE, None, &["example.org"], Some("example.com")), Ok(pair("hd", "example.com")));
}

#[test]
fn a_kind_that_contradicts_the_urls_is_refused() {
    let wrong = made(entra("contoso.example").with(Field::Kind, ["dex"]));
    assert_eq!(wrong, Err(SettingsError::Kind { stated: "dex", found: "entra" }));
}

#[test]
fn every_error_of_a_single_field_names_it() {
    let fields = |settings: UncheckedSettings| -> Vec<Field> {
        settings.parse().unwrap_err().iter().map(SettingsError::field).collect()
    };
    let nothing =
        [Field::Id, Field::Name, Field::AuthUrl, Field::TokenUrl, Field::ClientId, Field::ClientSecret];
    assert_eq!(fields(UncheckedSettings::default()), nothing);
    let fine = settings("https://op.example/a", "https://op.example/t");
    for (field, value) in [
        (Field::Id, "Dex"),
        (Field::AuthUrl, "op.example"),
        (Field::TokenUrl, "http://op.example/t"),
        (Field::Issuer, "https://op.example?x"),
        (Field::PlainHttpOrigin, "http://dex:5556/dex"),
        (Field::Kind, "Entra"),
        (Field::Scopes, "email \"x\""),
        (Field::EmailTrust, "yes"),
        (Field::Userinfo, "never"),
        (Field::DomainHint, ""),
        (Field::FetchGroups, "perhaps"),
        (Field::Recheck, "1m"),
        (Field::AdminGroups, " "),
        (Field::Allow(Criterion::Group), " "),
    ] {
        assert_eq!(fields(fine.clone().with(field, [value])), [field], "{value}");
        let mut unreadable = fine.clone();
        unreadable.set_unreadable(field);
        assert_eq!(fields(unreadable), [], "the caller has told it: {field:?}");
    }
}
