use super::*;
use crate::error::ErrorCode;
use crate::people::{DisplayName, Password};
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
    world.judge.expect_weakness().returning(|_, _| None);
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
    world.sessions.expect_create().times(1).returning(|_| Ok(()));
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
