//! `SessionStore::take_due` and `keep_answer`: sessions about which a provider is to be asked again.

use labgate_domain::people::AccountId;
use labgate_domain::protocol::IdTokenHint;
use labgate_domain::provider::ProviderId;
use labgate_domain::sealed::Sealed;
use labgate_domain::session::{ExternalSession, NextRevalidation, Session, SessionId};
use labgate_domain::time::Timestamp;

use super::lab::{Replica, add_ada, at, at_once, begin_session, ended, external, session, session_id};
use super::replicas;

fn revalidation(token: &str, seconds: i64) -> NextRevalidation {
    NextRevalidation { refresh_token: Sealed::parse(token).unwrap(), due_at: at(seconds) }
}

/// A session of this person at the provider, due at that time.
fn due_of(person: &str, number: u8, account: AccountId, seconds: i64) -> Session {
    let external =
        ExternalSession { revalidation: Some(revalidation("sealed", seconds)), ..external(person, "sid-1") };
    Session { external: Some(external), ..session(number, account) }
}

/// The only session of a person, due at that time.
fn due(number: u8, account: AccountId, seconds: i64) -> Session {
    due_of(&format!("person-{number}"), number, account, seconds)
}

fn provider() -> ProviderId {
    external("ada", "sid-1").provider
}

async fn take(store: &Replica, provider: &ProviderId, now: i64, at_most: u32) -> Vec<Session> {
    store.sessions.take_due(provider, at(now), at(500), at(now + 120), at_most).await.unwrap()
}

fn ids(sessions: &[Session]) -> Vec<SessionId> {
    let mut ids: Vec<SessionId> = sessions.iter().map(|session| session.id).collect();
    ids.sort_by_key(ToString::to_string);
    ids
}

fn due_at(session: &Session) -> Option<Timestamp> {
    Some(session.external.as_ref()?.revalidation.as_ref()?.due_at)
}

#[tokio::test]
async fn only_due_live_sessions_of_the_provider_are_taken_oldest_first() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await.id;
    let elsewhere = |mut session: Session| {
        session.external.as_mut().unwrap().provider = ProviderId::parse("elsewhere").unwrap();
        session
    };
    for session in [
        due(1, ada, 1900),
        due(2, ada, 2000),
        due(3, ada, 1800),
        due(4, ada, 2001),
        session(5, ada),
        elsewhere(due(6, ada, 1000)),
        ended(due(7, ada, 1000), 1500),
        Session { last_seen_at: at(500), ..due(8, ada, 1000) },
        Session { expires_at: at(2000), ..due(9, ada, 1000) },
    ] {
        begin_session(&store, &session).await;
    }
    let first = take(&other, &provider(), 2000, 2).await;
    assert_eq!(ids(&first), [session_id(1), session_id(3)]);
    assert!(first.iter().all(|session| due_at(session) == Some(at(2120))));
    let expected = due(3, ada, 2120);
    assert_eq!(store.sessions.find(session_id(3)).await, Ok(Some(expected.clone())));
    assert!(first.contains(&expected), "whole sessions");

    assert_eq!(ids(&take(&store, &provider(), 2000, 2).await), [session_id(2)]);
    assert!(take(&other, &provider(), 2000, 2).await.is_empty(), "each is somebody's already");
    assert_eq!(ids(&take(&other, &provider(), 2120, 9).await).len(), 4, "due again when nobody came back");
}

#[tokio::test]
async fn of_many_replicas_at_once_one_takes_a_session() {
    let replicas = replicas().await;
    let ada = add_ada(&replicas[0]).await.id;
    for number in 1..=20 {
        begin_session(&replicas[0], &due(number, ada, 1000)).await;
    }
    let taken = at_once(&replicas, 8, |store, _| async move {
        let mut all = Vec::new();
        loop {
            match take(&store, &provider(), 2000, 3).await {
                some if some.is_empty() => return all,
                some => all.extend(some),
            }
        }
    })
    .await;
    let taken: Vec<Session> = taken.into_iter().flatten().collect();
    assert_eq!(ids(&taken), (1..=20).map(session_id).collect::<Vec<_>>(), "each once");
}

#[tokio::test]
async fn f38_a_person_is_taken_with_all_sessions() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await.id;
    let idle = |session: Session| Session { last_seen_at: at(500), ..session };
    let elsewhere = |mut session: Session| {
        session.external.as_mut().unwrap().provider = ProviderId::parse("elsewhere").unwrap();
        session
    };
    for session in [
        due_of("ada", 1, ada, 1900),
        due_of("ada", 2, ada, 2500),
        idle(due_of("ada", 3, ada, 1000)),
        ended(due_of("ada", 4, ada, 1000), 1500),
        Session { expires_at: at(2000), ..due_of("ada", 5, ada, 1000) },
        elsewhere(due_of("ada", 6, ada, 1000)),
        session(7, ada),
        due_of("bob", 8, ada, 2500),
        idle(due_of("carol", 9, ada, 1000)),
    ] {
        begin_session(&store, &session).await;
    }
    let taken = take(&other, &provider(), 2000, 9).await;
    assert_eq!(ids(&taken), [1, 2, 3].map(session_id));
    assert!(taken.iter().all(|session| due_at(session) == Some(at(2120))));
    assert!(take(&store, &provider(), 2119, 9).await.is_empty());
    assert_eq!(ids(&take(&store, &provider(), 2120, 9).await), [1, 2, 3].map(session_id));
}

#[tokio::test]
async fn f38_of_many_replicas_at_once_one_takes_a_person() {
    let replicas = replicas().await;
    let ada = add_ada(&replicas[0]).await.id;
    for number in 1..=20 {
        begin_session(&replicas[0], &due_of("ada", number, ada, 1000)).await;
    }
    let taken =
        at_once(&replicas, 8, |store, _| async move { take(&store, &provider(), 2000, 3).await }).await;
    let mut sizes: Vec<usize> = taken.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 0, 0, 0, 0, 0, 0, 20]);
}

#[tokio::test]
async fn the_answer_of_the_provider_is_kept() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await.id;
    let before = due(1, ada, 1000);
    begin_session(&store, &before).await;
    let groups = vec!["new \"group\"".to_owned()];
    let hint = |token| IdTokenHint::parse(token).ok();
    for (newer, next, kept) in [
        (hint("newer"), Some(revalidation("another", 3000)), hint("newer")),
        (None, Some(revalidation("third", 3000)), hint("newer")),
        (None, None, hint("newer")),
    ] {
        store.sessions.keep_answer(before.id, &groups, newer.as_ref(), next.as_ref()).await.unwrap();
        let external = before.external.clone().map(|external| ExternalSession {
            revalidation: next,
            id_token_hint: kept,
            ..external
        });
        let expected = Session { groups: groups.clone(), external, ..before.clone() };
        assert_eq!(other.sessions.find(before.id).await, Ok(Some(expected)));
    }
    store.sessions.keep_answer(session_id(2), &groups, None, None).await.unwrap();
    assert_eq!(other.sessions.find(session_id(2)).await, Ok(None), "nothing is made");
}

#[tokio::test]
async fn c154_an_ended_session_forgets_its_refresh_token() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await.id;
    for number in 1..=4 {
        begin_session(&store, &due(number, ada, 1000)).await;
    }
    let issuer = external("ada", "sid-1").issuer;
    let sid = external("ada", "sid-1").id;
    store.sessions.end(session_id(1), at(1500)).await.unwrap();
    let late = IdTokenHint::parse("late").ok();
    store
        .sessions
        .keep_answer(session_id(1), &[], late.as_ref(), Some(&revalidation("late", 3000)))
        .await
        .unwrap();
    store.sessions.end_all_of(ada, Some(session_id(4)), at(1500)).await.unwrap();
    store.sessions.end_all_from(&issuer, sid.as_ref(), None, at(1500)).await.unwrap();
    for number in 1..=4 {
        let ended = other.sessions.find(session_id(number)).await.unwrap().unwrap();
        assert_eq!(ended.ended_at, Some(at(1500)));
        let external = ended.external.unwrap();
        assert_eq!((external.revalidation, external.id_token_hint), (None, None), "{number}");
        assert_eq!(ended.groups, session(number, ada).groups, "{number}");
    }
    assert!(take(&other, &provider(), 2000, 9).await.is_empty());
}
