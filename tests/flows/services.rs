//! Services behind the reverse proxy of a lab: on paths of its host, and on hosts of their own.

use http::{Method, StatusCode};
use labgate_domain::access::{
    Condition, PathPattern, Rule, RuleMethods, Rules, Service, ServiceId, ServiceUrl, TokenUse,
};
use labgate_http::DropIn;
use labgate_test_harness::{Browser, TestLab, TestLabBuilder};
use serde_json::Value;

use super::ADA;

const DEEP: &str = "https://nb.test/lab/tree/My%20N%C3%BC.ipynb?a=1&b=%3E+x&c=%2F";

pub(super) fn service(id: &str, url: &str, rules: Vec<Rule>) -> Service {
    let service = Service::new(ServiceId::parse(id).unwrap(), id, ServiceUrl::parse(url).unwrap());
    Service { rules: Rules::new(rules), runs_user_code: url.contains("nb.test"), ..service }
}

pub(super) fn rule(path: &str, condition: Condition) -> Rule {
    let tokens = TokenUse::No;
    Rule { path: PathPattern::parse(path).unwrap(), methods: RuleMethods::All, condition, tokens }
}

/// A lab with a service on a path, and two on hosts of their own.
fn lab() -> TestLab {
    with_services().build()
}

pub(super) fn with_services() -> TestLabBuilder {
    let rules = vec![rule("/mlflow/public/*", Condition::Public), rule("/mlflow/closed/*", Condition::Deny)];
    TestLab::builder()
        .service(service("mlflow", "https://lab.test/mlflow", rules))
        .service(service("notebooks", "https://nb.test", Vec::new()))
        .service(service("grafana", "https://grafana.test", Vec::new()))
}

/// Opens a service without a session, and signs in on the way.
async fn enter(browser: &mut Browser, url: &str) {
    browser.open(url).await;
    browser.click("Continue with Mock provider").await;
    browser.click(ADA).await;
    assert_eq!(browser.page().url().as_str(), url, "{:?}", browser.page());
    assert_eq!(browser.page().status(), StatusCode::OK);
}

#[tokio::test]
async fn f28_a_person_signs_in_on_the_way_and_comes_to_the_very_address() {
    for url in [
        "https://lab.test/mlflow/#/experiments".split('#').next().unwrap(),
        "https://lab.test/mlflow/My%20Notebook.ipynb",
        "https://lab.test/mlflow/%C3%A4/b+c?a=1&b=2&provider=x",
        "https://lab.test/mlflow/?x=%3E&y=a+b&return_to=%2F%2Fevil.example",
        "https://nb.test/",
        DEEP,
        "https://nb.test/user/ada/lab?redirects=1&next=https%3A%2F%2Fnb.test%2F",
    ] {
        let lab = lab();
        let mut browser = lab.browser();
        enter(&mut browser, url).await;
        assert!(browser.page().html().contains("remote-user: ada"), "{:?}", browser.page());
    }
}

#[tokio::test]
async fn a_person_with_a_session_enters_every_host_without_a_click() {
    let lab = lab();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    for url in ["https://nb.test/a?b=c", "https://grafana.test/d/1", "https://lab.test/mlflow/"] {
        browser.open(url).await;
        assert_eq!(browser.page().url().as_str(), url);
        let told = browser.page().html().to_owned();
        for line in
            ["remote-user: ada@example.test", "remote-email: ada@example.test", "remote-name: Ada Example"]
        {
            assert!(told.contains(line), "{line}\n{told}");
        }
        assert!(told.contains("x-labgate-assertion: ey"), "{told}");
    }
    // Each host has a cookie of its own, which opens nothing elsewhere.
    let cookie =
        |url: &str| browser.cookies(url).into_iter().find(|it| it.name == "__Host-labgate").unwrap().value;
    let all = [cookie("https://lab.test/"), cookie("https://nb.test/"), cookie("https://grafana.test/")];
    for (host, own) in [("lab.test", 0), ("nb.test", 1), ("grafana.test", 2)] {
        for (number, token) in all.iter().enumerate() {
            let status = check(&lab, host, "/mlflow/", token).await;
            let passes = number == own;
            assert_eq!(status == StatusCode::OK, passes, "{host} with the cookie of {number}");
        }
        let me = http::Request::get("/api/auth/me").header("cookie", format!("__Host-labgate={}", all[own]));
        let me = lab.request(me.body(bytes::Bytes::new()).unwrap()).await;
        assert_eq!(me.status() == StatusCode::OK, own == 0, "{host}");
    }
}

/// Asks as a proxy does whether a request with this token may pass.
pub(super) async fn check(lab: &TestLab, host: &str, uri: &str, token: &str) -> StatusCode {
    let request = http::Request::get("/api/auth/check/caddy")
        .extension(labgate_http::Peer("10.0.0.1".parse().unwrap()))
        .header("x-forwarded-host", host)
        .header("x-forwarded-uri", uri)
        .header("x-forwarded-method", "GET")
        .header("cookie", format!("__Host-labgate={token}"));
    lab.app().handle(request.body(bytes::Bytes::new()).unwrap()).await.status()
}

#[tokio::test]
async fn f29_only_navigations_are_sent_to_sign_in() {
    let lab = lab();
    let mut browser = lab.browser();
    browser.open("https://lab.test/").await;
    for (method, url) in [
        (Method::GET, "https://lab.test/mlflow/api"),
        (Method::PUT, "https://lab.test/mlflow/api"),
        (Method::OPTIONS, "https://lab.test/mlflow/api"),
    ] {
        let answer = browser.fetch(method.clone(), url).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method}");
        assert!(
            answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Labgate sign_in=\"https://")
        );
        let problem: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(problem["code"], "not_signed_in");
        assert_eq!(problem["sign_in"], "https://lab.test/login?return_to=%2Fmlflow%2Fapi");
    }
    browser.open("https://nb.test/a").await;
    let answer = browser.fetch(Method::GET, "https://nb.test/api/kernels?x=1").await;
    let problem: Value = serde_json::from_slice(answer.body()).unwrap();
    assert!(answer.status() == StatusCode::UNAUTHORIZED || problem["sign_in"].is_string());
}

#[tokio::test]
async fn the_rule_decides_and_a_refused_person_is_told() {
    let lab = lab();
    let mut browser = lab.browser();
    browser.open("https://lab.test/mlflow/public/a.png").await;
    assert_eq!(browser.page().status(), StatusCode::OK);
    assert!(!browser.page().html().contains("remote-user"), "nobody is told of");
    lab.sign_in(&mut browser, ADA).await;
    browser.open("https://lab.test/mlflow/closed/x").await;
    assert_eq!(browser.page().status(), StatusCode::FORBIDDEN);
    assert!(browser.page().text().contains("You may not use this service"), "{:?}", browser.page());
    browser.open("https://lab.test/mlflow/public/..%2fclosed/x").await;
    assert_eq!(browser.page().status(), StatusCode::FORBIDDEN);
    assert!(
        lab.log().refusals().contains(&"not_permitted") && lab.log().refusals().contains(&"target_refused")
    );
}

#[tokio::test]
async fn after_sign_out_every_host_is_closed_and_its_cookie_gone() {
    let lab = lab();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    for url in ["https://nb.test/", "https://grafana.test/"] {
        browser.open(url).await;
    }
    let pass =
        browser.cookies("https://nb.test/").into_iter().find(|it| it.name == "__Host-labgate").unwrap().value;
    assert_eq!(check(&lab, "nb.test", "/", &pass).await, StatusCode::OK);
    browser.open("https://lab.test/").await;
    browser.click("Sign out").await;
    // A form's answer may not redirect to another host: the page goes on by itself, and has a link.
    assert!(browser.page().html().contains("content=\"0; url=/leaving\""), "{:?}", browser.page());
    browser.click("Continue").await;
    assert_eq!(check(&lab, "nb.test", "/", &pass).await, StatusCode::UNAUTHORIZED);
    for url in ["https://nb.test/", "https://grafana.test/"] {
        let left: Vec<_> = browser.cookies(url).into_iter().map(|it| it.name).collect();
        assert!(left.is_empty(), "{url}: {left:?}");
    }
    let visited = |url: &str| browser.history().iter().any(|it| it.as_str().starts_with(url));
    assert!(visited("https://nb.test/.labgate/leave") && visited("https://grafana.test/.labgate/leave"));
}

#[tokio::test]
async fn c123_a_hand_over_leads_to_no_other_host() {
    let lab = lab();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let state = "AAAAAAAAAAAAAAAAAAAAAA";
    for to in [
        "https://evil.example/",
        "https://nb.test.evil.example/",
        "//evil.example",
        "https://lab.test/mlflow/",
        "https://nb.test@evil.example/",
        "https:evil.example",
        "",
    ] {
        let to = url::form_urlencoded::byte_serialize(to.as_bytes()).collect::<String>();
        browser.open(&format!("https://lab.test/hand-over?state={state}&to={to}")).await;
        assert_eq!(browser.page().url().host_str(), Some("lab.test"), "{to}");
        assert!(browser.page().status().is_client_error(), "{to}");
    }
    let corpus = include_str!("../../crates/domain/corpora/open_redirects.txt");
    for attack in corpus.lines().filter(|line| !line.starts_with("##")) {
        let to: String = url::form_urlencoded::byte_serialize(attack.as_bytes()).collect();
        browser.open(&format!("https://nb.test/.labgate/enter?to={to}")).await;
        let host = browser.page().url().host_str().map(str::to_owned);
        assert!(["lab.test", "nb.test"].map(Some).contains(&host.as_deref()), "{attack:?}: {host:?}");
    }
}

#[tokio::test]
async fn the_longest_address_survives_the_hand_over() {
    let lab = lab();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let url = format!("https://grafana.test/explore?left={}", "%7B%22a%22%3A+1%7D".repeat(400));
    browser.open(&url).await;
    assert_eq!((browser.page().url().as_str(), browser.page().status()), (&*url, StatusCode::OK));
}

#[tokio::test]
async fn the_head_of_a_refusal_has_room_for_a_long_address_once() {
    let lab = lab();
    for len in [10, 7000] {
        let request = http::Request::get("/api/auth/verify")
            .extension(labgate_http::Peer("10.0.0.1".parse().unwrap()))
            .header("x-original-url", format!("https://grafana.test/{}", "a".repeat(len)))
            .header("x-original-method", "GET");
        let refused = lab.app().handle(request.body(bytes::Bytes::new()).unwrap()).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let head: usize =
            refused.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert!((len..len + 3000).contains(&head), "{head}");
    }
}

#[tokio::test]
async fn beside_a_base_path_a_service_may_have_the_whole_host() {
    let lab = TestLab::builder()
        .public_url("https://lab.test/auth")
        .service(service("portal", "https://lab.test/", Vec::new()))
        .service(service("notebooks", "https://nb.test", Vec::new()))
        .build();
    let mut browser = lab.browser();
    enter(&mut browser, "https://lab.test/papers?a=b").await;
    assert!(browser.page().html().contains("remote-user: ada"), "{:?}", browser.page());
    browser.open(DEEP).await;
    assert_eq!((browser.page().url().as_str(), browser.page().status()), (DEEP, StatusCode::OK));
    for path in ["/auth", "/auth/", "/auth/x"] {
        let lab = labgate_domain::public_url::PublicUrl::parse(
            "https://lab.test/auth",
            labgate_domain::public_url::PlainHttp::LoopbackOnly,
            labgate_http::paths::REGISTERED,
        );
        let inside = service("x", &format!("https://lab.test{path}"), Vec::new());
        let refused = labgate_domain::access::Services::new(vec![inside], &lab.unwrap());
        assert!(refused.unwrap_err().to_string().contains("Labgate's own pages"), "{path}");
    }
}

#[tokio::test]
async fn a_code_is_good_for_the_browser_that_asked_for_it_and_once() {
    let lab = lab();
    let (mut ada, mut mallory) = (lab.browser(), lab.browser());
    lab.sign_in(&mut ada, ADA).await;
    ada.open("https://nb.test/secret").await;
    let entered =
        ada.history().iter().find(|url| url.as_str().contains("/.labgate/enter?code=")).unwrap().clone();
    // The code leaks, or is planted in another browser.
    mallory.open(entered.as_str()).await;
    assert!(mallory.page().status().is_client_error());
    assert!(mallory.cookies("https://nb.test/").iter().all(|it| it.name != "__Host-labgate"));
    ada.open(entered.as_str()).await;
    assert!(ada.page().status().is_client_error(), "a code is good once");
}

#[tokio::test]
async fn f31_a_check_never_passes_over_what_it_is_asked() {
    for lab in [TestLab::new(), lab()] {
        let mut browser = lab.browser();
        lab.sign_in(&mut browser, ADA).await;
        let answer = browser.fetch(Method::GET, "https://lab.test/api/auth/verify?allowed_groups=x").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
    // With services, a check that names no target is refused.
    let lab = lab();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    assert_eq!(
        browser.fetch(Method::GET, "https://lab.test/api/auth/verify").await.status(),
        StatusCode::FORBIDDEN
    );
}

/// Asks a check as oauth2-proxy's or Authelia's configurations do.
async fn drop_in(lab: &TestLab, path: &str, headers: &[(&str, &str)]) -> http::Response<bytes::Bytes> {
    let mut request = http::Request::get(path).extension(labgate_http::Peer("10.0.0.1".parse().unwrap()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    lab.app().handle(request.body(bytes::Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn another_products_paths_are_served_where_they_are_switched_on() {
    let off = lab();
    for path in ["/oauth2/auth", "/oauth2/start", "/api/authz/forward-auth", "/api/authz/ext-authz/x"] {
        assert_eq!(drop_in(&off, path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let lab = with_services().drop_in(DropIn::OAuth2Proxy).drop_in(DropIn::Authelia).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie =
        browser.cookies("https://lab.test/").into_iter().find(|it| it.name == "__Host-labgate").unwrap();
    let cookie = format!("__Host-labgate={}", cookie.value);
    let nginx = [("host", "lab.test"), ("x-forwarded-uri", "/mlflow/x"), ("cookie", &*cookie)];
    let passed = drop_in(&lab, "/oauth2/auth", &nginx).await;
    assert_eq!(passed.status(), StatusCode::ACCEPTED);
    assert_eq!(passed.headers()["x-auth-request-preferred-username"], "ada@example.test");
    let authelia =
        [("x-original-url", "https://lab.test/mlflow/x"), ("x-original-method", "GET"), ("cookie", &*cookie)];
    let passed = drop_in(&lab, "/api/authz/auth-request", &authelia).await;
    assert_eq!(
        (passed.status(), &passed.headers()["remote-user"]),
        (StatusCode::OK, &"ada@example.test".parse().unwrap())
    );
    let refused = drop_in(&lab, "/api/authz/auth-request", &authelia[..2]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["location"], "https://lab.test/login?return_to=%2Fmlflow%2Fx");
    let envoy = [("host", "lab.test"), ("cookie", &*cookie)];
    assert_eq!(drop_in(&lab, "/api/authz/ext-authz/mlflow/x", &envoy).await.status(), StatusCode::OK);
    assert_eq!(drop_in(&lab, "/api/authz/ext-authz/other", &envoy).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn f31_the_conditions_in_the_query_are_honoured_or_refused() {
    let lab = with_services().drop_in(DropIn::OAuth2Proxy).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie =
        browser.cookies("https://lab.test/").into_iter().find(|it| it.name == "__Host-labgate").unwrap();
    let cookie = format!("__Host-labgate={}", cookie.value);
    let nginx = [("host", "lab.test"), ("x-forwarded-uri", "/mlflow/x"), ("cookie", &*cookie)];
    for (query, status) in [
        ("allowed_emails=ada@example.test", 202),
        ("allowed_emails=x@example.test,ADA@example.test", 202),
        ("allowed_emails=bob@example.test", 403),
        ("allowed_email_domains=example.test", 202),
        ("allowed_email_domains=.test", 202),
        ("allowed_email_domains=*.test", 202),
        ("allowed_email_domains=.example.test", 403),
        ("allowed_email_domains=ample.test", 403),
        ("allowed_groups=no-such-group", 403),
        ("allowed_groups=no-such-group&allowed_emails=ada@example.test", 403),
        ("allowed_groups=", 403),
        ("allowed_groups=a,,b", 403),
        ("allowed_group=a", 403),
        ("allowed_groups[]=a", 403),
    ] {
        let answer = drop_in(&lab, &format!("/oauth2/auth?{query}"), &nginx).await;
        assert_eq!(answer.status().as_u16(), status, "{query}");
    }
}

#[tokio::test]
async fn c123_rd_leads_to_no_other_host() {
    let lab = with_services().drop_in(DropIn::OAuth2Proxy).build();
    let corpus = include_str!("../../crates/domain/corpora/open_redirects.txt");
    let further = ["https://evil.example/", "https://lab.test.evil.example/", "https://nb.test@evil.example"];
    let attacks = corpus.lines().filter(|line| !line.starts_with("##")).chain(further);
    for attack in attacks {
        let rd: String = url::form_urlencoded::byte_serialize(attack.as_bytes()).collect();
        let answer = drop_in(&lab, &format!("/oauth2/start?rd={rd}"), &[("host", "lab.test")]).await;
        let location = answer.headers()["location"].to_str().unwrap();
        let ours = [
            "https://lab.test/login",
            "https://nb.test/.labgate/enter?",
            "https://grafana.test/.labgate/enter?",
        ];
        assert!(ours.iter().any(|start| location.starts_with(start)), "{attack:?}: {location}");
    }
    let answer =
        drop_in(&lab, "/oauth2/start?rd=https%3A%2F%2Fnb.test%2Fa%3Fb", &[("host", "nb.test")]).await;
    assert_eq!(answer.headers()["location"], "https://nb.test/.labgate/enter?to=%2Fa%3Fb");
}

#[tokio::test]
async fn no_answer_of_a_check_lets_a_request_pass_without_a_session() {
    let lab = lab();
    for purpose in ["purpose", "sec-purpose", "x-moz"] {
        for path in ["/api/auth/check/traefik", "/api/auth/check/caddy", "/api/auth/check/haproxy"] {
            for uri in ["/.labgate/enter?x=y", "/.labgate/enter?to=/", "/.labgate/leave", "/lab"] {
                let said = [
                    ("x-forwarded-host", "nb.test"),
                    ("x-forwarded-uri", uri),
                    ("x-forwarded-method", "GET"),
                    (purpose, "prefetch"),
                ];
                let answer = drop_in(&lab, path, &said).await;
                assert!(!answer.status().is_success(), "{path} {uri} {purpose}: {}", answer.status());
            }
        }
    }
}

#[tokio::test]
async fn a_client_behind_oauth2_proxys_configuration_chooses_neither_host_nor_path_nor_method() {
    let lab = with_services().drop_in(DropIn::OAuth2Proxy).build();
    let recipe = [("host", "lab.test"), ("x-forwarded-uri", "/mlflow/closed/x")];
    for forged in [
        ("x-forwarded-host", "nb.test"),
        ("x-original-url", "https://lab.test/mlflow/public/x"),
        ("x-forwarded-uri", "/mlflow/public/x"),
        ("x-forwarded-method", "GET"),
    ] {
        let said: Vec<_> = recipe.into_iter().chain([forged]).collect();
        let answer = drop_in(&lab, "/oauth2/auth", &said).await;
        assert!(!answer.status().is_success(), "{forged:?}");
    }
    let open = [("host", "lab.test"), ("x-forwarded-uri", "/mlflow/public/x")];
    assert_eq!(drop_in(&lab, "/oauth2/auth", &open).await.status(), StatusCode::ACCEPTED);
    // The page to sign in is one, and not a way on to where it is not.
    let page =
        drop_in(&lab, "/oauth2/sign_in?rd=/mlflow/x", &[("accept", "text/html"), ("host", "lab.test")]).await;
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
    let page = String::from_utf8_lossy(page.body()).into_owned();
    assert!(page.contains("https://lab.test/login?return_to=%2Fmlflow%2Fx"), "{page}");
}

#[tokio::test]
async fn a_link_to_leave_leaves_nothing_while_the_session_lives() {
    let lab = lab();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    browser.open("https://nb.test/").await;
    browser.open_from("https://evil.test/", "https://lab.test/leaving").await;
    assert_eq!(browser.page().url().as_str(), "https://lab.test/");
    assert!(browser.cookies("https://nb.test/").iter().any(|it| it.name == "__Host-labgate"));
}
