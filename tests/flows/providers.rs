//! Several providers: how to choose one, what a browser remembers of it, and what a link can say beforehand.

use std::time::Duration;

use labgate_domain::people::Role;
use labgate_mock_idp::Fault;
use labgate_provider::{Kind, Kinds, NoPreset, Preset};
use labgate_test_harness::{Browser, TestLab};
use url::Url;

use super::{ADA, CAROL, cookie_names, json, last_visit, request, with_carol};

const CHOICE: &str = "__Host-labgate-provider";
const TO_MOCK: &str = "Continue with Mock provider";
const TO_SECOND: &str = "Continue with Second provider";
const WITH_PASSWORD: &str = "Sign in with password";
const LAST_USED: &str = "Last used in this browser";

fn two() -> TestLab {
    with_carol().with_second_provider().build()
}

/// The texts in the order in which the page has them.
fn assert_order(browser: &Browser, texts: &[&str]) {
    let page = browser.page().text();
    let places: Vec<_> =
        texts.iter().map(|text| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"))).collect();
    assert!(places.is_sorted(), "{texts:?}: {page}");
}

async fn sign_in(browser: &mut Browser, button: &str, user: &str) {
    browser.open("https://lab.test/login").await;
    browser.click(button).await;
    browser.click(user).await;
    assert_eq!(browser.page().url().as_str(), "https://lab.test/", "{}", browser.page());
}

async fn sign_out(browser: &mut Browser) {
    browser.open("https://lab.test/").await;
    browser.click("Sign out").await;
}

#[tokio::test]
async fn the_provider_that_was_used_last_comes_first_and_hides_nothing() {
    let lab = two();
    let mut browser = lab.browser();
    browser.open("/login").await;
    assert_order(&browser, &[WITH_PASSWORD, TO_MOCK, TO_SECOND]);
    assert!(!browser.page().text().contains(LAST_USED), "{}", browser.page());

    sign_in(&mut browser, TO_SECOND, ADA).await;
    assert_eq!(cookie_names(&browser), ["__Host-labgate", CHOICE]);
    browser.open("/login").await;
    assert_order(&browser, &["You are signed in", TO_SECOND, LAST_USED, TO_MOCK, WITH_PASSWORD]);
    sign_out(&mut browser).await;
    assert_eq!(cookie_names(&browser), [CHOICE]);
    browser.open("/login").await;
    assert_order(&browser, &[TO_SECOND, LAST_USED, TO_MOCK, WITH_PASSWORD]);

    // Whoever goes elsewhere this time is reminded of that the next time.
    sign_in(&mut browser, TO_MOCK, CAROL).await;
    sign_out(&mut browser).await;
    browser.open("/login").await;
    assert_order(&browser, &[TO_MOCK, LAST_USED, TO_SECOND, WITH_PASSWORD]);
    // Another browser knows nothing of it, and this one forgets it after ninety days.
    let mut other = lab.browser();
    other.open("/login").await;
    assert!(!other.page().text().contains(LAST_USED), "{}", other.page());
    lab.clock().advance(Duration::from_hours(90 * 24));
    browser.open("/login").await;
    assert_order(&browser, &[WITH_PASSWORD, TO_MOCK, TO_SECOND]);
    assert!(!cookie_names(&browser).contains(&CHOICE.to_owned()));
}

#[tokio::test]
async fn an_incomplete_sign_in_is_not_remembered() {
    let lab = two();
    let mut browser = lab.browser();
    browser.open("/login").await;
    browser.click(TO_SECOND).await;
    browser.click("Sign in as Bob Example").await;
    assert_eq!(browser.page().status(), 403, "{}", browser.page());
    assert!(!cookie_names(&browser).contains(&CHOICE.to_owned()));

    let lab = TestLab::new();
    let mut browser = lab.browser();
    sign_in(&mut browser, TO_MOCK, ADA).await;
    assert_eq!(cookie_names(&browser), ["__Host-labgate"]);
}

#[tokio::test]
async fn a_sign_in_with_a_password_ends_the_memory() {
    let lab = two();
    lab.add_account("root", Role::Admin, "tulip anchor velvet").await;
    let mut browser = lab.browser();
    sign_in(&mut browser, TO_SECOND, ADA).await;
    sign_out(&mut browser).await;
    browser.open("/login").await;
    // A wrong one does not, and shows the form where the page begins.
    browser.submit(WITH_PASSWORD, &[("username", "root"), ("password", "not the one")]).await;
    assert_order(&browser, &[WITH_PASSWORD, TO_SECOND, LAST_USED, TO_MOCK]);
    browser.submit(WITH_PASSWORD, &[("username", "root"), ("password", "tulip anchor velvet")]).await;
    assert!(cookie_names(&browser).contains(&CHOICE.to_owned()));
    browser.submit("Change the password", &[("next", "crater marble piano")]).await;
    assert_eq!(cookie_names(&browser), ["__Host-labgate", "__Host-labgate-device"]);
}

#[tokio::test]
async fn an_identity_that_was_linked_is_what_was_used_last() {
    let lab = two();
    let mut browser = lab.browser();
    sign_in(&mut browser, TO_MOCK, ADA).await;
    // The same address at the other provider: the session says that both are one person's.
    browser.open("/login").await;
    browser.click(TO_SECOND).await;
    browser.click(ADA).await;
    assert_eq!(browser.page().url().path(), "/link", "{}", browser.page());
    browser.click("Yes, add Second provider").await;
    sign_out(&mut browser).await;
    browser.open("/login").await;
    assert_order(&browser, &[TO_SECOND, LAST_USED, TO_MOCK]);
}

#[tokio::test]
async fn c137_a_planted_choice_changes_an_order_and_nothing_else() {
    let lab = two();
    let login = async |cookie: &str, path: &str| {
        let response =
            lab.request(request("GET", path, &[("cookie", cookie), ("accept", "text/html")])).await;
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    };
    let (status, plain) = login("", "/login").await;
    for planted in ["x", "", "Second", "<script>alert(1)</script>", "https://evil.test", &"s".repeat(4000)] {
        let (_, page) = login(&format!("{CHOICE}={planted}"), "/login").await;
        assert_eq!(without_token(&page), without_token(&plain), "{planted}");
    }
    let (_, page) = login(&format!("{CHOICE}=second"), "/login").await;
    assert!(page.contains(LAST_USED) && status == 200);
    // It begins no sign-in: neither on the page, nor where a link names no provider.
    assert!(!page.contains("http-equiv"), "{page}");
    let start =
        lab.request(request("GET", "/api/auth/oidc/login", &[("cookie", &format!("{CHOICE}=second"))])).await;
    let location = start.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://idp.test/authorize?"), "{location}");
}

/// A page without what is new in every answer.
fn without_token(page: &str) -> String {
    let token = page.split("name=\"csrf_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    page.replace(token, "")
}

#[tokio::test]
async fn a_link_can_name_the_provider_and_it_is_still_for_the_person_to_go_there() {
    let lab = two();
    let mut browser = lab.browser();
    browser.open("/login?provider=second&return_to=/notebooks").await;
    assert_eq!(browser.page().url().path(), "/login");
    assert_order(&browser, &[TO_SECOND, TO_MOCK, WITH_PASSWORD]);
    assert!(!browser.page().text().contains(LAST_USED), "{}", browser.page());
    browser.click(TO_SECOND).await;
    assert!(browser.page().url().path().starts_with("/second/"), "{}", browser.page());
    browser.click(ADA).await;
    assert_eq!(browser.page().url().path(), "/notebooks");
}

#[tokio::test]
async fn a_link_to_an_unknown_provider_is_an_error_page_that_lists_what_there_is() {
    let lab = two();
    for path in ["/login", "/api/auth/oidc/login"] {
        for unknown in ["third", "Second", "", "%3Cscript%3E"] {
            let mut browser = lab.browser();
            browser.open(&format!("{path}?provider={unknown}&return_to=/notebooks")).await;
            assert_eq!(browser.page().status(), 404, "{path} {unknown}");
            let page = browser.page().text();
            assert!(page.contains("This way of signing in is not set up here."), "{page}");
            assert!(page.contains("(provider_unknown)") && !page.contains("script"), "{page}");
            assert_order(&browser, &[TO_MOCK, TO_SECOND, WITH_PASSWORD]);
            browser.click(TO_SECOND).await;
            browser.click(ADA).await;
            assert_eq!(browser.page().url().path(), "/notebooks");
        }
    }
    let mut browser = lab.browser();
    browser.open("/login?provider=third").await;
    browser.click(WITH_PASSWORD).await;
    assert_eq!(browser.page().url().path(), "/login");
    let program = lab.request(request("GET", "/api/auth/oidc/login?provider=third", &[])).await;
    assert_eq!((program.status().as_u16(), json(&program)["code"].as_str()), (404, Some("provider_unknown")));
}

#[tokio::test]
async fn c003_a_provider_that_is_down_hides_no_other_and_leads_back_to_the_choice() {
    for (fault, status, code) in [
        (Fault::Discovery500, 503, "provider_unavailable"),
        (Fault::DiscoveryIssuerMismatch, 500, "provider_misconfigured"),
    ] {
        let lab = two();
        lab.idp().fault(fault).always();
        let mut browser = lab.browser();
        browser.open("/login?return_to=/notebooks").await;
        assert_order(&browser, &[TO_MOCK, TO_SECOND]);
        browser.click(TO_MOCK).await;
        assert_eq!(browser.page().status(), status, "{}", browser.page());
        assert!(browser.page().text().contains(code), "{}", browser.page());
        browser.click("Other ways to sign in").await;
        assert_order(&browser, &[TO_MOCK, TO_SECOND]);
        browser.click(TO_SECOND).await;
        browser.click(ADA).await;
        assert_eq!(browser.page().url().path(), "/notebooks", "{}", browser.page());
    }
}

#[tokio::test]
async fn c042_a_response_of_another_provider_is_refused_before_its_code_is_sent() {
    for (keeps_iss, code) in [(true, "issuer_mismatch"), (false, "issuer_missing")] {
        let lab = two();
        let mut browser = lab.browser();
        browser.open("/api/auth/oidc/login?provider=mock").await;
        let honest = last_visit(&browser, "/authorize");
        browser.open("https://lab.test/api/auth/oidc/login?provider=second").await;
        let second = lab.idp().issuer_at("/second").unwrap();
        let answer = second.sign_in(&last_visit(&browser, "/second/authorize"), "ada").unwrap();
        // The second provider sends the browser back with the state of the first one's attempt.
        let mut forged = Url::parse(&answer).unwrap();
        let state = honest.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let parameters: Vec<_> = forged.query_pairs().into_owned().collect();
        forged.query_pairs_mut().clear().extend_pairs(
            parameters
                .into_iter()
                .filter(|(name, _)| keeps_iss || name != "iss")
                .map(|(name, value)| if name == "state" { (name, state.clone()) } else { (name, value) }),
        );
        browser.open_from("https://idp.test/", forged.as_str()).await;
        assert!(browser.page().text().contains(code), "{}", browser.page());
        assert_eq!(lab.store().session_count(), 0);
        let requests = lab.idp().requests();
        assert!(requests.iter().all(|request| !request.path().ends_with("/token")), "the code was sent");
    }
}

/// Returns the parameters that the provider gets from the link.
async fn sent(lab: &TestLab, link: &str) -> Vec<(String, String)> {
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
    let lab = TestLab::new();
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

static ACME: Kind = Kind {
    name: "acme",
    by_urls: |urls| {
        let is_acme = urls.authorization().url().host_str() == Some("idp.test");
        Ok(is_acme.then(|| Box::new(NoPreset) as Box<dyn Preset>))
    },
    meanings: "other\taccess_denied\tAcme asks for a licence.\n",
    ..Kind::OPENID
};

static WITH_ACME: Kinds = Kinds::new(&[&ACME]);

#[tokio::test]
async fn a_new_kind_of_provider_is_offered_and_explained_on_the_pages() {
    let lab = TestLab::builder().kinds(WITH_ACME).build();
    let mut browser = lab.browser();
    browser.open("/login").await;
    assert_order(&browser, &["Mock provider"]);
    lab.sign_in(&mut browser, "Deny").await;
    assert_order(&browser, &["Sign-in failed", "Acme asks for a licence.", "(access_denied)"]);

    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, "Deny").await;
    assert!(!browser.page().text().contains("Acme"), "{}", browser.page());
}
