//! The provider is asked again about people who are signed in.

use std::time::Duration;

use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
use labgate_domain::ports::{SessionStore as _, SignInEvent};
use labgate_domain::world::Clock as _;
use labgate_mock_idp::{Fault, Persona, User};
use labgate_test_harness::TestLab;

use super::{ADA, json, request, session_cookie};

/// A lab for the group `lab-users`, of which the provider is asked again after a quarter of an hour.
fn lab() -> TestLab {
    let rules = AdmissionRules::new(vec![Rule::new(Criterion::Group, ["lab-users"]).unwrap()], None);
    TestLab::builder().admission(rules).revalidation(Duration::from_mins(15)).build()
}

async fn signed_in(lab: &TestLab) -> String {
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    session_cookie(&browser)
}

async fn is_open(lab: &TestLab, cookie: &str) -> bool {
    lab.request(request("GET", "/api/auth/verify", &[("cookie", cookie)])).await.status() == 200
}

#[tokio::test]
async fn a_user_who_still_has_access_stays_signed_in() {
    let lab = lab();
    let cookie = signed_in(&lab).await;
    for _ in 0..3 {
        assert_eq!(lab.revalidate().await, 0, "it is not time yet");
        lab.clock().advance(Duration::from_mins(15));
        assert_eq!(lab.revalidate().await, 1);
        assert!(is_open(&lab, &cookie).await);
    }
}

#[tokio::test]
async fn a_group_that_is_taken_away_ends_the_session() {
    let lab = lab();
    let cookie = signed_in(&lab).await;
    lab.clock().advance(Duration::from_mins(15));
    // The first of her groups alone, which is another one.
    lab.idp().fault(Fault::GroupsString).once();
    assert!(is_open(&lab, &cookie).await);
    assert_eq!(lab.revalidate().await, 1);
    assert!(!is_open(&lab, &cookie).await, "within the second");
    let events = lab.log().events();
    let ended = events.iter().find_map(|event| match event {
        SignInEvent::RevalidationRejected { code, .. } => Some(code.as_str()),
        _ => None,
    });
    assert_eq!(ended, Some("not_admitted"));
    // It is the rule that keeps her out, not the provider: she may come in again as soon as it holds.
    assert!(is_open(&lab, &signed_in(&lab).await).await);
}

#[tokio::test]
async fn c056_an_answer_that_cannot_be_believed_ends_the_session() {
    for fault in [Fault::WrongIssuer, Fault::WrongAudience, Fault::WrongKey, Fault::UserinfoSubMismatch] {
        let lab = lab();
        let cookie = signed_in(&lab).await;
        lab.clock().advance(Duration::from_mins(15));
        lab.idp().fault(fault.clone()).once();
        assert_eq!(lab.revalidate().await, 1);
        assert!(!is_open(&lab, &cookie).await, "{fault:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_ends_no_session_and_is_asked_again_soon() {
    let lab = lab();
    let cookie = signed_in(&lab).await;
    lab.clock().advance(Duration::from_mins(15));
    lab.idp().fault(Fault::HtmlTokenError).once();
    assert_eq!(lab.revalidate().await, 0, "nothing is decided");
    assert!(is_open(&lab, &cookie).await);
    lab.clock().advance(Duration::from_secs(179));
    assert_eq!(lab.revalidate().await, 0, "it is left alone for a while");
    lab.clock().advance(Duration::from_secs(1));
    assert_eq!(lab.revalidate().await, 1);
    assert!(is_open(&lab, &cookie).await);
}

#[tokio::test]
async fn a_refresh_token_that_was_used_elsewhere_ends_the_session() {
    let lab = lab();
    let cookie = signed_in(&lab).await;
    lab.clock().advance(Duration::from_mins(15));
    // Whoever restores an old copy of the database has tokens that were spent since.
    let old = lab.store().live_sessions(lab.clock().now(), Duration::from_hours(1)).pop().unwrap();
    assert_eq!(lab.revalidate().await, 1);
    let spent = old.external.as_ref().and_then(|external| external.revalidation.as_ref());
    lab.store().keep_answer(old.id, &old.groups, None, spent).await.unwrap();
    assert_eq!(lab.revalidate().await, 1);
    assert!(!is_open(&lab, &cookie).await);
}

#[tokio::test]
async fn the_sign_out_after_a_revalidation_has_the_newest_id_token() {
    let lab = lab();
    signed_in(&lab).await;
    let hint = || {
        let session = lab.store().live_sessions(lab.clock().now(), Duration::from_hours(1)).pop().unwrap();
        session.external.unwrap().id_token_hint.unwrap()
    };
    let first = hint();
    lab.clock().advance(Duration::from_mins(15));
    assert_eq!(lab.revalidate().await, 1);
    assert_ne!(hint(), first);
}

#[tokio::test]
async fn what_people_are_told_of_their_groups_is_todays() {
    let lab = TestLab::builder().revalidation(Duration::from_mins(15)).build();
    let cookie = signed_in(&lab).await;
    let groups = async |lab: &TestLab| {
        let me = lab.request(request("GET", "/api/auth/me", &[("cookie", &cookie)])).await;
        json(&me)["groups"].clone()
    };
    assert_eq!(groups(&lab).await, serde_json::json!(["lab-admins", "lab-users"]));
    lab.clock().advance(Duration::from_mins(15));
    lab.idp().fault(Fault::GroupsString).once();
    assert_eq!(lab.revalidate().await, 1);
    assert_eq!(groups(&lab).await, serde_json::json!(["lab-admins"]));
}

/// The same lab with Dex, which keeps one refresh token for each person and client.
fn lab_with_dex() -> TestLab {
    let rules = AdmissionRules::new(vec![Rule::new(Criterion::Group, ["lab-users"]).unwrap()], None);
    let lab = TestLab::builder().admission(rules).revalidation(Duration::from_mins(15));
    let grace = User::new("grace").email("grace@example.test").name("Grace").groups(["lab-users"]);
    lab.user(grace).persona(Persona::Dex).build()
}

#[tokio::test]
async fn f38_a_second_browser_does_not_sign_the_first_one_out_at_dex() {
    let lab = lab_with_dex();
    let laptop = signed_in(&lab).await;
    lab.clock().advance(Duration::from_mins(1));
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let desktop = session_cookie(&browser);
    for _ in 0..3 {
        lab.clock().advance(Duration::from_mins(15));
        assert_eq!(lab.revalidate().await, 2);
        assert!(is_open(&lab, &laptop).await && is_open(&lab, &desktop).await);
    }
    // The token of the desktop's sign-in is the only good one, and the laptop's session knows it.
    browser.open("https://lab.test/").await;
    browser.click("Sign out").await;
    assert!(!is_open(&lab, &desktop).await);
    lab.clock().advance(Duration::from_mins(15));
    assert_eq!(lab.revalidate().await, 1);
    assert!(is_open(&lab, &laptop).await);
}

#[tokio::test]
async fn f38_a_person_whom_dexs_connector_refuses_is_signed_out() {
    let lab = lab_with_dex();
    let ada = signed_in(&lab).await;
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, "Sign in as Grace").await;
    let grace = session_cookie(&browser);
    lab.clock().advance(Duration::from_mins(15));
    lab.idp().fault(Fault::TokenError500).once();
    lab.revalidate().await;
    assert!(is_open(&lab, &ada).await && is_open(&lab, &grace).await, "it may be an outage");
    lab.clock().advance(Duration::from_mins(15));
    lab.idp().fault(Fault::TokenError500).once();
    lab.revalidate().await;
    assert!(is_open(&lab, &ada).await && is_open(&lab, &grace).await, "the other answer is old");
    // The other one has been answered well since.
    lab.clock().advance(Duration::from_mins(3));
    lab.idp().fault(Fault::TokenError500).once();
    lab.revalidate().await;
    let open = [is_open(&lab, &ada).await, is_open(&lab, &grace).await];
    assert_eq!(open.iter().filter(|open| **open).count(), 1);
}

#[tokio::test]
async fn f13_an_answer_without_id_token_signs_nobody_out() {
    let lab = lab();
    let cookie = signed_in(&lab).await;
    for _ in 0..3 {
        lab.clock().advance(Duration::from_mins(15));
        lab.idp().fault(Fault::NoIdToken).once();
        assert_eq!(lab.revalidate().await, 1);
        assert!(is_open(&lab, &cookie).await);
    }
    lab.clock().advance(Duration::from_mins(15));
    lab.idp().fault(Fault::NoIdToken).once();
    lab.idp().fault(Fault::UserinfoSubMismatch).once();
    assert_eq!(lab.revalidate().await, 1);
    assert!(!is_open(&lab, &cookie).await, "userinfo speaks of somebody else");
}
