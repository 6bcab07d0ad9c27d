//! Attacks from outside: CSRF, session fixation, open redirect, replay and others.

use labgate_test_harness::TestLab;

use super::{ADA, cookie_names, last_visit, session_cookie};

#[tokio::test]
async fn c024_a_victim_cannot_be_signed_in_as_the_attacker() {
    let lab = TestLab::new();
    let mut attacker = lab.browser();
    attacker.open("/api/auth/oidc/login").await;
    let callback = lab.idp().sign_in(&last_visit(&attacker, "/authorize"), "ada").unwrap();

    let mut victim = lab.browser();
    victim.open_from("https://evil.test/", &callback).await;
    assert_eq!(victim.page().status(), 400);
    assert!(cookie_names(&victim).is_empty());
    assert!(lab.idp().requests().iter().all(|request| request.path() != "/token"), "the code was sent");
}

#[tokio::test]
async fn c024_not_even_with_an_attempt_of_the_victims_own_under_way() {
    let lab = TestLab::new();
    let mut attacker = lab.browser();
    attacker.open("/api/auth/oidc/login").await;
    let callback = lab.idp().sign_in(&last_visit(&attacker, "/authorize"), "ada").unwrap();

    let mut victim = lab.browser();
    victim.open("/api/auth/oidc/login").await;
    victim.open_from("https://evil.test/", &callback).await;
    assert!(victim.page().text().contains("(attempt_unknown)"), "{}", victim.page());
}

#[tokio::test]
async fn c025_a_stolen_code_in_the_attackers_own_attempt_is_refused() {
    let lab = TestLab::new();
    let mut victim = lab.browser();
    victim.open("/api/auth/oidc/login").await;
    let stolen = lab.idp().sign_in(&last_visit(&victim, "/authorize"), "ada").unwrap();
    let stolen = url::Url::parse(&stolen).unwrap();
    let code = stolen.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();

    let mut attacker = lab.browser();
    attacker.open("/api/auth/oidc/login").await;
    let authorization_url = last_visit(&attacker, "/authorize");
    let state = authorization_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    attacker
        .open(&format!(
            "https://lab.test/api/auth/oidc/callback?code={code}&state={state}&iss=https://idp.test"
        ))
        .await;
    assert!(attacker.page().status().is_client_error(), "{}", attacker.page());
    assert!(!cookie_names(&attacker).contains(&"__Host-labgate".to_owned()));
    assert_eq!(lab.store().session_count(), 0);
}

#[tokio::test]
async fn c026_of_two_simultaneous_callbacks_one_wins_and_the_code_is_sent_once() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/api/auth/oidc/login").await;
    let callback = lab.idp().sign_in(&last_visit(&browser, "/authorize"), "ada").unwrap();
    let callback = url::Url::parse(&callback).unwrap();
    let path = format!("{}?{}", callback.path(), callback.query().unwrap());
    let cookies = browser.cookies("https://lab.test/");
    let cookie = format!("{}={}", cookies[0].name, cookies[0].value);
    let send = || lab.request(super::request("GET", &path, &[("cookie", &cookie), ("accept", "text/html")]));
    let (one, other) = tokio::join!(send(), send());
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400]);
    let token_requests = lab.idp().requests().iter().filter(|request| request.path() == "/token").count();
    assert_eq!(token_requests, 1);
    assert_eq!(lab.store().session_count(), 1);
}

#[tokio::test]
async fn c020_a_foreign_page_that_navigates_here_gains_nothing() {
    let lab = TestLab::new();
    let mut victim = lab.browser();
    victim.open_from("https://evil.test/", "https://lab.test/api/auth/oidc/login").await;
    assert_eq!(victim.page().url().host_str(), Some("idp.test"), "the person is at the provider");
    assert!(!cookie_names(&victim).contains(&"__Host-labgate".to_owned()));
}

#[tokio::test]
async fn c017_a_forged_host_changes_neither_redirect_uri_nor_cookie() {
    let lab = TestLab::new();
    for forged in ["host", "x-forwarded-host", "forwarded", "x-original-host"] {
        let response =
            lab.request(super::request("GET", "/api/auth/oidc/login", &[(forged, "evil.test")])).await;
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        assert!(
            location.contains("redirect_uri=https%3A%2F%2Flab.test%2Fapi%2Fauth%2Foidc%2Fcallback"),
            "{location}"
        );
        assert!(!location.contains("evil"), "{location}");
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
    }
}

#[tokio::test]
async fn c140_a_planted_cookie_never_becomes_a_session() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let one = session_cookie(&browser);
    lab.sign_in(&mut browser, "Sign in as Ada Example").await;
    let other = session_cookie(&browser);
    assert_ne!(one, other, "a new sign-in has a new session");
    let old = lab.request(super::request("GET", "/api/auth/verify", &[("cookie", &one)])).await;
    assert_eq!(old.status(), 401, "the session before it has ended");

    let garbage = "__Host-labgate=planted";
    let planted = lab.request(super::request("GET", "/api/auth/verify", &[("cookie", garbage)])).await;
    assert_eq!(planted.status(), 401);
}

#[tokio::test]
async fn c157_another_site_cannot_sign_a_person_out() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    browser.post_from("https://evil.test/", "https://lab.test/api/auth/logout", &[]).await;
    assert!(browser.page().text().contains("(csrf_failed)"), "{}", browser.page());
    let check = lab.request(super::request("GET", "/api/auth/verify", &[("cookie", &cookie)])).await;
    assert_eq!(check.status(), 200);
    // Nor with the cookie, as an old browser might send it.
    let forged = [("cookie", cookie.as_str()), ("origin", "https://evil.test")];
    assert_eq!(lab.request(super::request("POST", "/api/auth/logout", &forged)).await.status(), 403);
    let unknown = [("cookie", cookie.as_str())];
    assert_eq!(lab.request(super::request("POST", "/api/auth/logout", &unknown)).await.status(), 403);
    assert_eq!(
        lab.request(super::request("GET", "/api/auth/logout", &[("cookie", &cookie)])).await.status(),
        405
    );
}

#[tokio::test]
async fn c129_c123_return_targets_of_attackers_end_on_the_main_page() {
    let lab = TestLab::new();
    let corpus = include_str!("../../crates/domain/corpora/open_redirects.txt");
    for attack in corpus.lines().filter(|line| !line.starts_with("##")).step_by(11) {
        let mut browser = lab.browser();
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", attack).finish();
        browser.open(&format!("/api/auth/oidc/login?{query}")).await;
        let callback = lab.idp().sign_in(&last_visit(&browser, "/authorize"), "ada").unwrap();
        browser.open_from("https://idp.test/", &callback).await;
        assert_eq!(browser.page().url().as_str(), "https://lab.test/", "{attack:?}");
    }
}

#[tokio::test]
async fn c018_the_attempt_is_sealed_and_bound_to_its_cookie() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/api/auth/oidc/login?return_to=/notebooks").await;
    let cookie = browser.cookies("https://lab.test/").remove(0);
    assert!(cookie.http_only && cookie.secure);
    let query = last_visit(&browser, "/authorize");
    for (name, value) in query.query_pairs().filter(|(name, _)| matches!(&**name, "state" | "nonce")) {
        assert!(!cookie.value.contains(&*value) && !cookie.name.contains(&*value), "{name} can be read");
    }
    // One changed character anywhere, and the seal does not open: nothing in it can be swapped.
    let callback = lab.idp().sign_in(&query, "ada").unwrap();
    let callback = url::Url::parse(&callback).unwrap();
    let path = format!("{}?{}", callback.path(), callback.query().unwrap());
    for position in (0..cookie.value.len()).step_by(37) {
        let mut value = cookie.value.clone().into_bytes();
        value[position] = if value[position] == b'A' { b'B' } else { b'A' };
        let changed = format!("{}={}", cookie.name, String::from_utf8(value).unwrap());
        let response = lab.request(super::request("GET", &path, &[("cookie", &changed)])).await;
        assert_eq!(super::json(&response)["code"], "attempt_unknown", "position {position}");
    }
    assert!(lab.idp().requests().iter().all(|request| request.path() != "/token"), "the code was sent");
}

#[tokio::test]
async fn c131_links_on_pages_lead_nowhere_else_either() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    for attack in
        ["//evil.test", "/\\evil.test", "https://evil.test", "javascript:alert(1)", "/%09/evil.test"]
    {
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", attack).finish();
        browser.open(&format!("/login?{query}")).await;
        assert!(
            !browser.page().html().contains("evil") && !browser.page().html().contains("alert"),
            "{attack}"
        );
        // The link on an error page: the provider's answer is refused, and the person starts again.
        browser.open(&format!("/api/auth/oidc/login?{query}")).await;
        browser.click("Deny").await;
        assert!(browser.page().text().contains("(access_denied)"), "{}", browser.page());
        assert!(
            !browser.page().html().contains("evil") && !browser.page().html().contains("alert"),
            "{attack}"
        );
    }
}

#[tokio::test]
async fn f10_a_made_up_code_costs_one_token_request_for_each_attempt_of_ones_own() {
    let lab = TestLab::new();
    let issuer = lab.idp().issuers()[0].issuer().as_str().to_owned();
    let token_requests = || lab.idp().requests().iter().filter(|request| request.path() == "/token").count();
    let callback = |state: &str, cookie: &str| {
        let path = format!("/api/auth/oidc/callback?code=made-up&state={state}&iss={issuer}");
        lab.request(super::request("GET", &path, &[("cookie", cookie)]))
    };
    for number in 1..=5 {
        let mut browser = lab.browser();
        browser.open("/api/auth/oidc/login").await;
        let sent_to = last_visit(&browser, "/authorize");
        let state = sent_to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let cookies = browser.cookies("https://lab.test/");
        let cookie = format!("{}={}", cookies[0].name, cookies[0].value);
        for (state, cookie) in [(&*state, ""), ("made-up", &*cookie), (&state[1..], &cookie)] {
            assert_eq!(callback(state, cookie).await.status(), 400);
        }
        assert_eq!(
            token_requests(),
            number - 1,
            "without an attempt of this browser the provider is not asked"
        );
        for _ in 0..3 {
            assert_eq!(callback(&state, &cookie).await.status(), 400);
        }
        assert_eq!(token_requests(), number);
    }
}
