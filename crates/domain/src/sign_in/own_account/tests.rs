use super::*;
use crate::error::ErrorCode;
use crate::people::{AccountId, AccountStatus};
use crate::protocol::{Issuer, Subject};
use crate::sign_in::testing::{World, account, presenting, session};
use crate::world::Clock as _;

fn world(there: Session) -> World {
    let mut world = World::default();
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world
        .sessions
        .expect_find()
        .returning(move |id| Ok(Some(if id == session().id { session() } else { there.clone() })));
    world
}

fn elsewhere(account: AccountId) -> Session {
    Session { id: SessionId::parse("BBBBBBBBBBBBBBBBBBBBBA").unwrap(), account, ..session() }
}

#[tokio::test]
async fn only_ones_own_sessions_can_be_ended() {
    let strangers = AccountId::parse("01900000-0000-7000-8000-00000000ffff").unwrap();
    for (account_id, ends) in [(session().account, 1), (strangers, 0)] {
        let there = elsewhere(account_id);
        let handle = there.id.handle();
        let mut world = world(there.clone());
        world.sessions.expect_list_of().returning(move |owner, _| {
            Ok([session(), there.clone()].into_iter().filter(|it| it.account == owner).collect())
        });
        world.sessions.expect_end().times(ends).returning(|_, _| Ok(()));
        let scene = world.scene();
        let token = scene.token(&account(AccountStatus::Active), &session());
        assert!(scene.sign_in.accounts().sign_out_session(&handle, &presenting(&token)).await.is_ok());
    }
}

#[tokio::test]
async fn c150_everywhere_means_here_too_and_at_once() {
    let mut world = world(session());
    world
        .sessions
        .expect_end_all_of()
        .withf(|_, except, _| except.is_none())
        .times(1)
        .returning(|_, _, _| Ok(vec![session().id]));
    let scene = world.scene();
    let token = scene.token(&account(AccountStatus::Active), &session());
    scene.sign_in.accounts().sign_out_everywhere(&presenting(&token)).await.unwrap();
    assert!(scene.sign_in.requests().check(&token).await.is_err());
}

#[tokio::test]
async fn an_identity_of_one_tenant_has_the_name_of_the_provider_for_several() {
    let mut world = World::default();
    world.providers.push(World::provider_of("https://login.example/{tenantid}/v2.0"));
    let scene = world.scene();
    for (issuer, expected) in [
        ("https://login.example/11111111-2222-3333-4444-555555555555/v2.0", Some("External")),
        ("https://other.example/11111111-2222-3333-4444-555555555555/v2.0", None),
    ] {
        let identity = LinkedIdentity {
            issuer: Issuer::parse(issuer).unwrap(),
            subject: Subject::parse("ada").unwrap(),
            email: None,
            first_sign_in_at: scene.clock.now(),
            last_sign_in_at: scene.clock.now(),
        };
        let named = scene.sign_in.accounts().with_providers(vec![identity]).await;
        assert_eq!(named[0].1.as_deref(), expected, "{issuer}");
    }
}

#[tokio::test]
async fn without_a_session_there_is_no_own_account() {
    let scene = World::default().scene();
    for visitor in [Visitor::default(), presenting("garbage")] {
        let refusal = scene.sign_in.accounts().own(&visitor).await.unwrap_err();
        assert_eq!(refusal.error.code(), ErrorCode::NotSignedIn);
        assert!(scene.sign_in.accounts().rename(None, &visitor).await.is_err());
        assert!(scene.sign_in.accounts().sign_out_everywhere(&visitor).await.is_err());
    }
}
