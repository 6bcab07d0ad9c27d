mod deploy;
mod documentation;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use labgate_domain::sign_in::Policy;
use labgate_token::Algorithm;

use super::keys::KEYS;
use super::*;

pub(super) const PROVIDER: [(&str, &str); 4] = [
    ("LAB_EXTERNAL_OIDC_AUTH_URL", "https://op.example/auth"),
    ("LAB_EXTERNAL_OIDC_TOKEN_URL", "https://op.example/token"),
    ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab"),
    ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", SECRET),
];

pub(super) const SECRET: &str = "planted-secret-8f2d";

/// 43 random characters.
pub(super) const HS256_SECRET: &str = "q1m7Xz4Wc9RtB2nVk8LdPf6HsJy3GaUe5ToNiQbMxYv";

fn sources(file: &str, environment: &[(&str, &str)]) -> Sources {
    Sources {
        file: (!file.is_empty()).then(|| File { name: "lab.toml".to_owned(), text: file.to_owned() }),
        environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
    }
}

pub(super) fn read(file: &str, environment: &[(&str, &str)]) -> Configuration {
    Configuration::read(&sources(file, environment)).unwrap_or_else(|problems| panic!("{problems}"))
}

pub(super) fn problems(file: &str, environment: &[(&str, &str)]) -> Problems {
    match Configuration::read(&sources(file, environment)) {
        Ok(configuration) => panic!("no problems with {file} {environment:?}: {configuration:?}"),
        Err(problems) => problems,
    }
}

/// The one problem, as it is told.
pub(super) fn problem(file: &str, environment: &[(&str, &str)]) -> String {
    let problems = problems(file, environment);
    let [problem]: [&Problem; 1] =
        problems.iter().collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{problems}"));
    problem.to_string()
}

pub(super) fn temporary_file(content: &str, mode: u32) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, content).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    let name = path.to_str().unwrap().to_owned();
    (folder, name)
}

#[test]
fn nothing_needs_to_be_set() {
    let configuration = read("", &[]);
    assert_eq!(configuration.listen.to_string(), "127.0.0.1:8091");
    assert_eq!(configuration.data_dir, PathBuf::from("./labgate-data"));
    assert!(configuration.providers.is_empty());
    assert!(matches!(configuration.token_key, TokenKey::InDataDir(Algorithm::Es256)));
    let policy = configuration.policy;
    assert_eq!(policy.public_url.origin(), "http://127.0.0.1:8091");
    let default = Policy::for_lab_at(policy.public_url.clone());
    assert_eq!(policy.passwords, default.passwords);
    assert_eq!(policy.password_length, default.password_length);
    assert_eq!(policy.self_registration, default.self_registration);
    assert_eq!(policy.token_lifetime, default.token_lifetime);
    assert_eq!(policy.session_idle_limit, default.session_idle_limit);
    assert_eq!(policy.session_absolute_limit, default.session_absolute_limit);
}

#[test]
fn the_environment_overrides_the_file_and_the_file_the_defaults() {
    let file = "listen = \"127.0.0.1:1\"\n[session]\nidle_limit = \"2h\"\nabsolute_limit = \"3h\"";
    let configuration = read(file, &[("LABGATE_SESSION__IDLE_LIMIT", "1h"), ("PATH", " "), ("LABEL", "")]);
    assert_eq!(configuration.listen.to_string(), "127.0.0.1:1");
    assert_eq!(configuration.policy.session_idle_limit, Duration::from_hours(1));
    assert_eq!(configuration.policy.session_absolute_limit, Duration::from_hours(3));
    assert_eq!(configuration.policy.token_lifetime, Policy::TOKEN_LIFETIME);
}

#[test]
fn every_key_can_be_set_in_the_file_and_by_each_of_its_variables() {
    for key in KEYS {
        let as_toml = if key.kind == keys::ValueKind::Switch { "true" } else { "\"true\"" };
        let settings = Settings::merge(&sources(&format!("{} = {as_toml}", key.path), &[]));
        assert_eq!(settings.source(key), Source::File("lab.toml".to_owned()), "{}", key.path);
        assert!(settings.problems.is_empty(), "{}", key.path);
        for variable in key.variables() {
            let settings = Settings::merge(&sources("", &[(&variable, "true")]));
            assert_eq!(settings.source(key), Source::Variable(variable.clone()), "{}", key.path);
            assert!(settings.problems.is_empty(), "{variable}");
        }
    }
}

#[test]
fn what_is_wrong_with_the_file_is_named() {
    for (file, expected) in [
        ("lisen = \"x\"", "lisen (file lab.toml): there is no such key; did you mean listen?"),
        (
            "client_id = \"x\"",
            "client_id (file lab.toml): there is no such key; did you mean external_oidc.client_id?",
        ),
        ("ALLOW_SELF_REGISTRATIONS = true", "did you mean allow_self_registrations?"),
        ("\"session.idle_limit\" = \"1h\"", "session.idle_limit (file lab.toml): there is no such key"),
        (
            "[sesion]\nidle_limit = \"1h\"",
            "sesion (file lab.toml): there is no such key; did you mean session?",
        ),
        (
            "[session]\nidle = \"1h\"",
            "session.idle (file lab.toml): there is no such key; did you mean session.idle_limit?",
        ),
        ("session = \"1h\"", "session (file lab.toml): is a section: write [session]"),
        ("[[log]]", "log (file lab.toml): is a section: write [log]"),
        ("[listen]\nport = 1", "listen (file lab.toml): is one value, not a section"),
        ("listen = 8091", "listen (file lab.toml): must be a text in quotes"),
        ("allow_self_registrations = 1", "allow_self_registrations (file lab.toml): must be true or false"),
        ("listen = ", "file lab.toml: TOML parse error at line 1"),
    ] {
        assert_told(&problem(file, &[]), expected);
    }
}

#[test]
fn a_variable_that_does_not_exist_is_named() {
    for (variable, expected) in [
        (
            "LABGATE_LISEN",
            "environment variable LABGATE_LISEN: there is no such variable; did you mean LABGATE_LISTEN?",
        ),
        ("LABGATE_SESSION_IDLE_LIMIT", "did you mean LABGATE_SESSION__IDLE_LIMIT?"),
        ("labgate_listen", "did you mean LABGATE_LISTEN?"),
        ("LAB_EXTERNAL_OIDC_AUTHURL", "did you mean LAB_EXTERNAL_OIDC_AUTH_URL?"),
        ("ALLOW_SELF_REGISTRATION", "did you mean ALLOW_SELF_REGISTRATIONS?"),
        (
            "LABGATE_NOTHING_LIKE_IT",
            "environment variable LABGATE_NOTHING_LIKE_IT: there is no such variable",
        ),
    ] {
        assert_told(&problem("", &[(variable, "x")]), expected);
    }
}

#[test]
fn a_bad_value_is_named_with_key_and_source() {
    for (variable, value, expected) in [
        ("LABGATE_LISTEN", "", "listen (environment variable LABGATE_LISTEN): is empty"),
        ("LABGATE_LISTEN", " \t", "listen (environment variable LABGATE_LISTEN): is empty"),
        ("LABGATE_LISTEN", "127.0.0.1:1 ", "begins or ends with a blank"),
        ("LABGATE_LISTEN", "127.0.0.1\n:1", "has a control character"),
        ("LABGATE_LISTEN", "8091", "\"8091\" is not an IP address with a port"),
        ("LABGATE_LISTEN", "localhost:8091", "is not an IP address with a port"),
        ("LABGATE_LISTEN", "unix:labgate.sock", "is not the absolute path of a Unix socket"),
        ("LABGATE_SOCKET_MODE", "0060", "\"0060\" is no octal number with the owner's rights"),
        (
            "LABGATE_LISTEN",
            "unix:/run/labgate.sock",
            "public_url (not set): is needed because listen is unix:/run/",
        ),
        ("LABGATE_LISTEN", "0.0.0.0:8091", "public_url (not set): is needed because listen is 0.0.0.0:8091"),
        ("LABGATE_LISTEN", "127.0.0.1:0", "public_url (not set): is needed"),
        ("LABGATE_PUBLIC_URL", "https://lab.example/x?y", "must be scheme, host, port and perhaps a path"),
        ("LABGATE_PUBLIC_URL", "https://lab.example/x/../y", "has a path that is not plain"),
        ("ALLOW_SELF_REGISTRATIONS", "no", "\"no\" is neither true nor false"),
        ("LABGATE_SESSION__TOKEN_LIFETIME", "59s", "\"59s\" is not between 1m and 1h"),
        ("LABGATE_SESSION__TOKEN_LIFETIME", "61m", "is not between 1m and 1h"),
        ("LABGATE_SESSION__TOKEN_LIFETIME", "900", "\"900\" is not a span of time"),
        (
            "LABGATE_SESSION__IDLE_LIMIT",
            "29m",
            "is less than twice session.token_lifetime (default: \"15m\")",
        ),
        ("LABGATE_SESSION__IDLE_LIMIT", "8d", "is more than session.absolute_limit (default: \"7d\")"),
        ("LABGATE_SESSION__ABSOLUTE_LIMIT", "366d", "\"366d\" is more than 365d"),
        ("LABGATE_TOKEN__ALGORITHM", "none", "\"none\""),
        ("LABGATE_TOKEN__HS256_SECRET", HS256_SECRET, "is only for token.algorithm = HS256"),
        ("LABGATE_LOG__LEVEL", "loud", "\"loud\" is not a level"),
        ("LABGATE_LOG__FORMAT", "xml", "\"xml\" is neither text nor json"),
    ] {
        let told = problem("", &[(variable, value)]);
        assert_told(&told, expected);
        let key = KEYS.iter().find(|key| key.variables().any(|it| it == variable)).unwrap();
        let named = format!("{} (environment variable {variable}): ", key.path);
        assert!(told.starts_with(&named) || told.starts_with("public_url (not set)"), "{told}");
    }
}

fn assert_told(told: &str, expected: &str) {
    assert!(told.contains(expected), "{told}\n  should have had\n{expected}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = problems(
        "listen = 1\nunknown = 2\n[log]\nformat = \"xml\"",
        &[
            ("LABGATE_UNKNOWN", "x"),
            ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab"),
            ("LABGATE_SESSION__IDLE_LIMIT", ""),
        ],
    );
    let keys: Vec<_> = problems.iter().map(|problem| &*problem.key).collect();
    for key in ["listen", "unknown", "log.format", "external_oidc.client_secret", "session.idle_limit"] {
        assert!(keys.contains(&key), "{key}: {problems}");
    }
    assert!(
        problems.iter().any(|it| it.source == Source::Variable("LABGATE_UNKNOWN".to_owned())),
        "{problems}"
    );
}

#[test]
fn two_variables_for_one_key_are_a_problem() {
    let told =
        problem("", &[("ALLOW_SELF_REGISTRATIONS", "true"), ("LABGATE_ALLOW_SELF_REGISTRATIONS", "true")]);
    assert!(told.contains("LABGATE_ALLOW_SELF_REGISTRATIONS"), "{told}");
    assert!(told.contains("is set already, by environment variable ALLOW_SELF_REGISTRATIONS"), "{told}");
}

#[test]
fn kubernetes_may_tell_about_a_service_named_labgate() {
    read(
        "",
        &[
            ("LABGATE_SERVICE_HOST", "10.0.0.1"),
            ("LABGATE_SERVICE_PORT", "80"),
            ("LABGATE_SERVICE_PORT_HTTP", "80"),
            ("LABGATE_PORT", "tcp://10.0.0.1:80"),
            ("LABGATE_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("LABGATE_PORT_80_TCP_PROTO", "tcp"),
            ("LABGATE_PORT_80_TCP_PORT", "80"),
            ("LABGATE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ],
    );
    assert!(problem("", &[("LABGATE_PORT", "8091")]).contains("there is no such variable"));
}

#[test]
fn f10_an_image_may_state_its_version_and_a_misspelt_setting_stops_the_start() {
    for name in keys::IMAGE_VARIABLES {
        read("", &[(name, "0.4.2")]);
        assert!(KEYS.iter().all(|key| key.variables().all(|variable| variable != name)), "{name}");
    }
    // Docker's links to a container named `labgate`.
    read("", &[("LABGATE_NAME", "/proxy/labgate"), ("LABGATE_ENV_LABGATE_LISTEN", "0.0.0.0:8091")]);
    for name in [
        "LABGATE_LISTN",
        "LABGATE_VERSIONS",
        "LABGATE_NAME",
        "LABGATE_SESSION_IDLE_LIMIT",
        "LABGATE_ALLOW_GROUPS",
        "labgate_version",
    ] {
        assert!(problem("", &[(name, "0.4.2")]).contains("there is no such variable"), "{name}");
    }
}

#[test]
fn c136_a_plain_http_public_url_needs_the_word_of_the_operator() {
    let told = problem("", &[("LABGATE_PUBLIC_URL", "http://lab.example")]);
    assert!(told.contains("network_without_tls"), "{told}");
    let configuration = read("network_without_tls = true", &[("LABGATE_PUBLIC_URL", "http://lab.example")]);
    assert_eq!(configuration.policy.public_url.origin(), "http://lab.example");
    let told = problem("network_without_tls = true\nlisten = \"10.0.0.1:80\"", &[]);
    assert!(told.starts_with("public_url (not set)"), "{told}");
}

#[test]
fn a_public_url_follows_a_loopback_listener() {
    for (listen, url) in [("127.0.0.1:80", "http://127.0.0.1"), ("[::1]:8091", "http://[::1]:8091")] {
        assert_eq!(read("", &[("LABGATE_LISTEN", listen)]).policy.public_url.origin(), url);
    }
}

#[test]
fn a_certificate_and_its_key_are_set_together_and_are_not_read_here() {
    let (certificate, key) =
        (("LABGATE_TLS_CERTIFICATE_FILE", "/no/certificate"), ("LABGATE_TLS_PRIVATE_KEY_FILE", "/no/key"));
    let configuration = read("", &[certificate, key]);
    assert!(configuration.tls.is_some());
    assert_eq!(configuration.policy.public_url.origin(), "https://127.0.0.1:8091");
    for (one, other) in [(certificate, "tls_private_key_file"), (key, "tls_certificate_file")] {
        assert_told(&problem("", &[one]), &format!("{other} (not set): is needed, because tls_"));
    }
    assert!(read("", &[]).tls.is_none());
}

#[test]
fn a_base_path_is_part_of_the_public_url_and_of_the_pages_of_a_provider() {
    let configuration = read("", &[("LABGATE_PUBLIC_URL", "https://lab.example/auth/")]);
    let public_url = &configuration.policy.public_url;
    assert_eq!(public_url.to_string(), "https://lab.example/auth");
    assert_eq!(public_url.redirect_uri().as_str(), "https://lab.example/auth/api/auth/oidc/callback");
    assert_eq!(public_url.signed_out_page().unwrap().as_str(), "https://lab.example/auth/signed-out");
    let other = read("", &[("LABGATE_PUBLIC_URL", "https://lab.example/b")]);
    assert_eq!(configuration.shared.differing(other.shared.fingerprints()), ["public_url"]);
}

#[test]
fn c190_a_secret_is_never_shown() {
    let configuration = read(
        "",
        &[
            &PROVIDER[..],
            &[("LABGATE_TOKEN__ALGORITHM", "HS256"), ("LABGATE_TOKEN__HS256_SECRET", HS256_SECRET)],
        ]
        .concat(),
    );
    let shown = format!("{configuration:?} {configuration:#?} {}", configuration.in_force());
    assert!(!shown.contains(SECRET) && !shown.contains(HS256_SECRET), "{shown}");
    let in_force = configuration.in_force();
    for line in [
        "listen = 127.0.0.1:8091 (default)",
        "public_url = http://127.0.0.1:8091, from listen (not set)",
        "external_oidc.client_id = lab (environment variable LAB_EXTERNAL_OIDC_CLIENT_ID)",
        "external_oidc.client_secret = set (environment variable LAB_EXTERNAL_OIDC_CLIENT_SECRET)",
        "token.signing_key_file = - (not set)",
    ] {
        assert!(in_force.lines().any(|it| it == line), "{line} is not in\n{in_force}");
    }

    for told in [
        problems(&format!("[external_oidc]\nclient_secret = \"{SECRET}"), &[]),
        problems(&format!("[external_oidc]\nclient_secret = \"{SECRET}\" x"), &[]),
        problems(&format!("[external_oidc]\nclient_secret = [\"{SECRET}\"]"), &[]),
        problems("", &[("LAB_EXTERNAL_OIDC_CLIENT_SECRET", &format!(" {SECRET}"))]),
        problems("", &[("LAB_EXTERNAL_OIDC_CLIENT_SECRETS", SECRET)]),
        problems("", &[("LAB_EXTERNAL_OIDC_AUTH_URL", &format!("https://lab:{SECRET}@op.example"))]),
        problems("", &[("LABGATE_PUBLIC_URL", &format!("https://lab:{SECRET}@op.example"))]),
        problems("", &[("LABGATE_TOKEN__HS256_SECRET", SECRET)]),
    ] {
        assert!(!format!("{told} {told:?}").contains(SECRET), "{told}");
    }
}

#[test]
fn c191_what_is_wrong_cannot_forge_a_line() {
    let told = problem("\"a\\nlisten (default): forged\\u001b[31m\" = 1", &[]);
    assert!(!told.contains(char::is_control), "{told:?}");
    let told = problem("", &[("LABGATE_A\nB", "x")]);
    assert!(!told.contains(char::is_control), "{told:?}");
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf_8_is_a_problem() {
    use std::os::unix::ffi::OsStringExt as _;
    let sources = Sources {
        file: None,
        environment: vec![
            ("LABGATE_LISTEN".into(), OsString::from_vec(vec![0xff])),
            (OsString::from_vec(vec![0xff]), OsString::from_vec(vec![0xff])),
        ],
    };
    let told = Configuration::read(&sources).unwrap_err().to_string();
    assert!(told.contains("listen (environment variable LABGATE_LISTEN): is not UTF-8"), "{told}");
}

#[test]
fn f26_the_page_after_a_providers_sign_out_is_the_signed_out_page_or_the_main_page() {
    let page = |settings: &[(&str, &str)]| {
        let url = read("", settings).policy.public_url.signed_out_page().unwrap();
        url.to_string()
    };
    assert_eq!(page(&[]), "http://127.0.0.1:8091/signed-out");
    for (set, expected) in
        [("/", "http://127.0.0.1:8091/"), ("/signed-out", "http://127.0.0.1:8091/signed-out")]
    {
        assert_eq!(page(&[("LABGATE_POST_LOGOUT_REDIRECT", set)]), expected);
    }
    for wrong in ["/bye", "https://evil.example/", "//evil.example", "signed-out", "/signed-out/"] {
        let told = problems("", &[("LABGATE_POST_LOGOUT_REDIRECT", wrong)]).to_string();
        assert!(told.contains("is neither"), "{wrong}: {told}");
    }
}
