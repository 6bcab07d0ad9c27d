use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
use labgate_domain::provider::EmailTrust;
use labgate_mock_idp::User;
use labgate_test_harness::TestLab;

use super::{ADA, cookie_names, json, last_visit, request, session_cookie};

#[tokio::test]
async fn a_person_signs_in_and_is_named_by_their_address_and_holds_one_cookie() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    assert_eq!(browser.page().url().as_str(), "https://lab.test/");
    assert!(browser.page().text().contains("ada@example.test"), "{}", browser.page());
    assert_eq!(cookie_names(&browser), ["__Host-labgate"]);
    assert_eq!((lab.store().account_count(), lab.store().session_count()), (1, 1));
}

#[tokio::test]
async fn the_main_page_leads_to_the_sign_in_page() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/").await;
    browser.click("Sign in").await;
    assert_eq!(browser.page().url().path(), "/login");
}

#[tokio::test]
async fn the_check_endpoint_answers_200_with_the_cookie_and_401_without() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    for method in ["GET", "POST", "HEAD", "OPTIONS", "DELETE"] {
        let with = lab.request(request(method, "/api/auth/verify", &[("cookie", &cookie)])).await;
        assert_eq!(with.status(), 200, "{method}");
        let without = lab.request(request(method, "/api/auth/verify", &[])).await;
        assert_eq!(without.status(), 401, "{method}");
        assert_eq!(without.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn me_says_who_is_asking() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    let me = lab.request(request("GET", "/api/auth/me", &[("cookie", &cookie)])).await;
    let me = json(&me);
    assert_eq!(me["email"], "ada@example.test");
    assert_eq!(me["username"], "ada@example.test");
    assert_eq!(me["name"], "Ada Example");
    assert_eq!(me["role"], "user");
    let nobody = lab.request(request("GET", "/api/auth/me", &[])).await;
    assert_eq!(nobody.status(), 401);
    assert_eq!(json(&nobody)["code"], "not_signed_in");
}

#[tokio::test]
async fn f15_a_token_has_the_groups_that_rules_name_and_me_has_all() {
    let many = (0..300).map(|number| format!("group-{number}")).chain(["root".to_owned(), "lab".to_owned()]);
    let groups = Rule::new(Criterion::Group, ["lab"]).unwrap();
    let lab = TestLab::builder()
        .user(User::new("dora").name("Dora Example").email("dora@example.test").groups(many))
        .admission(AdmissionRules::new(vec![groups], Some(vec!["root".to_owned()])))
        .build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, "Sign in as Dora Example").await;
    let cookie = session_cookie(&browser);
    let token = cookie.split_once('=').unwrap().1;
    let claims = lab.ports().tokens.authenticate(token).unwrap();
    assert!(!claims.groups_complete);
    assert_eq!(claims.groups[..2], ["root", "lab"]);
    let me = json(&lab.request(request("GET", "/api/auth/me", &[("cookie", &cookie)])).await);
    assert_eq!(me["groups"].as_array().unwrap().len(), 302);
    assert_eq!(me["role"], "admin");
}

#[tokio::test]
async fn a_person_lands_where_they_were_going() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/login?return_to=/login-help%3Ftopic%3D1").await;
    browser.click("Continue with Mock provider").await;
    browser.click(ADA).await;
    assert_eq!(last_visit(&browser, "/login-help").as_str(), "https://lab.test/login-help?topic=1");
}

#[tokio::test]
async fn a_second_sign_in_finds_the_same_account() {
    let lab = TestLab::new();
    for _ in 0..2 {
        lab.sign_in(&mut lab.browser(), ADA).await;
    }
    assert_eq!((lab.store().account_count(), lab.store().session_count()), (1, 2));
}

#[tokio::test]
async fn c100_c111_other_people_have_other_accounts() {
    let lab =
        TestLab::builder().user(User::new("ada-2").email("ada+lab@example.test").name("Ada Two")).build();
    lab.sign_in(&mut lab.browser(), ADA).await;
    lab.sign_in(&mut lab.browser(), "Sign in as Ada Two").await;
    assert_eq!(lab.store().account_count(), 2);
}

#[tokio::test]
async fn c028_two_tabs_both_finish_in_either_order() {
    for swap in [false, true] {
        let lab = TestLab::new();
        let mut browser = lab.browser();
        let mut callbacks = Vec::new();
        for target in ["/one", "/two"] {
            browser.open(&format!("https://lab.test/api/auth/oidc/login?return_to={target}")).await;
            let authorization_url = last_visit(&browser, "/authorize");
            callbacks.push((target, lab.idp().sign_in(&authorization_url, "ada").unwrap()));
        }
        if swap {
            callbacks.reverse();
        }
        for (target, callback) in callbacks {
            browser.open_from("https://idp.test/", &callback).await;
            assert_eq!(browser.page().url().path(), target);
        }
        assert_eq!(cookie_names(&browser), ["__Host-labgate"]);
    }
}

#[tokio::test]
async fn enabled_says_whether_external_sign_in_is_on_and_what_is_missing() {
    let on = TestLab::new().request(request("GET", "/api/auth/oidc/enabled", &[])).await;
    let on = json(&on);
    assert_eq!(on["enabled"], true);
    assert_eq!(on["missing_settings"].as_array().unwrap().len(), 0);
    assert_eq!(on["providers"][0]["login_url"], "/api/auth/oidc/login?provider=mock");

    let lab = TestLab::builder().without_provider().build();
    let off = lab.request(request("GET", "/api/auth/oidc/enabled", &[])).await;
    let off = json(&off);
    assert_eq!(off["enabled"], false);
    assert_eq!(off["missing_settings"][0], "LAB_EXTERNAL_OIDC_AUTH_URL");
    let refused = lab.request(request("GET", "/api/auth/oidc/login", &[])).await;
    assert_eq!((refused.status().as_u16(), json(&refused)["code"].as_str()), (404, Some("provider_unknown")));
}

#[tokio::test]
async fn an_operator_can_vouch_for_a_providers_addresses() {
    let lab = TestLab::builder().email_trust(EmailTrust::Provider).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, "Sign in as Bob Example").await;
    assert!(browser.page().text().contains("bob@example.test"), "{}", browser.page());
}

#[tokio::test]
async fn with_plain_http_on_loopback_it_works_without_the_secure_prefix() {
    let lab = TestLab::builder().public_url("http://127.0.0.1:8091").build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    assert!(browser.page().text().contains("ada@example.test"), "{}", browser.page());
    let names: Vec<_> =
        browser.cookies("http://127.0.0.1:8091/").into_iter().map(|cookie| cookie.name).collect();
    assert_eq!(names, ["labgate"]);
}
