//! The cases that hold for every provider.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::refresh::Asking;
use super::world::{EndsSessions, Provider, World};

/// The time limit for a provider's back-channel logout.
const NEWS_LIMIT: Duration = Duration::from_secs(20);

/// Makes a test of each of these cases, with this provider.
macro_rules! cases {
    ($provider:ty: $($(#[$attribute:meta])? $case:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            $(#[$attribute])?
            async fn $case() {
                super::cases::$case::<$provider>().await;
            }
        )+
    };
}
pub(super) use cases;

pub(super) async fn sign_in<P: Provider>() {
    let mut world = World::<P>::new().await;
    assert_eq!(world.verify().await, StatusCode::UNAUTHORIZED);

    let page = world.sign_in("ada").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text);
    assert!(page.text.contains("ada@example.test"), "{}", page.text);

    assert_eq!(world.verify().await, StatusCode::OK);
    let me = world.me().await;
    assert_eq!(me["email"], "ada@example.test");
    assert_eq!(me["name"], "Ada Example");
}

pub(super) async fn groups<P: Provider>() {
    let mut world = World::<P>::new().await;
    world.sign_in("ada").await;
    assert_eq!(world.me().await["groups"], serde_json::json!(["lab-users"]));
}

pub(super) async fn signing_in_again_gives_the_same_account<P: Provider>() {
    let mut world = World::<P>::new().await;
    world.sign_in("ada").await;
    let first = world.me().await;
    world.use_another_browser();
    world.sign_in("ada").await;
    let again = world.me().await;
    assert!(first["id"].is_string(), "{first}");
    assert_eq!(first["id"], again["id"]);
}

pub(super) async fn cancelling_is_told<P: Provider>() {
    let mut world = World::<P>::new().await;
    let page = world.cancel().await;
    world.assert_refused(&page, 403, "access_denied").await;
}

pub(super) async fn an_unverified_email_is_refused<P: Provider>() {
    let mut world = World::<P>::new().await;
    let page = world.sign_in("bob").await;
    world.assert_refused(&page, 403, "email_unverified").await;
}

pub(super) async fn a_missing_email_is_refused<P: Provider>() {
    let mut world = World::<P>::new().await;
    let page = world.sign_in("noone").await;
    world.assert_refused(&page, 403, "email_missing").await;
}

pub(super) async fn a_wrong_secret_is_refused<P: Provider>() {
    let mut world = World::<P>::with_another_secret().await;
    let page = world.sign_in("ada").await;
    world.assert_refused(&page, 502, "client_rejected").await;
}

pub(super) async fn sign_out_ends_the_session_for_copies_of_its_cookie_too<P: Provider>() {
    let mut world = World::<P>::new().await;
    let page = world.sign_in("ada").await;
    let mut thief = world.browser.copy();
    let verify = world.at_lab("/api/auth/verify");
    assert_eq!(thief.open(&verify).await.status, StatusCode::OK);

    world.sign_out_of_lab(&page).await;
    assert_eq!(world.verify().await, StatusCode::UNAUTHORIZED);
    assert_eq!(thief.open(&verify).await.status, StatusCode::UNAUTHORIZED);
}

pub(super) async fn sign_out_goes_on_to_the_provider_and_comes_back<P: Provider>() {
    let mut world = World::<P>::new().await;
    let page = world.sign_in("ada").await;
    let page = world.sign_out_of_lab(&page).await;
    let page = world.sign_out_of_provider(&page).await;
    assert_eq!(page.url.path(), "/signed-out", "{}", page.text);
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    // The provider asks again who is there.
    world.go_to_provider().await;
}

pub(super) async fn a_session_that_ends_at_the_provider_ends_here<P: EndsSessions>() {
    let mut world = World::<P>::new().await;
    world.sign_in("ada").await;
    assert_eq!(world.verify().await, StatusCode::OK);
    world.provider.end_session(&mut world.browser).await;
    let since = Instant::now();
    while world.verify().await != StatusCode::UNAUTHORIZED {
        assert!(since.elapsed() < NEWS_LIMIT, "the session goes on");
        // There is nothing to wait on: the provider tells Labgate, not us.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(super) async fn a_refresh_token_says_who_it_is_again<P: Provider>() {
    let mut world = World::<P>::new().await;
    let mut asking = Asking::about(&mut world, "ada").await;
    assert_eq!(asking.identity.groups, ["lab-users"]);
    // Twice, for some give another token each time.
    for _ in 0..2 {
        let again = asking.again().await.unwrap();
        assert_eq!(again.groups, ["lab-users"]);
        assert_eq!(again.email, asking.identity.email);
    }
}

pub(super) async fn the_doctor_says_nothing_false<P: Provider>() {
    let world = World::<P>::new().await;
    let found = world.doctor();
    let bad: Vec<_> = found.iter().filter(|(_, (outcome, _))| outcome == "bad").collect();
    assert!(bad.is_empty(), "a sign-in works, and the doctor says otherwise: {bad:#?}");
    assert!(found.contains_key("client"), "{found:#?}");
}

pub(super) async fn the_doctor_sees_a_wrong_secret<P: Provider>() {
    let world = World::<P>::with_another_secret().await;
    let found = world.doctor();
    let bad: Vec<_> = found.iter().filter(|(_, (outcome, _))| outcome == "bad").collect();
    assert!(matches!(&*bad, [(step, _)] if *step == "client"), "{bad:#?}");
}

pub(super) async fn the_doctor_sees_that_any_code_is_accepted<P: Provider>() {
    let world = World::<P>::new().await;
    let found = world.doctor();
    let bad: Vec<_> = found.iter().filter(|(_, (outcome, _))| outcome == "bad").collect();
    assert!(
        matches!(&*bad, [(step, (_, words))] if *step == "client" && words.contains("never gave out")),
        "{bad:#?}"
    );
}
