//! Access tokens: made by a person on proof, used by programs.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use labgate_domain::access::{Condition, Rules, Service, TokenUse};
use labgate_domain::people::Role;
use labgate_test_harness::{Browser, TestLab};

use super::services::{rule, service};
use super::{ADA, json, posted, proven, request, session_cookie};

const PASSWORD: &str = "correct horse battery";

/// A lab with services on a path and on a host that take tokens, and one that does not.
fn lab() -> TestLab {
    let taking = |tokens, service| Service { tokens, ..service };
    let rules = vec![rule("/mlflow/public/*", Condition::Public), rule("/mlflow/closed/*", Condition::Deny)];
    let mut mlflow = taking(TokenUse::Yes, service("mlflow", "https://lab.test/mlflow", rules.clone()));
    mlflow.rules = Rules::new(
        rules
            .into_iter()
            .map(|rule| labgate_domain::access::Rule { tokens: TokenUse::Yes, ..rule })
            .collect(),
    );
    let mut git = taking(TokenUse::Only, service("git", "https://git.test", Vec::new()));
    git.identity.assertion = false;
    TestLab::builder()
        .service(mlflow)
        .service(git)
        .service(service("grafana", "https://grafana.test", Vec::new()))
        .build()
}

/// A lab with an administrator who has signed in with a password.
async fn with_root(lab: &TestLab) -> Browser {
    lab.add_account("root", Role::Admin, PASSWORD).await;
    let mut browser = lab.browser();
    browser.open("https://lab.test/login").await;
    browser.submit("Sign in with password", &[("username", "root"), ("password", PASSWORD)]).await;
    let change = [("next", "staple clip drawer tulip")];
    browser.submit("Change the password", &change).await;
    browser
}

const ROOT: &str = "staple clip drawer tulip";

/// Makes a token by the API, and returns it.
async fn make(lab: &TestLab, browser: &Browser, scope: &str) -> String {
    let body = proven(&format!("{{\"name\":\"CI\",\"scope\":\"{scope}\",\"days\":\"7\"}}"), ROOT);
    let made = lab.request(posted("/api/auth/account/tokens", &session_cookie(browser), &body)).await;
    assert_eq!(made.status(), StatusCode::CREATED, "{:?}", json(&made));
    json(&made)["token"].as_str().unwrap().to_owned()
}

/// Asks as a proxy does, with these headers of the client.
async fn check(lab: &TestLab, url: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let (host, path) = url.strip_prefix("https://").unwrap().split_once('/').unwrap();
    let asked = Request::get("/api/auth/check/caddy")
        .extension(labgate_http::Peer("10.0.0.1".parse().unwrap()))
        .header("x-forwarded-host", host)
        .header("x-forwarded-uri", format!("/{path}"))
        .header("x-forwarded-method", "GET");
    let asked = headers.iter().fold(asked, |asked, (name, value)| asked.header(*name, *value));
    lab.app().handle(asked.body(Bytes::new()).unwrap()).await
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic(token: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("anybody:{token}")))
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_script_comes_to_the_services_of_its_token_as_the_person() {
    let lab = lab();
    let root = with_root(&lab).await;
    let token = make(&lab, &root, "mlflow git").await;
    for authorization in [bearer(&token), basic(&token)] {
        let with_token = [("authorization", &*authorization)];
        let passed = check(&lab, "https://lab.test/mlflow/api/2.0/runs", &with_token).await;
        assert_eq!((passed.status(), header(&passed, "remote-user")), (StatusCode::OK, Some("root")));
        let told = header(&passed, "authorization").unwrap();
        assert!(told.starts_with("Bearer ey"), "the assertion takes its place: {told}");
        assert_eq!(header(&passed, "set-cookie"), None);
        let passed = check(&lab, "https://git.test/a.git/info/refs", &with_token).await;
        assert_eq!((passed.status(), header(&passed, "authorization")), (StatusCode::OK, Some("")));
    }
    // Envoy would leave the token in a request that everybody may send.
    let public = Request::get("/api/auth/check/envoy/mlflow/public/x")
        .extension(labgate_http::Peer("10.0.0.1".parse().unwrap()))
        .header("host", "lab.test")
        .header("authorization", bearer(&token));
    let public = lab.app().handle(public.body(Bytes::new()).unwrap()).await;
    assert_eq!((public.status(), header(&public, "authorization")), (StatusCode::OK, Some("")));
    for url in ["https://grafana.test/", "https://lab.test/mlflow/closed/"] {
        let refused = check(&lab, url, &[("authorization", &bearer(&token))]).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{url}");
    }
    let narrow = make(&lab, &root, "git").await;
    let refused = check(&lab, "https://lab.test/mlflow/", &[("authorization", &bearer(&narrow))]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&refused, "www-authenticate"), Some("Bearer error=\"insufficient_scope\""));
}

#[tokio::test]
async fn a_client_without_a_valid_token_is_told_what_is_asked_for() {
    let lab = lab();
    let root = with_root(&lab).await;
    let unknown = format!("lgt_{}", "A".repeat(43));
    for authorization in [bearer(&unknown), basic(&unknown), bearer("lgt_")] {
        let refused = check(&lab, "https://lab.test/mlflow/", &[("authorization", &*authorization)]).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(header(&refused, "www-authenticate"), Some("Bearer error=\"invalid_token\""));
        assert_eq!(json(&refused)["code"], "invalid_token");
    }
    let cookie = session_cookie(&root);
    let only = check(&lab, "https://git.test/", &[("cookie", &cookie), ("accept", "text/html")]).await;
    assert_eq!(
        only.status(),
        StatusCode::UNAUTHORIZED,
        "no redirect: signing in would lead round in circles"
    );
    let asked = Some("Bearer realm=\"Labgate\", Basic realm=\"Labgate\"");
    assert_eq!(header(&only, "www-authenticate"), asked);
    // A browser would show a window for a password of its own.
    for (agent, basic) in [("Mozilla/5.0 (X11)", false), ("git/2.39", true)] {
        let refused = check(&lab, "https://lab.test/mlflow/", &[("user-agent", agent)]).await;
        let asked: Vec<_> =
            refused.headers().get_all("www-authenticate").iter().map(|it| it.to_str().unwrap()).collect();
        assert!(asked[0].starts_with("Labgate sign_in="), "{asked:?}");
        assert!(asked[1].starts_with("Bearer realm=") && asked[1].contains("Basic") == basic, "{asked:?}");
    }
}

#[tokio::test]
async fn unknown_tokens_cost_their_source_and_valid_ones_pass_all_the_same() {
    let lab = lab();
    let root = with_root(&lab).await;
    let (token, unknown) = (make(&lab, &root, "mlflow").await, format!("lgt_{}", "A".repeat(43)));
    let url = "https://lab.test/mlflow/";
    let mut last = StatusCode::OK;
    for _ in 0..400 {
        last = check(&lab, url, &[("authorization", &bearer(&unknown))]).await.status();
        if last == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(check(&lab, url, &[("authorization", &bearer(&token))]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_dies_with_its_account_its_revocation_and_its_time() {
    let lab = lab();
    let root = with_root(&lab).await;
    let url = "https://lab.test/mlflow/";
    let status = async |token: &str| check(&lab, url, &[("authorization", &bearer(token))]).await.status();
    let (first, second) = (make(&lab, &root, "mlflow").await, make(&lab, &root, "mlflow").await);
    assert_eq!(status(&first).await, StatusCode::OK);
    let cookie = session_cookie(&root);
    let listed = lab.request(request("GET", "/api/auth/account/tokens", &[("cookie", &cookie)])).await;
    let listed = json(&listed)["access_tokens"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    assert!(!format!("{listed:?}").contains("lgt_"));
    for token in listed {
        let path = format!("/api/auth/account/tokens/{}/revoke", token["id"].as_str().unwrap());
        let revoked = lab.request(posted(&path, &cookie, "{}")).await;
        assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!([status(&first).await, status(&second).await], [StatusCode::UNAUTHORIZED; 2]);

    let third = make(&lab, &root, "mlflow").await;
    lab.clock().advance(Duration::from_hours(7 * 24 - 1));
    assert_eq!(status(&third).await, StatusCode::OK);
    lab.clock().advance(Duration::from_hours(1));
    assert_eq!(status(&third).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_administration_takes_a_bearer_with_the_scope_and_nothing_else_of_it() {
    let lab = lab();
    let root = with_root(&lab).await;
    let (token, narrow) = (make(&lab, &root, "api:admin").await, make(&lab, &root, "mlflow").await);
    let create = |authorization: &str, content_type: &str, body: &str| {
        let mut asked = request(
            "POST",
            "/api/auth/users",
            &[("authorization", authorization), ("content-type", content_type)],
        );
        *asked.body_mut() = body.to_owned().into();
        lab.request(asked)
    };
    let eve = "{\"username\":\"eve\"}";
    let made = create(&bearer(&token), "application/json", eve).await;
    assert_eq!(made.status(), StatusCode::CREATED, "neither CSRF token nor proof");
    let listed = lab.request(request("GET", "/api/auth/users", &[("authorization", &bearer(&token))])).await;
    assert_eq!(listed.status(), StatusCode::OK);

    let bob = "{\"username\":\"bob\"}";
    for (authorization, content_type, body, status, code) in [
        // A browser adds it by itself, so it is as good as not there.
        (basic(&token), "application/json", bob, StatusCode::FORBIDDEN, "csrf_failed"),
        (bearer(&narrow), "application/json", bob, StatusCode::FORBIDDEN, "insufficient_scope"),
        (bearer("lgt_x"), "application/json", bob, StatusCode::UNAUTHORIZED, "invalid_token"),
        (
            bearer(&token),
            "application/x-www-form-urlencoded",
            "username=bob",
            StatusCode::BAD_REQUEST,
            "bad_request",
        ),
    ] {
        let refused = create(&authorization, content_type, body).await;
        assert_eq!(
            (refused.status(), json(&refused)["code"].as_str()),
            (status, Some(code)),
            "{authorization}"
        );
    }
    // Neither pages nor the own account, and no further token.
    for path in ["/api/auth/me", "/api/auth/account", "/api/auth/account/tokens", "/admin", "/account"] {
        let got = lab.request(request("GET", path, &[("authorization", &bearer(&token))])).await;
        assert_eq!(got.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let more = "{\"name\":\"x\",\"scope\":\"api:admin\",\"days\":\"\"}";
    let mut asked = request(
        "POST",
        "/api/auth/account/tokens",
        &[
            ("authorization", &bearer(&token)),
            ("content-type", "application/json"),
            ("origin", "https://lab.test"),
        ],
    );
    *asked.body_mut() = more.into();
    assert_eq!(lab.request(asked).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_person_makes_a_token_on_the_page_and_sees_it_once() {
    let lab = lab();
    let mut root = with_root(&lab).await;
    root.open("https://lab.test/account").await;
    let fields =
        [("name", "Nightly <run>"), ("scope-mlflow", "yes"), ("scope-api:admin", "yes"), ("days", "30")];
    root.submit("Make an access token", &fields).await;
    assert!(root.page().html().contains("mlflow api:admin"), "{:?}", root.page());
    root.submit("Make an access token", &[("your_password", "wrong wrong wrong")]).await;
    assert!(!root.page().html().contains("lgt_"));
    root.submit("Make an access token", &[("your_password", ROOT)]).await;
    let page = root.page().html().to_owned();
    let token: String = page.split("lgt_").nth(1).unwrap().chars().take(43).collect();
    let token = format!("lgt_{token}");
    let passed = check(&lab, "https://lab.test/mlflow/", &[("authorization", &bearer(&token))]).await;
    assert_eq!(passed.status(), StatusCode::OK);
    root.open("https://lab.test/account").await;
    let page = root.page().html().to_owned();
    assert!(page.contains("Nightly &#60;run&#62;") && !page.contains("lgt_"), "{page}");
    root.submit("Revoke", &[]).await;
    assert!(!root.page().html().contains("Nightly"));
    let refused = check(&lab, "https://lab.test/mlflow/", &[("authorization", &bearer(&token))]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_administrator_sees_and_revokes_the_tokens_of_others() {
    let lab = lab();
    let mut root = with_root(&lab).await;
    let token = make(&lab, &root, "mlflow").await;
    let mut ada = lab.browser();
    lab.sign_in(&mut ada, ADA).await;
    let id = lab.store().accounts().into_iter().find(|it| it.username.as_str() == "root").unwrap().id;
    root.open(&format!("https://lab.test/admin/accounts/{id}")).await;
    root.submit("Revoke", &[]).await;
    root.submit("Revoke", &[("your_password", ROOT)]).await;
    let refused = check(&lab, "https://lab.test/mlflow/", &[("authorization", &bearer(&token))]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    // No token of another account is revoked as one's own.
    let token = make(&lab, &root, "mlflow").await;
    let listed =
        lab.request(request("GET", "/api/auth/account/tokens", &[("cookie", &session_cookie(&root))])).await;
    let path = format!(
        "/api/auth/account/tokens/{}/revoke",
        json(&listed)["access_tokens"][0]["id"].as_str().unwrap()
    );
    lab.request(posted(&path, &session_cookie(&ada), "{}")).await;
    let passed = check(&lab, "https://lab.test/mlflow/", &[("authorization", &bearer(&token))]).await;
    assert_eq!(passed.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_service_that_was_added_takes_tokens_as_it_says() {
    let lab = lab();
    let mut root = with_root(&lab).await;
    root.open("/admin/add-service").await;
    let wiki = [
        ("id", "wiki"),
        ("name", "Wiki"),
        ("url", "https://wiki.test"),
        ("runs_user_code", "false"),
        ("allow", "signed_in"),
        ("tokens", "yes"),
        ("rules", "/pages/* = signed_in, tokens no\n/api/* = signed_in, tokens only"),
        ("your_password", ROOT),
    ];
    root.submit("Add a service", &wiki).await;
    let listed = root.page().text();
    assert!(listed.contains("For every user, also by access token"), "{listed}");
    assert!(listed.contains("/api/*: every user, by access token alone"), "{listed}");
    root.open("https://lab.test/account").await;
    let fields = [("name", "Wiki bot"), ("scope-wiki", "yes"), ("days", "30")];
    root.submit("Make an access token", &fields).await;
    root.submit("Make an access token", &[("your_password", ROOT)]).await;
    let page = root.page().html().to_owned();
    let text: String = page.split("lgt_").nth(1).expect(&page).chars().take(43).collect();
    let bearer = bearer(&format!("lgt_{text}"));
    for (path, status) in [("", 200), ("api/x", 200), ("pages/x", 403)] {
        let url = format!("https://wiki.test/{path}");
        let checked = check(&lab, &url, &[("authorization", &bearer)]).await;
        assert_eq!(checked.status().as_u16(), status, "{url}");
    }
    let without = check(&lab, "https://wiki.test/api/x", &[]).await;
    assert_eq!(json(&without)["code"], "invalid_token", "no sign-in would help");

    let removed = proven("{}", ROOT);
    let mut request = request(
        "DELETE",
        "/api/auth/services/wiki",
        &[
            ("cookie", &session_cookie(&root)),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/json"),
            ("if-match", "*"),
        ],
    );
    *request.body_mut() = removed.into();
    assert_eq!(lab.request(request).await.status(), StatusCode::NO_CONTENT);
    let closed = check(&lab, "https://wiki.test/", &[("authorization", &bearer)]).await;
    assert_eq!(json(&closed)["code"], "target_refused");
    root.open("https://lab.test/admin/add-service").await;
    root.submit("Add a service", &wiki).await;
    lab.clock().advance(Duration::from_secs(1));
    let closed = check(&lab, "https://wiki.test/", &[("authorization", &bearer)]).await;
    assert_eq!(json(&closed)["code"], "invalid_token", "another service with the same id");
}

#[tokio::test]
async fn a_program_manages_services_and_moves_no_identities() {
    let lab = lab();
    let root = with_root(&lab).await;
    let (token, narrow) = (make(&lab, &root, "api:admin").await, make(&lab, &root, "mlflow").await);
    let send = |method: &str, path: &str, token: &str, body: &str| {
        let headers =
            [("authorization", &*bearer(token)), ("content-type", "application/json"), ("if-match", "*")];
        let mut asked = request(method, path, &headers);
        *asked.body_mut() = body.to_owned().into();
        lab.request(asked)
    };
    let wiki = "{\"id\":\"wiki\",\"name\":\"Wiki\",\"url\":\"https://wiki.test\",\"allow\":\"signed_in\"}";
    let changed = wiki.replace("\"id\":\"wiki\",", "");
    for (method, path, body, status) in [
        ("POST", "/api/auth/services", wiki, 204),
        ("GET", "/api/auth/services", "", 200),
        ("GET", "/api/auth/services/wiki", "", 200),
        ("PUT", "/api/auth/services/wiki", &changed, 204),
        ("DELETE", "/api/auth/services/wiki", "{}", 204),
    ] {
        let refused = send(method, path, &narrow, body).await;
        assert_eq!(json(&refused)["code"], "insufficient_scope", "{method} {path}");
        let done = send(method, path, &token, body).await;
        assert_eq!(done.status().as_u16(), status, "{method} {path}: {:?}", done.body());
    }
    let issuers = "{\"from\":\"https://a.test\",\"to\":\"https://b.test\"}";
    let refused = send("POST", "/api/auth/identities/move", &token, issuers).await;
    assert_eq!(json(&refused)["code"], "proof_needed", "its owner's own may be among them");
    let dry = issuers.replace('}', ",\"dry_run\":\"true\"}");
    let tried = send("POST", "/api/auth/identities/move", &token, &dry).await;
    assert_ne!(json(&tried)["code"], "proof_needed", "{:?}", tried.body());
}
