use super::*;
use crate::error::ErrorCode;
use crate::people::DisplayName;
use crate::ports::{AccountCreation, PasswordWeakness};
use crate::sign_in::testing::{World, credential};

struct Ones;

impl Entropy for Ones {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(1);
    }
}

fn registration(username: &str) -> Registration {
    Registration {
        username: username.to_owned(),
        name: DisplayName::new("Ada"),
        password: Password::typed("correct-horse-battery").ok(),
    }
}

#[tokio::test]
async fn the_setup_token_makes_one_administrator() {
    let token = SetupToken::fresh(&Ones);
    let mut world = World::default();
    world.judge.expect_weakness().returning(|_, _, _| Ok(None));
    world
        .credentials
        .expect_credential()
        .returning(|_| Ok(Some(credential("$fake$correct-horse-battery", false))));
    let mut there = false;
    world.administration.expect_has_administrator().returning(|| Ok(false));
    world.administration.expect_create_first_administrator().times(2).returning(move |account, _| {
        assert_eq!(account.role, Role::Admin);
        let answer = if there { FirstAdministrator::AlreadyThere } else { FirstAdministrator::Created };
        there = true;
        Ok(answer)
    });
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    let mut scene = world.scene();
    scene.sign_in = scene.sign_in.with_setup_token(token.clone());
    for wrong in ["", "wrong", &token.expose()[1..]] {
        let refusal = scene
            .sign_in
            .setup()
            .complete(wrong, registration("root"), &Visitor::default())
            .await
            .unwrap_err();
        assert_eq!(refusal.error.code(), ErrorCode::SetupClosed, "{wrong}");
    }
    assert!(
        scene
            .sign_in
            .setup()
            .complete(token.expose(), registration("root"), &Visitor::default())
            .await
            .is_ok()
    );
    let refusal = scene
        .sign_in
        .setup()
        .complete(token.expose(), registration("other"), &Visitor::default())
        .await
        .unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::SetupClosed);
}

#[tokio::test]
async fn without_a_token_there_is_no_setup() {
    let refusal = World::default()
        .scene()
        .sign_in
        .setup()
        .complete("", registration("root"), &Visitor::default())
        .await
        .unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::SetupClosed);
}

fn given() -> GivenAdministrator {
    GivenAdministrator {
        username: Username::local("keeper").unwrap(),
        password: Password::typed("correct-horse-battery").unwrap(),
    }
}

#[tokio::test]
async fn a_lab_without_an_administrator_has_one_way_to_get_it() {
    for (passwords, replicated, way) in
        [(true, false, "link"), (true, true, "operator"), (false, false, "invitation")]
    {
        let mut world = World::default();
        world.without_passwords = !passwords;
        if !passwords {
            world.providers.push(World::provider(false, crate::provider::EmailTrust::Claim));
        }
        world.administration.expect_has_administrator().returning(|| Ok(false));
        let found = world.scene().sign_in.setup().ensure_first_administrator(None, replicated).await.unwrap();
        let found = match found {
            FirstAdministratorWay::Done => "done",
            FirstAdministratorWay::ByInvitation => "invitation",
            FirstAdministratorWay::ByOperator => "operator",
            FirstAdministratorWay::ByLink(_) => "link",
        };
        assert_eq!(found, way);
    }
}

#[tokio::test]
async fn c171_the_settings_password_of_the_first_administrator_is_judged() {
    for weakness in [None, Some(PasswordWeakness::Common)] {
        let mut world = World::default();
        world.judge.expect_weakness().returning(move |_, _, _| Ok(weakness));
        let mut asked = 0;
        world.administration.expect_has_administrator().returning(move || {
            asked += 1;
            Ok(asked > 1)
        });
        let creations = usize::from(weakness.is_none());
        let created = world.accounts.expect_create_local().times(creations);
        created.returning(|account, credential| {
            assert!(
                account.role == Role::Admin && credential.is_some_and(|credential| credential.must_change)
            );
            Ok(AccountCreation::Created)
        });
        let scene = world.scene();
        let found = scene.sign_in.setup().ensure_first_administrator(Some(&given()), false).await;
        assert_eq!(matches!(found, Ok(FirstAdministratorWay::Done)), weakness.is_none());
        assert_eq!(matches!(found, Err(FirstAdministratorError::Refused { .. })), weakness.is_some());
    }
}
