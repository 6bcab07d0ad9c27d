//! Terms of service that are accepted at one server and asked for at the other.

use labgate_test_harness::TestLab;

use super::{ADA, Replicas, cookie, status};

#[tokio::test]
async fn what_was_accepted_at_one_server_holds_at_the_other_within_a_second() {
    let Replicas { one, other, _database } = Replicas::of(TestLab::builder().must_accept("2026-11-01")).await;
    let mut browser = one.browser();
    one.sign_in(&mut browser, ADA).await;
    let session = cookie(&browser);
    // Both remember that she has yet to accept.
    assert_eq!((status(&one, &session).await, status(&other, &session).await), (403, 403));
    browser.click("I accept").await;
    let new = cookie(&browser);
    assert_ne!(new, session);
    assert_eq!(
        (status(&one, &new).await, status(&other, &new).await),
        (200, 200),
        "at once with the new token"
    );
    assert_eq!(status(&one, &session).await, 200, "at once where it happens");
    one.clock().advance(std::time::Duration::from_secs(1));
    assert_eq!(status(&other, &session).await, 200);
}
