use std::time::Duration;

use super::*;
use crate::admission::{AdmissionRules, Criterion, Rule};
use crate::error::ErrorCode;
use crate::people::{AccountStatus, Password};
use crate::ports::{AccountCreation, Changed, MockSignInRecords, SignInEvent, StoreError};
use crate::return_to::ReturnTo;
use crate::sign_in::testing::{Scene, World, account, changes, credential, identity, session, stated};
use crate::sign_in::{EmailVerdict, PasswordMatch, PasswordSignIn, SessionState, Step, Visitor};

/// A lab with a provider that states Ada, who has no account yet and gets one.
fn first_sign_in(rules: AdmissionRules, verified: bool) -> World {
    let mut provider = World::provider_that_admits(rules);
    provider.expect_redeem().returning(move |_| Ok(identity(stated(verified))));
    let mut world = World::default();
    world.providers.push(provider);
    world.identities_open_what_is_linked();
    let opened = world.opened.clone();
    world.accounts.expect_find_by_name().returning(|_| Ok(None));
    world.identities.expect_create().returning(move |account, _| {
        opened.set(account);
        Ok(AccountCreation::Created)
    });
    world.sessions.expect_create().returning(|_, _| Ok(true));
    world
}

async fn complete(scene: &Scene) -> Option<ErrorCode> {
    let (cookie, state) = scene.begin("/").await;
    let query = format!("code=c&state={state}");
    let completed = scene.sign_in.external().complete(&query, &[cookie], &Visitor::default()).await;
    completed.err().map(|refusal| refusal.error.code())
}

fn group(name: &str) -> AdmissionRules {
    AdmissionRules::new(vec![Rule::new(Criterion::Group, [name]).unwrap()], None)
}

#[tokio::test]
async fn a_trail_tells_each_step_of_an_external_sign_in() {
    let scene = first_sign_in(group("lab-users"), true).scene();
    assert_eq!(complete(&scene).await, None);
    let trail = scene.log.last_trail();
    let account = trail.account().unwrap();
    assert_eq!(
        explain(&trail),
        format!(
            "external sign-in; the callback belongs to an attempt of this browser; the callback states no issuer and \
             need not; https://op.example made a valid statement; the e-mail address is trusted; admitted by groups; \
             the account {account} was created; a session was opened; signed in with a new account, because admitted \
             by groups"
        )
    );
    assert_eq!(scene.log.stored(), [trail]);
    assert!(scene.log.events().iter().all(|event| matches!(event, SignInEvent::Started { .. })));
}

#[tokio::test]
async fn the_rule_that_refuses_decides_the_outcome() {
    let scene = first_sign_in(group("others"), true).scene();
    assert_eq!(complete(&scene).await, Some(ErrorCode::NotAdmitted));
    let trail = scene.log.last_trail();
    let decision = Decision::Refused { by: Criterion::Group };
    assert_eq!(trail.deciding_step(), Some(&Step::RulesApplied { decision, role: None }));

    let scene = first_sign_in(AdmissionRules::default(), false).scene();
    assert_eq!(complete(&scene).await, Some(ErrorCode::EmailUnverified));
    let trail = scene.log.last_trail();
    assert_eq!(trail.deciding_step(), Some(&Step::NoAccount(EmailVerdict::Unverified)));
}

#[tokio::test]
async fn a_failure_is_decided_by_no_rule() {
    let mut world = first_sign_in(AdmissionRules::default(), true);
    world.sessions.checkpoint();
    world.sessions.expect_create().returning(|_, _| Err(StoreError("disk full".to_owned())));
    let scene = world.scene();
    assert_eq!(complete(&scene).await, Some(ErrorCode::StoreUnavailable));
    let trail = scene.log.last_trail();
    assert_eq!(trail.deciding_step(), None);
    assert!(trail.account().is_some(), "{trail:?}");
    assert!(
        explain(&trail).ends_with("refused with store_unavailable: the store failed: disk full"),
        "{trail:?}"
    );
}

#[tokio::test]
async fn records_that_fail_do_not_fail_the_sign_in() {
    let mut world = first_sign_in(AdmissionRules::default(), true);
    let mut records = MockSignInRecords::new();
    records.expect_store().times(1).returning(|_| Err(StoreError("disk full".to_owned())));
    world.records = Some(std::sync::Arc::new(records));
    let scene = world.scene();
    assert_eq!(complete(&scene).await, None);
    let reference = scene.log.last_trail().reference;
    let lost = scene.log.events().pop();
    assert!(matches!(lost, Some(SignInEvent::RecordLost { reference: r, .. }) if r == reference));
}

#[tokio::test]
async fn a_password_trail_says_wrong_and_then_how_long_to_wait() {
    let mut world = World::default();
    world.accounts.expect_find_by_name().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.credentials.expect_credential().returning(|_| Ok(Some(credential("$fake$right", false))));
    let scene = world.scene();
    let mut steps = Vec::new();
    for _ in 0..4 {
        let attempt = PasswordSignIn {
            name: "ada@example.com".to_owned(),
            password: Password::typed("wrong").ok(),
            return_to: ReturnTo::main_page(),
        };
        assert!(scene.sign_in.passwords().sign_in(attempt, &Visitor::default()).await.is_err());
        let trail = scene.log.last_trail();
        assert_eq!(trail.account(), Some(account(AccountStatus::Active).id));
        steps.push(trail.deciding_step().cloned().unwrap());
    }
    let wrong = Step::PasswordCompared(PasswordMatch::Wrong);
    let limited = Step::RateLimited { wait: Duration::from_secs(1) };
    assert_eq!(steps, [wrong.clone(), wrong.clone(), wrong, limited]);
}

#[tokio::test]
async fn a_check_leaves_a_trail_only_where_something_changes() {
    let mut world = World::default();
    let mut kept = session();
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_touch().returning(|_, _| Ok(()));
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let has_ended = std::sync::Arc::clone(&ended);
    world.sessions.expect_find().returning(move |_| {
        let end = has_ended.load(std::sync::atomic::Ordering::SeqCst);
        kept.ended_at = end.then_some(kept.created_at);
        Ok(Some(kept.clone()))
    });
    let change = Changed::Session(session().id);
    world.sessions.expect_changes_since().returning(move |_| Ok(changes(&[change])));
    let scene = world.scene();
    let token = scene.token(&account(AccountStatus::Active), &session());
    assert!(scene.sign_in.requests().check(&token).await.is_ok());
    assert!(scene.log.trails().is_empty(), "a token that stays as it is leaves no trail");

    scene.clock.advance(16 * 60);
    assert!(scene.sign_in.requests().check(&token).await.unwrap().renewed.is_some());
    assert!(matches!(scene.log.last_trail().outcome, Outcome::Renewed { .. }));
    assert_eq!(scene.log.stored().len(), 1);

    ended.store(true, std::sync::atomic::Ordering::SeqCst);
    scene.clock.advance(1);
    for _ in 0..3 {
        assert!(scene.sign_in.requests().check(&token).await.is_err());
    }
    let trail = scene.log.last_trail();
    assert_eq!(trail.deciding_step(), Some(&Step::SessionFound(SessionState::Ended)));
    assert_eq!(scene.log.stored().len(), 1, "a token that is presented again and again fills no store");
}
