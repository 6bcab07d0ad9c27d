//! A hand-over that begins at one server and goes on at the other.

use bytes::Bytes;
use http::header::{LOCATION, SET_COOKIE};
use http::{Request, Response};
use labgate_domain::access::{Service, ServiceId, ServiceUrl};
use labgate_http::Peer;
use labgate_test_harness::TestLab;

use super::{ADA, Replicas, cookie};

pub(super) fn notebooks() -> Service {
    let url = ServiceUrl::parse("https://nb.test").unwrap();
    Service { runs_user_code: true, ..Service::new(ServiceId::parse("notebooks").unwrap(), "Notebooks", url) }
}

async fn get(lab: &TestLab, url: &str, cookies: &str) -> Response<Bytes> {
    let (host, path) = url.trim_start_matches("https://").split_once('/').unwrap();
    let request = Request::get(format!("/{path}")).header("host", host).header("cookie", cookies);
    lab.app().handle(request.body(Bytes::new()).unwrap()).await
}

/// Asks whether a request to the notebooks with this cookie may pass.
async fn check(lab: &TestLab, cookies: &str) -> u16 {
    let request = Request::get("/api/auth/verify")
        .extension(Peer("10.0.0.1".parse().unwrap()))
        .header("x-original-url", "https://nb.test/lab")
        .header("x-original-method", "GET")
        .header("cookie", cookies);
    lab.app().handle(request.body(Bytes::new()).unwrap()).await.status().as_u16()
}

fn location(response: &Response<Bytes>) -> String {
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}

fn cookie_of(response: &Response<Bytes>) -> String {
    let set = response.headers()[SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_other_server_finishes_a_hand_over_and_knows_that_its_code_is_spent() {
    let Replicas { one, other, _database } = Replicas::of(TestLab::builder().service(notebooks())).await;
    let mut browser = one.browser();
    one.sign_in(&mut browser, ADA).await;
    let session = cookie(&browser);

    let begun = get(&one, "https://nb.test/.labgate/enter?to=%2Flab", "").await;
    let secret = cookie_of(&begun);
    let handed = get(&other, &location(&begun), &session).await;
    let entered = get(&one, &location(&handed), &secret).await;
    assert_eq!(location(&entered), "https://nb.test/lab");
    let pass = cookie_of(&entered);
    assert_eq!((check(&one, &pass).await, check(&other, &pass).await), (200, 200));
    // The code is spent everywhere.
    assert_eq!(get(&other, &location(&handed), &secret).await.status(), 400);

    browser.click("Sign out").await;
    one.clock().advance(std::time::Duration::from_secs(1));
    assert_eq!((check(&one, &pass).await, check(&other, &pass).await), (401, 401));
}
