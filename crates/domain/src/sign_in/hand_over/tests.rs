use super::*;
use crate::error::ErrorCode;
use crate::sign_in::Evidence;
use crate::sign_in::check_access::tests::scene;
use crate::sign_in::testing::{Scene, presenting};

const DEEP: &str = "https://notebooks.example/lab/tree/My%20N.ipynb?a=1&b=%3E+%C3%BC";

fn target(url: &str) -> Target {
    Target::from_url(url, "GET").unwrap()
}

/// The deep target, on this host.
fn to(host: &str) -> Target {
    target(&DEEP.replace("notebooks.example", host))
}

/// Begins a hand-over, and hands the session over.
async fn handed_over(scene: &Scene) -> (Entering, String) {
    let hand_over = scene.sign_in.hand_over();
    let entering = hand_over.begin(&target(DEEP), Source::default()).await.unwrap();
    assert_eq!(entering.to, DEEP);
    let token = scene.session_token();
    let handed =
        hand_over.hand_over(&presenting(&token), &target(&entering.to), entering.state).await.unwrap();
    assert_eq!(handed.origin, "https://notebooks.example");
    (entering, handed.code.to_text())
}

async fn enter(
    scene: &Scene,
    host: &str,
    code: &str,
    state: SealId,
    secret: Option<&str>,
) -> Result<Entered, ErrorCode> {
    let entered = scene.sign_in.hand_over().enter(&to(host), code, state, secret, Source::default()).await;
    entered.map_err(|refusal| refusal.error.code())
}

#[tokio::test]
async fn a_browser_is_handed_over_and_comes_to_the_very_address() {
    let scene = scene(&["staff"]);
    let (entering, code) = handed_over(&scene).await;
    let entered =
        enter(&scene, "notebooks.example", &code, entering.state, Some(&entering.secret)).await.unwrap();
    assert_eq!(entered.to, DEEP);
    let access = scene.sign_in.access();
    let pass = Evidence { cookie: Some(entered.pass.expose()), access_token: None };
    let passage = access.check(&target(DEEP), pass, Source::default()).await.unwrap();
    assert_eq!(passage.request.unwrap().person.username.as_str(), "ada@example.com");
}

#[tokio::test]
async fn a_code_is_good_once_here_for_this_browser_and_for_30_seconds() {
    let scene = scene(&["staff"]);
    let (entering, code) = handed_over(&scene).await;
    let (state, secret) = (entering.state, Some(entering.secret.as_str()));
    let refused = |result: Result<Entered, ErrorCode>| result.unwrap_err();
    // At another host, in another browser, under another state.
    assert_eq!(refused(enter(&scene, "lab.example", &code, state, secret).await), ErrorCode::AttemptUnknown);
    assert_eq!(refused(enter(&scene, "evil.example", &code, state, secret).await), ErrorCode::AttemptUnknown);
    assert_eq!(
        refused(enter(&scene, "notebooks.example", &code, state, None).await),
        ErrorCode::AttemptUnknown
    );
    let (other, other_code) = handed_over(&scene).await;
    let other_secret = Some(other.secret.as_str());
    let mixed =
        [(&code, state, other_secret), (&code, other.state, other_secret), (&other_code, state, secret)];
    for (code, state, secret) in mixed {
        let result = enter(&scene, "notebooks.example", code, state, secret).await;
        assert_eq!(refused(result), ErrorCode::AttemptUnknown);
    }
    for malformed in ["", "x", "x.y", &code[1..]] {
        let result = enter(&scene, "notebooks.example", malformed, state, secret).await;
        assert_eq!(refused(result), ErrorCode::AttemptUnknown);
    }
    // None of these spent it. It is good now, and once.
    assert!(enter(&scene, "notebooks.example", &code, state, secret).await.is_ok());
    let again = enter(&scene, "notebooks.example", &code, state, secret).await;
    assert_eq!(refused(again), ErrorCode::AttemptSpent);
    scene.clock.advance(30);
    let late = enter(&scene, "notebooks.example", &other_code, other.state, other_secret).await;
    assert_eq!(refused(late), ErrorCode::AttemptExpired);
}

#[tokio::test]
async fn a_session_that_ended_meanwhile_is_not_handed_over() {
    use crate::people::AccountStatus;
    use crate::sign_in::testing::{World, account, session};
    let mut world = World::default();
    world.services = crate::access::testing::services();
    let mut asked = 0;
    world.sessions.expect_find().returning(move |_| {
        asked += 1;
        let ended_at = (asked > 1).then(|| session().created_at);
        Ok(Some(crate::session::Session { groups: vec!["staff".to_owned()], ended_at, ..session() }))
    });
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_touch().returning(|_, _| Ok(()));
    let scene = world.scene();
    let (entering, code) = handed_over(&scene).await;
    let late = enter(&scene, "notebooks.example", &code, entering.state, Some(&entering.secret)).await;
    assert_eq!(late.unwrap_err(), ErrorCode::NotSignedIn);
}

#[tokio::test]
async fn a_browser_leaves_the_host_that_it_was_sent_to_leave() {
    let scene = scene(&["staff"]);
    let hand_over = scene.sign_in.hand_over();
    let ticket = hand_over.send_off("https://notebooks.example").unwrap().to_text();
    assert!(hand_over.is_sent_off("notebooks.example", &ticket).await);
    for (host, ticket) in [("lab.example", &*ticket), ("notebooks.example", ""), ("evil.example", &*ticket)] {
        assert!(!hand_over.is_sent_off(host, ticket).await, "{host}");
    }
    let (_, code) = handed_over(&scene).await;
    assert!(!hand_over.is_sent_off("notebooks.example", &code).await, "a code is no such ticket");
    scene.clock.advance(30);
    assert!(!hand_over.is_sent_off("notebooks.example", &ticket).await);
}

#[tokio::test]
async fn who_may_not_use_the_service_gets_no_code() {
    let scene = scene(&["guests"]);
    let hand_over = scene.sign_in.hand_over();
    let entering = hand_over.begin(&target(DEEP), Source::default()).await.unwrap();
    let token = scene.session_token();
    let refused = hand_over.hand_over(&presenting(&token), &target(DEEP), entering.state).await;
    assert_eq!(refused.unwrap_err().error.code(), ErrorCode::NotPermitted);
}

#[tokio::test]
async fn c123_nobody_is_handed_over_to_a_host_that_is_no_services() {
    let scene = scene(&["staff"]);
    let (hand_over, token) = (scene.sign_in.hand_over(), scene.session_token());
    let state = handed_over(&scene).await.0.state;
    for elsewhere in
        ["https://evil.example/", "https://notebooks.example.evil/", "https://lab.example/mlflow/"]
    {
        assert!(hand_over.begin(&target(elsewhere), Source::default()).await.is_err(), "{elsewhere}");
        let handed = hand_over.hand_over(&presenting(&token), &target(elsewhere), state).await;
        assert!(handed.is_err(), "{elsewhere}");
    }
}
