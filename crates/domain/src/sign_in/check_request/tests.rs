use std::time::Duration;

use super::*;
use crate::error::ErrorCode;
use crate::people::{AccountStatus, GroupName, GroupPatch, LocalGroups, Role};
use crate::ports::{Changed, MockSessionStore, SessionChanges, StoreError};
use crate::session::SessionId;
use crate::sign_in::testing::{FakeLog, NOW, Scene, World, account, changes, presenting};
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
        assert_eq!(checked.person.username.as_str(), "ada@example.com");
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
    let renewed = scene.tokens.authenticate(checked.renewed.unwrap().expose()).unwrap();
    assert_eq!(renewed.exp, Timestamp::from_unix_seconds(NOW + 1000));
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

/// A world in which the session is live when the store is asked for the first time, and has ended when it is
/// asked for the second; the feed answers in turn.
fn world_that_ends(feed: Vec<Result<SessionChanges, StoreError>>) -> World {
    let mut world = World::default();
    let mut asked = 0;
    world.sessions.expect_find().times(2).returning(move |_| {
        asked += 1;
        let ended_at = (asked == 2).then(|| Timestamp::from_unix_seconds(NOW));
        Ok(Some(Session { ended_at, ..session() }))
    });
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    let mut answers = feed.into_iter();
    world.sessions.expect_changes_since().times(answers.len()).returning(move |_| answers.next().unwrap());
    world
}

#[tokio::test]
async fn c150_what_ends_a_session_elsewhere_ends_it_here_within_a_second() {
    let told = [Changed::Session(session().id), Changed::Account(session().account)];
    for change in told {
        let scene = world_that_ends(vec![Ok(changes(&[])), Ok(changes(&[change]))]).scene();
        let token = token(&scene);
        assert!(scene.sign_in.requests().check(&token).await.is_ok());
        scene.clock.advance(1);
        assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::SessionEnded);
    }
}

#[tokio::test]
async fn a_change_of_others_leaves_a_check_as_it_is() {
    let mut world = world(Some(session()), AccountStatus::Active, 1);
    let other = Changed::Session(SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap());
    world.sessions.expect_changes_since().returning(move |_| Ok(changes(&[other])));
    let scene = world.scene();
    let token = token(&scene);
    for _ in 0..100 {
        scene.sign_in.requests().check(&token).await.unwrap();
        scene.clock.advance(1);
    }
    assert_eq!(scene.tokens.authenticated(), 1);
}

#[tokio::test]
async fn the_feed_is_asked_once_a_second_whatever_the_number_of_sessions() {
    let mut world = World::default();
    world.sessions.expect_find().returning(|id| Ok(Some(Session { id, ..session() })));
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_changes_since().times(3).returning(|_| Ok(changes(&[])));
    let scene = world.scene();
    let tokens: Vec<String> = (0..100_u8)
        .map(|number| {
            let id = SessionId::parse(&format!("AAAAAAAAAAAAAAAAAA{number:03}A")).unwrap();
            let session = Session { id, ..session() };
            let claims =
                scene.claims(&account(AccountStatus::Active), &session, Timestamp::from_unix_seconds(NOW));
            scene.tokens.issue(&claims).unwrap().expose().to_owned()
        })
        .collect();
    for _ in 0..3 {
        for token in &tokens {
            scene.sign_in.requests().check(token).await.unwrap();
        }
        scene.clock.advance(1);
    }
    assert_eq!(scene.tokens.authenticated(), 100);
}

#[tokio::test]
async fn what_the_feed_cannot_name_has_every_token_checked_again() {
    let too_much = SessionChanges { changed: None, ..changes(&[]) };
    let scene = world_that_ends(vec![Ok(changes(&[])), Ok(too_much)]).scene();
    let token = token(&scene);
    assert!(scene.sign_in.requests().check(&token).await.is_ok());
    scene.clock.advance(1);
    assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::SessionEnded);
}

#[tokio::test]
async fn a_change_told_while_a_check_is_under_way_has_it_checked_again() {
    // The store is read, the session ends, the feed tells: and only then the check is remembered.
    let recent = RecentChecks::default();
    let log = FakeLog::default();
    let at = Timestamp::from_unix_seconds;
    let scene = World::default().scene();
    let claims = scene.claims(&account(AccountStatus::Active), &session(), at(NOW));
    let mut feed = MockSessionStore::new();
    let mut answers = [changes(&[]), changes(&[Changed::Session(claims.sid)])].into_iter();
    feed.expect_changes_since().returning(move |_| Ok(answers.next().unwrap()));

    recent.catch_up(&feed, scene.sign_in.requests().services, &log, at(NOW)).await;
    let checked = Checked {
        scope: None,
        turn: recent.turn(),
        renewed: None,
        at: at(NOW),
        until: claims.exp,
        session_until: claims.exp,
        person: Arc::new(SessionPerson::new(claims, Vec::new(), account(AccountStatus::Active))),
    };
    recent.catch_up(&feed, scene.sign_in.requests().services, &log, at(NOW + 1)).await;
    recent.remember(Presented::Session("token").into(), checked);
    let remembered = recent.find(Presented::Session("token").into()).unwrap();
    assert!(!recent.vouches(&remembered, at(NOW + 1), Duration::ZERO));
    let again = Checked { turn: recent.turn(), ..remembered };
    assert!(recent.vouches(&again, at(NOW + 1), Duration::ZERO));
}

#[tokio::test]
async fn new_keys_have_every_token_checked_again() {
    let scene = world(Some(session()), AccountStatus::Active, 2).scene();
    let token = token(&scene);
    scene.sign_in.requests().check(&token).await.unwrap();
    scene.sign_in.requests().forget_checks();
    scene.sign_in.requests().check(&token).await.unwrap();
    scene.sign_in.requests().check(&token).await.unwrap();
    assert_eq!(scene.tokens.authenticated(), 2);
}

#[tokio::test]
async fn a_live_session_outlasts_the_database_by_the_grace() {
    let mut world = World::default();
    let mut answers = 0;
    world.sessions.expect_find().returning(move |_| {
        answers += 1;
        if answers == 1 { Ok(Some(session())) } else { Err(StoreError("down".to_owned())) }
    });
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    let mut asked = 0;
    world.sessions.expect_changes_since().returning(move |_| {
        asked += 1;
        if asked == 1 { Ok(changes(&[])) } else { Err(StoreError("down".to_owned())) }
    });
    let scene = world.scene();
    let known = token(&scene);
    scene.sign_in.requests().check(&known).await.unwrap();
    let lasts = i64::try_from(Policy::DATABASE_GRACE.as_secs()).unwrap();
    for _ in 0..lasts {
        scene.clock.advance(1);
        assert!(scene.sign_in.requests().check(&known).await.is_ok());
    }
    let lost = |event: &&SignInEvent| matches!(event, SignInEvent::ChangesLost { .. });
    assert_eq!(scene.log.events().iter().filter(lost).count(), 1, "said once");
    scene.clock.advance(1);
    assert_eq!(scene.sign_in.requests().check(&known).await.unwrap_err(), NotSignedIn::Unavailable);
}

#[tokio::test]
async fn without_the_database_what_was_not_checked_before_is_not_known() {
    let mut world = World::default();
    world.sessions.expect_find().returning(|_| Err(StoreError("down".to_owned())));
    world.sessions.expect_changes_since().returning(|_| Err(StoreError("down".to_owned())));
    let scene = world.scene();
    let token = token(&scene);
    assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::Unavailable);
}

#[tokio::test]
async fn a_renewal_that_cannot_be_stored_refuses_nobody() {
    let mut world = world(Some(session()), AccountStatus::Active, 1);
    world.sessions.expect_touch().returning(|_, _| Err(StoreError("disk full".to_owned())));
    let scene = world.scene();
    let token = token(&scene);
    scene.clock.advance(900);
    assert!(scene.sign_in.requests().check(&token).await.unwrap().renewed.is_some());
    let event =
        scene.log.events().into_iter().find(|event| matches!(event, SignInEvent::RenewalNotStored { .. }));
    assert!(event.is_some());
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
    assert_eq!(checked.person.role, Role::Admin);
    assert!(checked.renewed.is_some());
}

#[tokio::test]
async fn local_groups_that_changed_are_in_the_next_token_at_once() {
    let add = GroupName::typed_list("gpu, g").unwrap();
    let groups = LocalGroups::default().patched(&GroupPatch { add, remove: Vec::new() }).unwrap();
    let member = Account { groups: groups.clone(), ..account(AccountStatus::Active) };
    let mut world = World::default();
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    world.sessions.expect_touch().times(1).returning(|_, _| Ok(()));
    world.accounts.expect_find().returning(move |_| Ok(Some(member.clone())));
    let scene = world.scene();
    let checked = scene.sign_in.requests().check(&token(&scene)).await.unwrap();
    assert!(checked.renewed.is_some());
    let person = &checked.person;
    assert_eq!(
        (&person.groups[..2], &person.local_groups),
        (&["g".to_owned(), "gpu".to_owned()][..], &groups)
    );
    assert_eq!(person.groups.len(), 4, "the provider's are not lost: {:?}", person.groups);
    let renewed = checked.renewed.unwrap();
    assert!(scene.sign_in.requests().check(renewed.expose()).await.unwrap().renewed.is_none());
}

#[tokio::test]
async fn c188_a_store_that_fails_means_no() {
    let mut world = World::default();
    world.sessions.expect_find().returning(|_| Err(StoreError("down".to_owned())));
    let scene = world.scene();
    let token = token(&scene);
    assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::Unavailable);
    assert!(matches!(
        scene.log.last_trail().outcome,
        Outcome::Refused { code: ErrorCode::StoreUnavailable, .. }
    ));
}

#[tokio::test]
async fn a_request_that_is_overtaken_at_the_end_of_a_second_asks_nothing_again() {
    let mut world = world(Some(session()), AccountStatus::Active, 1);
    world.sessions.expect_changes_since().times(2).returning(|_| Ok(changes(&[])));
    let scene = world.scene();
    let token = token(&scene);
    for ahead in [0, 1, -1, 1] {
        scene.clock.advance(ahead);
        assert!(scene.sign_in.requests().check(&token).await.is_ok());
    }
}

#[tokio::test]
async fn a_session_that_has_ended_is_looked_for_once() {
    let ended = Session { ended_at: Some(Timestamp::from_unix_seconds(NOW)), ..session() };
    let scene = world(Some(ended), AccountStatus::Active, 1).scene();
    let token = token(&scene);
    for _ in 0..10 {
        assert_eq!(scene.sign_in.requests().check(&token).await.unwrap_err(), NotSignedIn::SessionEnded);
    }
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
