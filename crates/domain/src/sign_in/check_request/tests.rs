use super::*;
use crate::error::ErrorCode;
use crate::people::{AccountStatus, Role};
use crate::ports::StoreError;
use crate::session::SessionId;
use crate::sign_in::testing::{NOW, Scene, World, account, presenting};
use crate::world::Entropy;

struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn session() -> Session {
    let at = Timestamp::from_unix_seconds;
    Session {
        id: SessionId::fresh(&Sevens),
        account: account(AccountStatus::Active).id,
        external: None,
        user_agent: None,
        address: None,
        groups: vec!["g".repeat(200), "h".repeat(100)],
        authentication_methods: Vec::new(),
        authenticated_at: at(NOW),
        created_at: at(NOW),
        last_seen_at: at(NOW),
        expires_at: at(NOW + 3600),
        ended_at: None,
    }
}

fn token(scene: &Scene) -> String {
    let claims = scene.claims(&account(AccountStatus::Active), &session(), Timestamp::from_unix_seconds(NOW));
    scene.tokens.issue(&claims).unwrap().expose().to_owned()
}

/// A world with one session, which the store is asked for so many times.
fn world(session: Option<Session>, status: AccountStatus, times: usize) -> World {
    let mut world = World::default();
    world.sessions.expect_find().times(times).returning(move |_| Ok(session.clone()));
    world.accounts.expect_find().times(times).returning(move |_| Ok(Some(account(status))));
    world
}

#[tokio::test]
async fn the_second_check_asks_neither_the_signature_nor_the_store() {
    let scene = world(Some(session()), AccountStatus::Active, 1).scene();
    let token = token(&scene);
    for _ in 0..10 {
        let checked = scene.sign_in.requests().check(&token).await.unwrap();
        assert_eq!(checked.claims.username.as_str(), "ada@example.com");
        assert!(checked.renewed.is_none());
    }
    assert_eq!(scene.tokens.authenticated(), 1);
}

#[tokio::test]
async fn c149_a_live_sessions_expired_token_is_renewed_once_for_all() {
    let mut world = world(Some(session()), AccountStatus::Active, 1);
    world.sessions.expect_touch().times(1).returning(|_, _| Ok(()));
    let scene = world.scene();
    let token = token(&scene);
    scene.clock.advance(900);
    let one = scene.sign_in.requests().check(&token).await.unwrap().renewed.unwrap();
    let other = scene.sign_in.requests().check(&token).await.unwrap().renewed.unwrap();
    assert_eq!(one.expose(), other.expose());
    assert_ne!(one.expose(), token);
}

#[tokio::test]
async fn c151_a_renewed_token_never_outlives_its_session() {
    let mut ending = session();
    ending.expires_at = Timestamp::from_unix_seconds(NOW + 1000);
    let mut world = world(Some(ending), AccountStatus::Active, 1);
    world.sessions.expect_touch().returning(|_, _| Ok(()));
    let scene = world.scene();
    let token = token(&scene);
    scene.clock.advance(950);
    let checked = scene.sign_in.requests().check(&token).await.unwrap();
    assert_eq!(checked.claims.exp, Timestamp::from_unix_seconds(NOW + 1000));
}

#[tokio::test]
async fn a_session_that_ended_in_the_store_is_over() {
    let ended = Session { ended_at: Some(Timestamp::from_unix_seconds(NOW)), ..session() };
    for gone in [Some(ended), None] {
        let scene = world(gone, AccountStatus::Active, 1).scene();
        let token = token(&scene);
        assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::SessionEnded);
    }
}

#[tokio::test]
async fn a_disabled_account_is_out() {
    let scene = world(Some(session()), AccountStatus::Disabled, 1).scene();
    let token = token(&scene);
    assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::AccountDisabled);
}

#[tokio::test]
async fn c150_c158_after_sign_out_the_token_opens_nothing_not_even_from_memory() {
    let mut world = World::default();
    world.sessions.expect_find().times(2).returning(|_| Ok(Some(session())));
    world.accounts.expect_find().times(1).returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_end().times(1).returning(|_, _| Ok(()));
    let scene = world.scene();
    let token = token(&scene);
    scene.sign_in.requests().check(&token).await.unwrap();
    scene.sign_in.sessions().sign_out(&presenting(&token)).await.unwrap();
    assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::SessionEnded);
}

#[tokio::test]
async fn c150_what_ends_a_session_elsewhere_ends_it_here_within_a_second() {
    let mut world = World::default();
    let mut asked = 0;
    world.sessions.expect_find().times(2).returning(move |_| {
        asked += 1;
        let ended_at = (asked == 2).then(|| Timestamp::from_unix_seconds(NOW));
        Ok(Some(Session { ended_at, ..session() }))
    });
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    let scene = world.scene();
    let token = token(&scene);
    assert!(scene.sign_in.requests().check(&token).await.is_ok());
    scene.clock.advance(1);
    assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::SessionEnded);
}

#[tokio::test]
async fn a_role_that_changed_is_in_the_next_token_at_once() {
    let mut world = World::default();
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    world.sessions.expect_touch().times(1).returning(|_, _| Ok(()));
    let promoted = Account { role: Role::Admin, ..account(AccountStatus::Active) };
    world.accounts.expect_find().returning(move |_| Ok(Some(promoted.clone())));
    let scene = world.scene();
    let checked = scene.sign_in.requests().check(&token(&scene)).await.unwrap();
    assert_eq!(checked.claims.role, Role::Admin);
    assert!(checked.renewed.is_some());
}

#[tokio::test]
async fn c188_a_store_that_fails_means_no() {
    let mut world = World::default();
    world.sessions.expect_find().returning(|_| Err(StoreError("down".to_owned())));
    let scene = world.scene();
    let token = token(&scene);
    assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::Unavailable);
    assert!(matches!(scene.log.last_trail().outcome, Outcome::Refused { code: ErrorCode::Internal, .. }));
}

#[tokio::test]
async fn c082_a_clock_set_back_resurrects_nothing() {
    let scene = world(Some(session()), AccountStatus::Active, 2).scene();
    let token = token(&scene);
    scene.sign_in.requests().check(&token).await.unwrap();
    // Before its time the memory does not vouch for a token: the store is asked again.
    scene.clock.advance(-100);
    assert!(scene.sign_in.requests().check(&token).await.is_ok());
}
