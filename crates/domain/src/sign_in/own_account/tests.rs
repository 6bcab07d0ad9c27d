use super::*;
use crate::error::ErrorCode;
use crate::people::{AccountId, AccountStatus};
use crate::sign_in::testing::{World, account, presenting, session};

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
        let id = there.id;
        let mut world = world(there);
        world.sessions.expect_end().times(ends).returning(|_, _| Ok(()));
        let scene = world.scene();
        let token = scene.token(&account(AccountStatus::Active), &session());
        assert!(scene.sign_in.sign_out_there(id, &presenting(&token)).await.is_ok());
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
    scene.sign_in.sign_out_everywhere(&presenting(&token)).await.unwrap();
    assert!(scene.sign_in.check_request(&token).await.is_err());
}

#[tokio::test]
async fn without_a_session_there_is_no_own_account() {
    let scene = World::default().scene();
    for visitor in [Visitor::default(), presenting("garbage")] {
        let refusal = scene.sign_in.own_account(&visitor).await.unwrap_err();
        assert_eq!(refusal.error.code(), ErrorCode::NotSignedIn);
        assert!(scene.sign_in.rename(None, &visitor).await.is_err());
        assert!(scene.sign_in.sign_out_everywhere(&visitor).await.is_err());
    }
}
