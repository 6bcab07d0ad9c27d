use std::sync::{Arc, Mutex};

use super::*;
use crate::error::{AttemptError, ErrorCode};
use crate::people::AccountStatus;
use crate::ports::{PasswordWeakness, Source};
use crate::sign_in::testing::{Scene, World, account, credential};

const GOOD: &str = "correct-horse-battery";

fn sign_in(name: &str, password: &str) -> PasswordSignIn {
    PasswordSignIn {
        name: name.to_owned(),
        password: Password::typed(password).ok(),
        return_to: ReturnTo::or_main_page("/notebooks"),
    }
}

/// A world in which the account of this status has this credential.
fn world(status: AccountStatus, known: Option<Credential>) -> World {
    world_in_which(status, &Arc::new(Mutex::new(known)))
}

/// One in which that changes.
fn world_in_which(status: AccountStatus, known: &Arc<Mutex<Option<Credential>>>) -> World {
    let known = Arc::clone(known);
    let mut world = World::default();
    world.accounts.expect_find_by_name().returning(move |name| {
        Ok(matches!(name.as_str(), "ada" | "ada@example.com").then(|| account(status)))
    });
    world.accounts.expect_find().returning(move |_| Ok(Some(account(status))));
    world.credentials.expect_credential().returning(move |_| Ok(known.lock().unwrap().clone()));
    world.judge.expect_weakness().returning(|_, _, _| Ok(None));
    world
}

fn good() -> Credential {
    credential(&format!("$fake${GOOD}"), false)
}

async fn refused(scene: &Scene, name: &str, password: &str) -> ErrorCode {
    scene
        .sign_in
        .passwords()
        .sign_in(sign_in(name, password), &Visitor::default())
        .await
        .unwrap_err()
        .error
        .code()
}

#[tokio::test]
async fn a_right_password_opens_a_session() {
    let mut world = world(AccountStatus::Active, Some(good()));
    world.sessions.expect_create().times(2).returning(|_, _| Ok(true));
    let scene = world.scene();
    for name in ["ada", " ADA@Example.com"] {
        let signed_in =
            scene.sign_in.passwords().sign_in(sign_in(name, GOOD), &Visitor::default()).await.unwrap();
        let PasswordSignedIn::SignedIn { return_to, .. } = signed_in else { panic!("not signed in") };
        assert_eq!(return_to.path(), Some("/notebooks"));
    }
    assert!(scene.throttle.counted().is_empty(), "a right password is no failure");
}

#[tokio::test]
async fn c176_unknown_wrong_disabled_and_passwordless_get_one_answer() {
    for (status, known, name, password) in [
        (AccountStatus::Active, Some(good()), "ada", "wrong"),
        (AccountStatus::Active, Some(good()), "nobody", GOOD),
        (AccountStatus::Active, Some(good()), "not a name!", GOOD),
        (AccountStatus::Active, Some(good()), "ada", &"x".repeat(5000)),
        (AccountStatus::Disabled, Some(good()), "ada", GOOD),
        (AccountStatus::Active, None, "ada", GOOD),
    ] {
        let mut world = world(status, known);
        world.sessions.expect_create().never();
        let scene = world.scene();
        assert_eq!(refused(&scene, name, password).await, ErrorCode::CredentialsWrong, "{name}");
        assert_eq!(scene.hasher.verified(), 1, "{name}: other work");
        assert_eq!(scene.throttle.counted().len(), 1, "{name}: not counted");
    }
}

#[tokio::test]
async fn c177_rate_limiting_comes_before_hashing_and_counts_per_typed_name() {
    let scene = world(AccountStatus::Active, Some(good())).scene();
    for name in ["ada", "ADA", " Ada "] {
        assert_eq!(refused(&scene, name, "wrong").await, ErrorCode::CredentialsWrong);
    }
    assert_eq!(refused(&scene, "ada", GOOD).await, ErrorCode::RateLimited);
    assert_eq!(scene.hasher.verified(), 3);
    // Names without an account count in the same way, so the wait does not tell them apart.
    for name in ["ghost", " GHOST", "Ghost "] {
        assert_eq!(refused(&scene, name, "wrong").await, ErrorCode::CredentialsWrong);
    }
    assert_eq!(refused(&scene, "ghost", "wrong").await, ErrorCode::RateLimited);
}

#[tokio::test]
async fn f06_the_wait_of_a_name_does_not_tell_that_another_name_is_the_same_account() {
    let scene = world(AccountStatus::Active, Some(good())).scene();
    for _ in 0..3 {
        assert_eq!(refused(&scene, "ada", "wrong").await, ErrorCode::CredentialsWrong);
    }
    assert_eq!(refused(&scene, "ada", "wrong").await, ErrorCode::RateLimited);
    for other in ["ada@example.com", "ghost@example.com"] {
        assert_eq!(refused(&scene, other, "wrong").await, ErrorCode::CredentialsWrong, "{other}");
    }
}

#[tokio::test]
async fn c173_a_weak_hash_is_replaced_unless_it_has_changed_meanwhile() {
    let weak = credential(&format!("$weak${GOOD}"), false);
    let mut world = world(AccountStatus::Active, Some(weak.clone()));
    world
        .credentials
        .expect_strengthen_credential()
        .withf(move |_, stronger, only_if| {
            stronger.hash.expose() == format!("$fake${GOOD}") && *only_if == weak.hash
        })
        .times(1)
        .returning(|_, _, _| Ok(false));
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    assert!(
        world.scene().sign_in.passwords().sign_in(sign_in("ada", GOOD), &Visitor::default()).await.is_ok()
    );
}

#[tokio::test]
async fn an_initial_password_opens_nothing_until_another_one_is_chosen() {
    let known = Arc::new(Mutex::new(Some(credential("$fake$initial", true))));
    let mut world = world_in_which(AccountStatus::Active, &known);
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    world
        .credentials
        .expect_change_credential()
        .withf(|_, chosen, _, _| !chosen.must_change)
        .times(1)
        .returning(move |_, chosen, _, _| {
            *known.lock().unwrap() = Some(chosen.clone());
            Ok(Some(Vec::new()))
        });
    let scene = world.scene();
    let due =
        scene.sign_in.passwords().sign_in(sign_in("ada", "initial"), &Visitor::default()).await.unwrap();
    let PasswordSignedIn::ChangeDue { ticket, .. } = due else {
        panic!("signed in with an initial password")
    };
    let ticket = Ticket::parse(&ticket.to_text()).unwrap();

    let change = |next: &str| Password::typed(next).ok();
    let same = scene
        .sign_in
        .passwords()
        .change_with_ticket(&ticket, change("initial-initial"), &Visitor::default())
        .await;
    assert!(same.is_ok());
}

#[tokio::test]
async fn the_next_password_must_differ_fit_in_length_and_be_hard_to_guess() {
    let mut world = World::default();
    world.accounts.expect_find_by_name().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.credentials.expect_credential().returning(|_| Ok(Some(credential("$fake$initial-password", true))));
    world.credentials.expect_change_credential().never();
    world.sessions.expect_create().never();
    world.judge.expect_weakness().returning(|password, personal, _| {
        assert!(personal.contains(&"ada@example.com".to_owned()));
        Ok((password.expose() == "easy-easy-easy").then_some(PasswordWeakness::Guessable))
    });
    let scene = world.scene();
    let due = scene
        .sign_in
        .passwords()
        .sign_in(sign_in("ada", "initial-password"), &Visitor::default())
        .await
        .unwrap();
    let PasswordSignedIn::ChangeDue { ticket, .. } = due else { panic!("signed in") };
    for (next, code) in [
        ("short", ErrorCode::PasswordLength),
        (&"x".repeat(129), ErrorCode::PasswordLength),
        (&"x".repeat(5000), ErrorCode::PasswordLength),
        ("easy-easy-easy", ErrorCode::PasswordGuessable),
        ("initial-password", ErrorCode::PasswordUnchanged),
    ] {
        let refusal = scene
            .sign_in
            .passwords()
            .change_with_ticket(&ticket, Password::typed(next).ok(), &Visitor::default())
            .await;
        assert_eq!(refusal.unwrap_err().error.code(), code, "{next}");
    }
}

#[tokio::test]
async fn c180_a_ticket_expires_and_dies_with_the_password_that_it_was_given_for() {
    let changed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&changed);
    let mut world = World::default();
    world.accounts.expect_find_by_name().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.credentials.expect_credential().returning(move |_| {
        let now = seen.load(std::sync::atomic::Ordering::SeqCst);
        Ok(Some(credential(if now { "$fake$another" } else { "$fake$initial" }, true)))
    });
    let scene = world.scene();
    let due =
        scene.sign_in.passwords().sign_in(sign_in("ada", "initial"), &Visitor::default()).await.unwrap();
    let PasswordSignedIn::ChangeDue { ticket, .. } = due else { panic!("signed in") };
    let next = || Password::typed(GOOD).ok();

    changed.store(true, std::sync::atomic::Ordering::SeqCst);
    let refusal =
        scene.sign_in.passwords().change_with_ticket(&ticket, next(), &Visitor::default()).await.unwrap_err();
    assert_eq!(refusal.error, SignInError::from(AttemptError::Spent));
    changed.store(false, std::sync::atomic::Ordering::SeqCst);
    scene.clock.advance(600);
    let refusal =
        scene.sign_in.passwords().change_with_ticket(&ticket, next(), &Visitor::default()).await.unwrap_err();
    assert_eq!(refusal.error, SignInError::from(AttemptError::Expired));
    assert!(Ticket::parse("x.y").is_none() && Ticket::parse("").is_none());
}

#[tokio::test]
async fn with_passwords_off_and_a_provider_set_up_none_is_checked() {
    let mut world = World::default();
    world.providers.push(World::provider(false, crate::provider::EmailTrust::Claim));
    world.without_passwords = true;
    let scene = world.scene();
    assert_eq!(refused(&scene, "ada", GOOD).await, ErrorCode::PasswordsOff);
    // Without a provider nobody could get in, so it does not count.
    let mut world = self::world(AccountStatus::Active, Some(good()));
    world.without_passwords = true;
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    assert!(
        world.scene().sign_in.passwords().sign_in(sign_in("ada", GOOD), &Visitor::default()).await.is_ok()
    );
}

#[tokio::test]
async fn a_sign_in_that_a_change_of_the_password_overtakes_does_not_survive_it() {
    let mut world = World::default();
    world.accounts.expect_find_by_name().returning(|_| Ok(Some(account(AccountStatus::Active))));
    let mut asked = 0;
    world.credentials.expect_credential().times(2).returning(move |_| {
        asked += 1;
        Ok(Some(if asked == 1 { good() } else { credential("$fake$another", false) }))
    });
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    world.sessions.expect_end().times(1).returning(|_, _| Ok(()));
    assert_eq!(refused(&world.scene(), "ada", GOOD).await, ErrorCode::CredentialsWrong);
}

#[tokio::test]
async fn c177_an_attempt_that_was_not_compared_is_not_counted() {
    let scene = world(AccountStatus::Active, Some(good())).scene();
    assert_eq!(refused(&scene, "ada", "wrong").await, ErrorCode::CredentialsWrong);
    for name in ["ada", "ada", "ada", "ghost"] {
        assert_eq!(refused(&scene, name, "busy").await, ErrorCode::Busy);
    }
    assert_eq!(scene.throttle.counted().len(), 1, "only the wrong one is counted");
}

#[tokio::test]
async fn f35_a_trail_names_the_account_and_the_source_and_of_unknown_names_the_beginning() {
    let scene = world(AccountStatus::Active, Some(good())).scene();
    let source = Source::of([192, 0, 2, 7].into());
    let named = async |typed: &str| {
        let visitor = Visitor { source, ..Visitor::default() };
        let refusal = scene.sign_in.passwords().sign_in(sign_in(typed, "wrong"), &visitor).await.unwrap_err();
        let trail = scene.log.last_trail();
        assert_eq!((trail.reference, trail.source), (refusal.reference, source));
        trail.name.unwrap()
    };
    assert_eq!(named(" ADA@Example.com").await, account(AccountStatus::Active).username.as_str());
    // A password in the wrong field; a line of its own; and nothing.
    assert_eq!(named("hunter2hunter2").await, "hu…");
    assert_eq!(named("\n\u{1b}x").await, "x…");
    assert_eq!(named("").await, "…");
}
