//! A service that is added at one server and asked for at the other.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use labgate_http::Peer;
use labgate_test_harness::TestLab;
use serde_json::{Value, json};

use super::{ADA, GOOD, Replicas, cookie, hand_over};

/// Asks whether a request to the reports with this cookie may pass.
async fn check(lab: &TestLab, cookie: &str) -> u16 {
    let request = Request::get("/api/auth/verify")
        .extension(Peer("10.0.0.1".parse().unwrap()))
        .header("x-original-url", "https://lab.test/reports/1")
        .header("x-original-method", "GET")
        .header("cookie", cookie);
    lab.app().handle(request.body(Bytes::new()).unwrap()).await.status().as_u16()
}

/// Sends an administrator's change.
async fn send(lab: &TestLab, cookie: &str, method: &str, path: &str, body: Value) {
    let mut body = body;
    body["your_password"] = GOOD.into();
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/auth/services{path}"))
        .header("cookie", cookie)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/json")
        .header("if-match", "*");
    let answer = lab.request(request.body(body.to_string().into()).unwrap()).await;
    assert_eq!(answer.status(), 204, "{method} {path}: {answer:?}");
}

#[tokio::test]
async fn a_service_added_at_one_server_is_in_force_at_the_other_within_a_second() {
    let Replicas { one, other, _database } =
        Replicas::of(TestLab::builder().service(hand_over::notebooks())).await;
    let mut root = one.browser();
    root.open(&one.setup_link()).await;
    root.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    let root = cookie(&root);
    let mut ada = one.browser();
    one.sign_in(&mut ada, ADA).await;
    let ada = cookie(&ada);
    assert_eq!((check(&one, &ada).await, check(&other, &ada).await), (403, 403));
    let reports = |allow: &str| {
        json!({
            "id": "reports", "name": "Reports", "url": "https://lab.test/reports", "runs_user_code": "false",
            "allow": allow,
        })
    };
    for (method, path, body, status) in [
        ("POST", "", reports("signed_in"), 200),
        ("PUT", "/reports", reports("deny"), 403),
        ("PUT", "/reports", reports("public"), 200),
        ("DELETE", "/reports", json!({}), 403),
    ] {
        send(&one, &root, method, path, body).await;
        assert_eq!(check(&one, &ada).await, status, "at once where it happens: {method}");
        one.clock().advance(Duration::from_secs(1));
        assert_eq!(check(&other, &ada).await, status, "{method}");
    }
}
