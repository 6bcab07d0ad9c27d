use super::*;
use crate::error::ErrorCode;
use crate::people::{DisplayName, Password};
use crate::ports::LoginAttempt;
use crate::sign_in::testing::{World, credential};

fn registration(username: &str) -> Registration {
    Registration {
        username: username.to_owned(),
        name: DisplayName::new("Ada"),
        password: Password::typed("correct-horse-battery").ok(),
    }
}

#[tokio::test]
async fn a_registration_gives_a_user_account_and_a_session() {
    let mut world = World::default();
    world.judge.expect_weakness().returning(|_, _, _| Ok(None));
    world
        .credentials
        .expect_credential()
        .returning(|_| Ok(Some(credential("$fake$correct-horse-battery", false))));
    world
        .accounts
        .expect_create_local()
        .withf(|account, credential| {
            account.username.as_str() == "ada"
                && account.role == Role::User
                && account.email.is_none()
                && credential.is_some_and(|credential| !credential.must_change)
        })
        .times(1)
        .returning(|_, _| Ok(AccountCreation::Created));
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    assert!(
        world.scene().sign_in.registration().register(registration("Ada"), &Visitor::default()).await.is_ok()
    );
}

#[tokio::test]
async fn c112_a_registration_under_an_address_or_a_taken_name_is_refused() {
    let mut world = World::default();
    world.judge.expect_weakness().returning(|_, _, _| Ok(None));
    world.accounts.expect_create_local().times(1).returning(|_, _| Ok(AccountCreation::NameTaken));
    world.sessions.expect_create().never();
    let scene = world.scene();
    for (username, code) in [
        ("ada@example.com", ErrorCode::UsernameMalformed),
        ("\u{430}da", ErrorCode::UsernameMalformed),
        ("", ErrorCode::UsernameMalformed),
        ("ada", ErrorCode::NameTaken),
    ] {
        let refusal = scene
            .sign_in
            .registration()
            .register(registration(username), &Visitor::default())
            .await
            .unwrap_err();
        assert_eq!(refusal.error.code(), code, "{username}");
    }
}

#[tokio::test]
async fn with_self_registration_off_a_registration_is_refused() {
    let mut world = World::default();
    world.closed = true;
    world.accounts.expect_create_local().never();
    let refusal = world
        .scene()
        .sign_in
        .registration()
        .register(registration("ada"), &Visitor::default())
        .await
        .unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::SelfRegistrationOff);
}

#[tokio::test]
async fn with_a_provider_a_registration_is_refused() {
    let mut world = World::default();
    world.providers.push(World::provider(false, crate::provider::EmailTrust::Claim));
    world.accounts.expect_create_local().never();
    let refusal = world
        .scene()
        .sign_in
        .registration()
        .register(registration("mallory"), &Visitor::default())
        .await
        .unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::SelfRegistrationOff);
}

#[tokio::test]
async fn c177_registrations_count_for_their_source_once_hashed() {
    let mut world = World::default();
    world.judge.expect_weakness().returning(|_, _, _| Ok(None));
    world.accounts.expect_create_local().returning(|_, _| Ok(AccountCreation::NameTaken));
    let scene = world.scene();
    let source = crate::ports::Source::of("192.0.2.1".parse().unwrap());
    let visitor = Visitor { source, ..Visitor::default() };
    for (password, code, counted) in [
        ("busy-busy-busy-busy", ErrorCode::Busy, 0),
        ("correct-horse-battery", ErrorCode::NameTaken, 1),
        ("correct-horse-battery", ErrorCode::NameTaken, 2),
        ("correct-horse-battery", ErrorCode::NameTaken, 3),
        ("correct-horse-battery", ErrorCode::RateLimited, 3),
    ] {
        let asked = Registration { password: Password::typed(password).ok(), ..registration("ada") };
        let refusal = scene.sign_in.registration().register(asked, &visitor).await.unwrap_err();
        assert_eq!(refusal.error.code(), code);
        assert_eq!(scene.throttle.counted().len(), counted);
    }
    let registration = LoginAttempt::Stranger { target: LoginTarget::Registration, source };
    assert!(scene.throttle.counted().iter().all(|guess| *guess == registration));
}
