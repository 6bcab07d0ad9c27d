use labgate_domain::admission::Rule;
use labgate_domain::provider::EmailTrust;
use labgate_provider::Userinfo;

use super::super::tests::{PROVIDER, SECRET, problem, problems, read, temporary_file};
use super::*;

fn provider(file: &str, environment: &[(&str, &str)]) -> ProviderSettings {
    read(file, environment).providers.remove(0)
}

/// The four settings without this one.
fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    PROVIDER.into_iter().filter(|(known, _)| *known != name).collect()
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&PROVIDER[..], more].concat()
}

#[test]
fn the_four_settings_are_enough() {
    use secrecy::ExposeSecret as _;
    let provider = provider("", &PROVIDER);
    assert_eq!(provider.client_id().as_str(), "lab");
    assert_eq!(provider.client_secret().unwrap().expose_secret(), SECRET);
    assert_eq!(provider.scopes().to_parameter(), "openid email profile");
    assert_eq!(provider.userinfo(), Userinfo::WhenEmailIsMissing);
    assert_eq!(provider.description().id.as_str(), "external");
    assert_eq!(provider.description().name, "your organisation");
    assert_eq!(provider.description().email_trust, EmailTrust::Claim);
}

#[test]
fn everything_can_be_said_of_a_provider() {
    let file = r#"
        [external_oidc]
        issuer = "http://dex:5556/dex"
        client_id = "lab"
        client_secret = "12345"
        id = "dex-1"
        name = "Dex"
        scopes = "email groups"
        email_trust = "provider"
        userinfo = "always"
        domain_hint = "github"
        plain_http_origin = "http://dex:5556"
    "#;
    let provider = provider(file, &[]);
    assert_eq!(provider.scopes().to_parameter(), "openid email groups");
    assert_eq!(provider.userinfo(), Userinfo::Always);
    assert_eq!(provider.domain_hint().unwrap().as_str(), "github");
    assert_eq!(provider.description().id.as_str(), "dex-1");
    assert_eq!(provider.description().email_trust, EmailTrust::Provider);
}

#[test]
fn a_half_set_provider_names_what_is_missing() {
    for (missing, _) in PROVIDER {
        let told = problem("", &without(missing));
        assert!(told.contains("(not set): is needed") && told.contains(&format!("set {missing}")), "{told}");
    }
    for (set, value) in [PROVIDER[2], ("LAB_EXTERNAL_OIDC_NAME", "Dex"), ("LABGATE_EXTERNAL_OIDC__ID", "dex")]
    {
        let problems = problems("", &[(set, value)]).to_string();
        for (missing, _) in without(set) {
            assert!(problems.contains(&format!("set {missing}")), "{set}: {problems}");
        }
    }
}

#[test]
fn an_issuer_stands_in_for_both_urls() {
    let issuer = ("LAB_EXTERNAL_OIDC_ISSUER", "https://op.example");
    provider("", &[issuer, PROVIDER[2], PROVIDER[3]]);
    provider("", &with(&[issuer]));
    let told = problem("", &[issuer, PROVIDER[0], PROVIDER[2], PROVIDER[3]]);
    assert!(told.contains("set LAB_EXTERNAL_OIDC_TOKEN_URL") && !told.contains("or LAB_"), "{told}");
    let told = problem("", &[issuer, PROVIDER[2]]);
    assert!(told.contains("set LAB_EXTERNAL_OIDC_CLIENT_SECRET"), "{told}");
}

#[test]
fn a_secret_may_stand_in_a_file() {
    use secrecy::ExposeSecret as _;
    let variable = "LAB_EXTERNAL_OIDC_CLIENT_SECRET_FILE";
    for (content, secret) in [("a b\n", "a b"), ("a\r\n", "a"), ("a", "a"), ("\u{feff}a\r\n", "a")] {
        let (_folder, path) = temporary_file(content, 0o444);
        let environment = [PROVIDER[0], PROVIDER[1], PROVIDER[2], (variable, &path)];
        assert_eq!(provider("", &environment).client_secret().unwrap().expose_secret(), secret);
    }
    for (content, expected) in [
        ("", "the content is empty"),
        ("\n", "the content is empty"),
        (" a", "the content begins or ends with a blank"),
        ("a\n\n", "the content begins or ends with a blank"),
        ("a\nb", "the content has a control character"),
        ("a\u{feff}b", "the content has an invisible byte order mark"),
        ("\u{feff}", "the content is empty"),
        (&"a".repeat(64 * 1024 + 1), "larger than 64 KiB"),
    ] {
        let (_folder, path) = temporary_file(content, 0o400);
        let told = problem("", &[PROVIDER[0], PROVIDER[1], PROVIDER[2], (variable, &path)]);
        assert!(told.contains(variable) && told.contains(expected), "{told}");
    }
    let told = problem("", &with(&[(variable, "/nowhere")]));
    assert!(
        told.contains("client_secret") && told.contains(variable) && told.contains("set one of them"),
        "{told}"
    );
}

#[test]
fn a_bad_value_names_its_key() {
    for (variable, value, expected) in [
        ("LAB_EXTERNAL_OIDC_ISSUER", "https://op.example?x", "external_oidc.issuer"),
        ("LAB_EXTERNAL_OIDC_ISSUER", "op.example", "external_oidc.issuer"),
        ("LABGATE_EXTERNAL_OIDC__ID", "Dex", "\"Dex\" is not 1 to 32 of a-z, 0-9 and -"),
        (
            "LAB_EXTERNAL_OIDC_NAME",
            "a name that is longer than what a button on a small telephone can show",
            "external_oidc.name",
        ),
        ("LAB_EXTERNAL_OIDC_SCOPES", "email \"x\"", "external_oidc.scopes"),
        ("LAB_EXTERNAL_OIDC_EMAIL_TRUST", "yes", "\"yes\" is neither claim nor provider"),
        ("LAB_EXTERNAL_OIDC_USERINFO", "never", "\"never\" is neither when_email_is_missing nor always"),
        ("LAB_EXTERNAL_OIDC_PLAIN_HTTP_ORIGIN", "http://dex:5556/dex", "external_oidc.plain_http_origin"),
    ] {
        let told = problem("", &with(&[(variable, value)]));
        assert!(
            told.contains(&format!("environment variable {variable}")) && told.contains(expected),
            "{told}"
        );
    }
}

#[test]
fn both_urls_are_judged_at_once() {
    let environment = [
        ("LAB_EXTERNAL_OIDC_AUTH_URL", "http://op.example/auth"),
        ("LAB_EXTERNAL_OIDC_TOKEN_URL", "op.example/token"),
        PROVIDER[2],
        PROVIDER[3],
    ];
    let problems = problems("", &environment);
    let keys: Vec<_> = problems.iter().map(|problem| &*problem.key).collect();
    assert_eq!(keys, ["external_oidc.auth_url", "external_oidc.token_url"], "{problems}");
    assert!(problems.to_string().contains("LAB_EXTERNAL_OIDC_PLAIN_HTTP_ORIGIN"), "{problems}");
    let allowed =
        [&environment[..], &[("LAB_EXTERNAL_OIDC_PLAIN_HTTP_ORIGIN", "http://op.example")]].concat();
    assert!(problem("", &allowed).starts_with("external_oidc.token_url"));
}

#[test]
fn f16_distinguished_names_stand_in_a_list_and_not_between_commas() {
    let variable = "LAB_EXTERNAL_OIDC_ALLOW_GROUPS";
    let dn = "cn=lab,ou=groups,dc=example,dc=org";
    for unclear in
        [dn.to_owned(), format!("lab,{dn}"), format!("[{dn}]"), "[\"a\", 1]".to_owned(), "[]".to_owned()]
    {
        let told = problem("", &with(&[(variable, &unclear)]));
        assert!(told.contains(variable), "{unclear}: {told}");
    }
    let told = problem("", &with(&[(variable, dn)]));
    assert!(told.contains("[\"cn=lab,ou=groups,dc=example,dc=org\"]"), "{told}");
    let split = "[external_oidc]\nallow_groups = [\"cn=lab\", \"ou=groups\", \"dc=example\", \"dc=org\"]";
    assert!(problem(split, &PROVIDER).contains("parts of one distinguished name"));
    let split = split.replace("allow_groups", "admin_groups");
    assert!(problem(&split, &PROVIDER).contains("external_oidc.admin_groups"));

    let list = format!("[\"{dn}\", \"lab\"]");
    let configuration = read("", &with(&[(variable, &list)]));
    let rules = configuration.providers[0].description().admission.rules();
    assert_eq!(rules, [Rule::new(Criterion::Group, [dn, "lab"]).unwrap()]);
    let shown: Vec<_> =
        configuration.in_force().lines().filter(|line| line.contains("allow_groups")).collect();
    let source = "(environment variable LAB_EXTERNAL_OIDC_ALLOW_GROUPS)";
    let lines = [dn, "lab"].map(|group| format!("external_oidc.allow_groups = {group} {source}"));
    assert_eq!(shown, lines);
    // One text with an equals sign has nothing to split.
    read("", &with(&[(variable, "team=lab")]));
    read("", &with(&[(variable, "lab, staff")]));
}

#[test]
fn f19_further_parameters_are_a_table_in_the_file_and_a_query_in_the_environment() {
    let variable = "LAB_EXTERNAL_OIDC_AUTHORIZATION_PARAMETERS";
    let file = "[external_oidc.authorization_parameters]\nprompt = \"login\"\nmax_age = 60";
    for configuration in [read(file, &PROVIDER), read("", &with(&[(variable, "max_age=60&prompt=login")]))] {
        let shown = configuration.in_force();
        for line in ["external_oidc.authorization_parameters = max_age=60 (", "_parameters = prompt=login ("]
        {
            assert!(shown.contains(line), "{shown}");
        }
    }
    for bad in ["state=x", "prompt", "a=1&a=2"] {
        assert!(problem("", &with(&[(variable, bad)])).contains(variable), "{bad}");
    }
    let told = problem("[external_oidc]\nauthorization_parameters = [1]", &PROVIDER);
    assert!(told.contains("must be a table of texts"), "{told}");
}

const TWO: &str = r#"
    [[provider]]
    id = "dex"
    name = "Dex"
    issuer = "https://dex.example.org/dex"
    client_id = "lab"
    client_secret = "secret-of-dex"
    allow_groups = ["cn=lab,ou=groups", "lab"]
    admin_groups = ["lab-admins"]

    [[provider]]
    id = "github"
    name = "GitHub"
    auth_url = "https://github.com/login/oauth/authorize"
    token_url = "https://github.com/login/oauth/access_token"
    client_id = "lab"
    client_secret = "secret-of-github"
    allow_organizations = ["example-lab"]
"#;

#[test]
fn several_providers_stand_beside_the_one_of_the_variables() {
    let configuration = read(TWO, &PROVIDER);
    let ids: Vec<_> =
        configuration.providers.iter().map(|provider| provider.description().id.as_str()).collect();
    assert_eq!(ids, ["external", "dex", "github"]);
    let dex = &configuration.providers[1].description().admission;
    assert_eq!(dex.administrators(), Some(&["lab-admins".to_owned()][..]));
    assert_eq!(dex.rules(), [Rule::new(Criterion::Group, ["cn=lab,ou=groups", "lab"]).unwrap()]);
    assert!(configuration.providers[0].description().admission.rules().is_empty());
    let in_force = configuration.in_force();
    for line in [
        "provider 1.id = dex (file lab.toml)",
        "provider 1.client_secret = set (file lab.toml)",
        "provider 2.allow_organizations = example-lab (file lab.toml)",
        "provider 2.email_trust = claim (default)",
    ] {
        assert!(in_force.lines().any(|it| it == line), "{line}: {in_force}");
    }
}

#[test]
fn what_is_wrong_with_a_section_is_told_by_its_number() {
    for (from, to, expected) in [
        ("id = \"dex\"\n", "", "provider 1.id (not set): is needed"),
        ("name = \"GitHub\"\n", "", "provider 2.name (not set): is needed"),
        ("id = \"github\"", "id = \"dex\"", "provider 2.id (file lab.toml): is \"dex\" for two providers"),
        ("client_secret = \"secret-of-dex\"\n", "", "are set: set client_secret"),
        ("allow_groups = [\"cn=lab,ou=groups\", \"lab\"]", "allow_groups = []", "is empty"),
        ("allow_groups = [\"cn=lab,ou=groups\", \"lab\"]", "allow_groups = [\" \"]", "has a blank value"),
        (
            "allow_organizations",
            "allow_organisations",
            "there is no such key; did you mean allow_organizations?",
        ),
        (
            "allow_organizations = [\"example-lab\"]",
            "fetch_groups = true",
            "provider 2.fetch_groups (file lab.toml): ",
        ),
        ("issuer = \"https://dex.example.org/dex\"", "listen = \"0.0.0.0:1\"", "there is no such key"),
    ] {
        let file = TWO.replace(from, to);
        assert_ne!(file, TWO, "{from}");
        let problems = problems(&file, &[]).to_string();
        assert!(problems.contains(expected), "{expected}: {problems}");
        assert!(!problems.contains("secret-of"), "{problems}");
    }
    assert!(problems("provider = \"dex\"", &[]).to_string().contains("write [[provider]]"));
    assert!(problems("provider = [\"dex\"]", &[]).to_string().contains("write [[provider]]"));
}

#[test]
fn a_rule_that_is_set_and_means_nothing_stops_the_start() {
    for (variable, value) in [
        ("LAB_EXTERNAL_OIDC_ALLOW_GROUPS", ""),
        ("LAB_EXTERNAL_OIDC_ALLOW_GROUPS", " , "),
        ("LAB_EXTERNAL_OIDC_ALLOW_GROUPS", "lab,,"),
        ("LAB_EXTERNAL_OIDC_ALLOW_EMAIL_DOMAINS", "*.example.org"),
        ("LAB_EXTERNAL_OIDC_ADMIN_GROUPS", ","),
    ] {
        let environment: Vec<_> = PROVIDER.into_iter().chain([(variable, value)]).collect();
        let problems = problems("", &environment);
        assert_eq!(problems.iter().count(), 1, "{variable}={value}: {problems}");
    }
    let domains = [("LAB_EXTERNAL_OIDC_ALLOW_EMAIL_DOMAINS", "example.org, example.com")];
    let environment: Vec<_> = PROVIDER.into_iter().chain(domains).collect();
    let provider = provider("", &environment);
    let admission = &provider.description().admission;
    assert_eq!(
        admission.rules(),
        [Rule::new(Criterion::EmailDomain, ["example.org", "example.com"]).unwrap()]
    );
}
