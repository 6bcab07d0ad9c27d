use super::*;

fn parse(value: &str) -> Result<Endpoint, EndpointError> {
    Endpoint::parse(value, &PlainHttpOrigins::default())
}

fn endpoint(value: &str) -> Endpoint {
    parse(value).unwrap()
}

#[test]
fn equality_is_after_normalisation() {
    assert_eq!(endpoint("HTTPS://OP.Example:443/Auth?P=1").as_str(), "https://op.example/Auth?P=1");
    assert_eq!(endpoint("https://op.example"), endpoint("https://op.example/"));
    assert_eq!(endpoint("http://127.0.0.1:80/x"), endpoint("http://127.0.0.1/x"));
    for (one, other) in [
        ("https://op.example/auth", "https://op.example/Auth"),
        ("https://op.example/auth", "https://op.example/auth/"),
        ("https://op.example/auth", "https://op.example/auth?p=1"),
        ("https://op.example/auth", "https://op.example:8443/auth"),
        ("https://op.example/a//b", "https://op.example/a/b"),
    ] {
        assert_ne!(endpoint(one), endpoint(other));
    }
}

#[test]
fn each_strict_rule_refuses_by_name() {
    use EndpointError::{
        Backslash, DotSegments, EncodedDot, Fragment, Invalid, NotAbsolute, PlainHttp, TooLong, UserInfo,
        WhiteSpace,
    };
    for (value, rule) in [
        ("", NotAbsolute),
        ("op.example/auth", NotAbsolute),
        ("//op.example/auth", NotAbsolute),
        ("https:op.example/auth", NotAbsolute),
        ("https:///op.example/auth", NotAbsolute),
        ("https://?x", NotAbsolute),
        ("ftp://op.example/auth", NotAbsolute),
        ("javascript://op.example/auth", NotAbsolute),
        (" https://op.example/auth", WhiteSpace),
        ("https://op.example/au\tth", WhiteSpace),
        ("https://op.example/auth\n", WhiteSpace),
        ("https://op.example/\u{0}", WhiteSpace),
        ("https://op.example/\u{85}", WhiteSpace),
        ("https://op.example\\@evil.example/", Backslash),
        ("https://op.example/a\\..\\b", Backslash),
        ("https://u:p@op.example/auth", UserInfo),
        ("https://@op.example/auth", UserInfo),
        ("https://:@op.example/auth", UserInfo),
        ("https://op.example/auth#x", Fragment),
        ("https://op.example#", Fragment),
        ("https://op.example/a/../auth", DotSegments),
        ("https://op.example/./auth", DotSegments),
        ("https://op.example/..", DotSegments),
        ("https://op.example/..?x", DotSegments),
        ("https://op.example/a/%2e%2e/auth", EncodedDot),
        ("https://op.example/a/.%2E/auth", EncodedDot),
        ("https://op%2eexample/auth", EncodedDot),
        ("https://op.example:99999/auth", Invalid),
        ("https://[::1/auth", Invalid),
        ("https://1.2.3.4.5/auth", Invalid),
        ("http://op.example/auth", PlainHttp),
        ("http://localhost.op.example/auth", PlainHttp),
        ("http://127.0.0.1.op.example/auth", PlainHttp),
        ("http://10.0.0.1/auth", PlainHttp),
        ("http://0.0.0.0/auth", PlainHttp),
        ("http://[::ffff:127.0.0.1]/auth", PlainHttp),
    ] {
        assert_eq!(parse(value).unwrap_err(), rule, "{value:?}");
    }
    assert_eq!(parse(&format!("https://op.example/{}", "x".repeat(2048))).unwrap_err(), TooLong);
}

#[test]
fn what_looks_odd_but_is_harmless_is_taken() {
    for value in [
        "https://op.example/a..b/.well-known/...",
        "https://op.example/auth?next=/../%2e%2e/",
        "https://op.example/%41uth",
        "https://[2606:4700::1]/auth",
        "http://localhost:8080/auth",
        "http://dex.localhost/auth",
        "http://[::1]:5556/dex/auth",
        "http://127.9.9.9/auth",
        "https://10.0.0.1/auth",
        "https://sso.internal/auth",
    ] {
        assert!(parse(value).is_ok(), "{value}");
    }
}

#[test]
fn c190_an_error_never_repeats_credentials() {
    for value in [
        "https://ada:hunter2@op.example/auth",
        "https://ada:hunter2@",
        "http://ada:hunter2@op.example/a/../b",
        "https://ada:hun#ter2@op.example/",
        "https://ada:hunter2/x@op.example/",
        "https://op.example\\ada:hunter2@x/",
    ] {
        let error = parse(value).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hun") && !text.contains("ada"), "{text}");
    }
}

#[test]
fn c004_plain_http_is_for_exactly_the_origins_that_the_setting_names() {
    let origins = PlainHttpOrigins::parse(" http://DEX:5556/, http://sso.internal:80 ").unwrap();
    for allowed in ["http://dex:5556/dex/auth", "http://sso.internal/auth", "http://sso.internal:80/auth"] {
        assert!(Endpoint::parse(allowed, &origins).is_ok(), "{allowed}");
    }
    for other in ["http://dex/auth", "http://dex:5557/auth", "http://dex.example:5556/", "http://x.dex:5556/"]
    {
        assert_eq!(Endpoint::parse(other, &origins), Err(EndpointError::PlainHttp), "{other}");
    }
}

#[test]
fn the_plain_http_setting_takes_origins_only() {
    assert_eq!(PlainHttpOrigins::parse(" ").unwrap(), PlainHttpOrigins::default());
    for bad in ["https://dex:5556", "http://dex:5556/dex", "http://dex:5556?x", "http://*"] {
        assert_eq!(PlainHttpOrigins::parse(bad), Err(EndpointError::NotAnOrigin), "{bad}");
    }
    for bad in ["dex:5556", "*", "http://u@dex", "true", "http://dex:5556,dex"] {
        assert!(PlainHttpOrigins::parse(bad).is_err(), "{bad}");
    }
}

fn published(value: &str) -> Result<Endpoint, EndpointError> {
    let operator = OperatorHosts::of([&endpoint("https://op.example/auth")], &PlainHttpOrigins::default());
    Endpoint::parse_published(value, &operator)
}

#[test]
fn c004_a_document_cannot_point_at_an_inner_host() {
    for inner in [
        "https://localhost/keys",
        "http://localhost:8080/keys",
        "https://LOCALHOST./keys",
        "https://x.localhost/keys",
        "https://localhost.localdomain/keys",
        "http://127.0.0.1/keys",
        "https://127.1/keys",
        "https://2130706433/keys",
        "https://0x7f000001/keys",
        "https://0177.0.0.1/keys",
        "https://①②⑦.0.0.1/keys",
        "https://0.0.0.0/keys",
        "https://0/keys",
        "https://10.1.2.3/keys",
        "https://172.16.0.1/keys",
        "https://172.31.255.255/keys",
        "https://192.168.0.1/keys",
        "https://169.254.169.254/latest/meta-data",
        "https://2852039166/latest/meta-data",
        "https://100.64.0.1/keys",
        "https://100.127.255.255/keys",
        "https://100.100.100.200/keys",
        "https://192.0.0.192/keys",
        "https://198.18.0.1/keys",
        "https://224.0.0.1/keys",
        "https://255.255.255.255/keys",
        "https://[::1]/keys",
        "https://[::]/keys",
        "https://[::ffff:127.0.0.1]/keys",
        "https://[::ffff:a9fe:a9fe]/keys",
        "https://[::127.0.0.1]/keys",
        "https://[64:ff9b::10.0.0.1]/keys",
        "https://[64:ff9b:1::1]/keys",
        "https://[2002:7f00:1::]/keys",
        "https://[fc00::1]/keys",
        "https://[fd00:ec2::254]/keys",
        "https://[fe80::1]/keys",
        "https://[febf::1]/keys",
        "https://[fec0::1]/keys",
        "https://[ff02::1]/keys",
    ] {
        assert!(matches!(published(inner), Err(EndpointError::InnerHost(_))), "{inner}");
    }
}

#[test]
fn c004_a_document_may_point_at_public_hosts() {
    for public in [
        "https://www.googleapis.com/oauth2/v3/certs",
        "https://9.255.255.255/keys",
        "https://100.63.255.255/keys",
        "https://100.128.0.0/keys",
        "https://172.32.0.1/keys",
        "https://[2606:4700::1]/keys",
        "https://[::ffff:8.8.8.8]/keys",
        "https://localhost.example/keys",
    ] {
        assert!(published(public).is_ok(), "{public}");
    }
    assert_eq!(published("http://op.example/keys"), Err(EndpointError::PlainHttp));
    assert_eq!(published("https://u@op.example/keys"), Err(EndpointError::UserInfo));
    assert_eq!(published("https://op.example/keys#x"), Err(EndpointError::Fragment));
}

#[test]
fn c004_an_inner_host_that_the_operator_typed_is_fine() {
    let dex = PlainHttpOrigins::parse("http://10.9.9.9:5556").unwrap();
    let typed = [endpoint("https://10.0.0.1/auth"), endpoint("http://[::1]:5556/token")];
    let operator = OperatorHosts::of(&typed, &dex);
    for named in ["https://10.0.0.1:8443/keys", "http://[::1]/keys", "http://10.9.9.9:5556/keys"] {
        assert!(Endpoint::parse_published(named, &operator).is_ok(), "{named}");
    }
    for other in ["https://10.0.0.2/keys", "http://127.0.0.1/keys", "https://10.9.9.9/keys"] {
        assert!(
            matches!(Endpoint::parse_published(other, &operator), Err(EndpointError::InnerHost(_))),
            "{other}"
        );
    }
    assert_eq!(
        Endpoint::parse_published("http://10.0.0.1/keys", &operator),
        Err(EndpointError::PlainHttp),
        "naming a host does not allow plain http on it"
    );
}

#[test]
fn c002_a_child_is_appended_after_exactly_one_slash() {
    for (base, child) in [
        ("https://op.example", "https://op.example/.well-known/x"),
        ("https://op.example/", "https://op.example/.well-known/x"),
        ("https://op.example/a", "https://op.example/a/.well-known/x"),
        ("https://op.example/a/", "https://op.example/a/.well-known/x"),
        ("https://op.example/a?q", "https://op.example/a/.well-known/x"),
    ] {
        assert_eq!(endpoint(base).child(".well-known/x").as_str(), child);
    }
}
