//! Several providers: what a link can say beforehand.

use labgate_test_harness::Lab;
use url::Url;

use super::{json, last_visit, request, with_carol};

fn two() -> Lab {
    with_carol().with_second_provider().build()
}

/// What the link brings, as the provider gets it.
async fn sent(lab: &Lab, link: &str) -> Vec<(String, String)> {
    let path = format!("/api/auth/oidc/login?{link}");
    let response = lab.request(request("GET", &path, &[])).await;
    let location = response.headers().get("location").unwrap_or_else(|| panic!("{link}: {response:?}"));
    Url::parse(location.to_str().unwrap()).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_link_can_say_who_will_sign_in() {
    let lab = two();
    let mut browser = lab.browser();
    browser.open("/api/auth/oidc/login?provider=second&login_hint=ada%40example.test&login_hint=bob").await;
    let authorization_url = last_visit(&browser, "/second/authorize");
    let hints: Vec<_> = authorization_url.query_pairs().filter(|(name, _)| name == "login_hint").collect();
    assert_eq!(hints, [("login_hint".into(), "ada@example.test".into())]);
    assert!(sent(&lab, "login_hint=").await.iter().all(|(name, _)| name != "login_hint"));
    // This provider has no parameter for it.
    assert!(sent(&lab, "domain_hint=x").await.iter().all(|(_, value)| value != "x"));
    let long = "x".repeat(257);
    for bad in ["a%0D%0ALocation:x", "a%00", "%E2%80%AEada", &long] {
        for name in ["login_hint", "domain_hint"] {
            let path = format!("/api/auth/oidc/login?{name}={bad}");
            let response = lab.request(request("GET", &path, &[])).await;
            assert_eq!(
                (response.status().as_u16(), json(&response)["code"].as_str()),
                (400, Some("bad_request"))
            );
            assert!(!response.headers().contains_key("set-cookie"));
        }
    }
}

#[tokio::test]
async fn c014_c016_a_link_overrides_nothing_of_the_request() {
    const OWN: [&str; 8] = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ];
    let lab = Lab::new();
    let names = |sent: &[(String, String)]| sent.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let plain = names(&sent(&lab, "").await);
    assert_eq!(plain, OWN);
    for name in OWN.into_iter().chain([
        "request",
        "request_uri",
        "response_mode",
        "prompt",
        "acr_values",
        "hd",
        "iss",
    ]) {
        let straight = sent(&lab, &format!("{name}=forged")).await;
        assert_eq!(names(&straight), plain, "{name}");
        assert!(straight.iter().all(|(_, value)| value != "forged"), "{name}");
        // Out of a hint, whose value is encoded once and stays one.
        let hint = format!("a&{name}=forged#{name}=forged");
        let encoded: String = url::form_urlencoded::byte_serialize(hint.as_bytes()).collect();
        let inside = sent(&lab, &format!("login_hint={encoded}")).await;
        let (last, rest) = inside.split_last().unwrap();
        assert_eq!(last, &("login_hint".to_owned(), hint), "{name}");
        assert_eq!(names(rest), plain, "{name}");
        assert!(rest.iter().all(|(_, value)| value != "forged"), "{name}");
    }
}
