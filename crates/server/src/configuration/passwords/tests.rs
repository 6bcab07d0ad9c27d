use super::super::tests::{PROVIDER, SECRET, problem, problems, read, temporary_file};

const NAME: (&str, &str) = ("LABGATE_ADMIN__USERNAME", "Root");
const PASSWORD: (&str, &str) = ("LABGATE_ADMIN__PASSWORD", SECRET);

#[test]
fn passwords_can_be_switched_off_when_a_provider_is_set_up() {
    let off = ("LABGATE_PASSWORDS__ENABLED", "false");
    assert!(!read("", &[&PROVIDER[..], &[off]].concat()).policy.passwords);
    let told = problem("", &[off]);
    assert!(told.contains("no user could sign in") && told.contains(PROVIDER[0].0), "{told}");
    // Missing settings of a provider are told, and no more.
    for problem in problems("", &[off, PROVIDER[0]]).iter() {
        assert!(problem.key.starts_with("external_oidc."), "{problem}");
    }
}

#[test]
fn c169_the_length_of_passwords_can_be_chosen_within_limits() {
    let length = read("passwords = { min_length = 15, max_length = \"64\" }", &[]).policy.password_length;
    assert_eq!((length.min(), length.max()), (15, 64));
    for (file, expected) in [
        ("min_length = 7", "passwords.min_length (file lab.toml): \"7\" is not a number between 8 and 256"),
        ("max_length = 63", "\"63\" is not a number between 64 and 256"),
        ("max_length = -1", "\"-1\" is not a number between 64 and 256"),
        ("max_length = 257", "\"257\" is not a number between 64 and 256"),
        ("min_length = 12.5", "must be a whole number"),
        ("min_length = true", "must be a whole number"),
        ("min_length = 129", "129 is more than passwords.max_length, which is 128"),
    ] {
        let told = problem(&format!("[passwords]\n{file}"), &[]);
        assert!(told.contains(expected), "{told}\n  should have had\n{expected}");
    }
}

#[test]
fn the_first_administrator_has_a_name_and_a_password() {
    assert!(read("", &[]).first_administrator.is_none());
    let first = read("", &[NAME, PASSWORD]).first_administrator.unwrap();
    assert_eq!((first.username.as_str(), first.password.expose()), ("root", SECRET));
    let (_folder, file) = temporary_file(&format!("{SECRET}\n"), 0o444);
    let first = read("", &[NAME, ("LABGATE_ADMIN__PASSWORD_FILE", &file)]).first_administrator.unwrap();
    assert_eq!(first.password.expose(), SECRET);
}

#[test]
fn a_first_administrator_set_up_in_part_or_carelessly_is_a_problem() {
    let off = [&PROVIDER[..], &[("LABGATE_PASSWORDS__ENABLED", "false"), NAME, PASSWORD]].concat();
    for (environment, expected) in [
        (&[NAME][..], "admin.password (not set): is needed, because admin.username is set"),
        (&[PASSWORD], "admin.username (not set): is needed, because admin.password is set"),
        (&[("LABGATE_ADMIN__USERNAME", "a b"), PASSWORD], "\"a b\" is not up to 64 letters"),
        (&[("LABGATE_ADMIN__USERNAME", "ada@example.com"), PASSWORD], "is not up to 64 letters"),
        (&[NAME, ("LABGATE_ADMIN__PASSWORD", "elevenchars")], "does not have 12 to 128 characters"),
        (&off, "is of no use, because passwords.enabled is false"),
    ] {
        let told = problem("", environment);
        assert!(told.contains(expected) && !told.contains(SECRET), "{told}\n  should have had\n{expected}");
    }
}

#[test]
fn c190_the_password_of_the_first_administrator_is_never_shown() {
    let configuration = read("", &[NAME, PASSWORD]);
    let shown = format!("{configuration:?} {}", configuration.in_force());
    assert!(shown.contains("admin.password = set (") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn c181_proxies_are_trusted_when_they_are_named() {
    assert!(read("", &[]).trusted_proxies.is_empty());
    assert!(read("trusted_proxies = []", &[]).trusted_proxies.is_empty());
    let expected: Vec<labgate_http::ProxyNetwork> =
        vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    let in_file = read("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]", &[]);
    assert_eq!(in_file.trusted_proxies, expected);
    let in_environment = read("", &[("LABGATE_TRUSTED_PROXIES", "10.0.0.0/8, ::1")]);
    assert_eq!(in_environment.trusted_proxies, expected);
    let shown = in_file.in_force();
    for proxy in ["10.0.0.0/8", "::1"] {
        assert!(shown.contains(&format!("trusted_proxies = {proxy} (file lab.toml)")), "{shown}");
    }

    for (value, expected) in [
        ("\"10.0.0.1,proxy\"", "has \"proxy\", which is neither an IP address nor a network"),
        ("[\"10.0.0.1\", \"\"]", "has \"\", which is neither"),
        ("[1]", "must be a list of texts in quotes"),
        ("true", "must be a list of texts in quotes"),
    ] {
        let told = problem(&format!("trusted_proxies = {value}"), &[]);
        assert!(told.contains(expected), "{told}\n  should have had\n{expected}");
    }
}
