//! `SessionStore`: all sessions of one account.

use std::collections::HashSet;

use labgate_domain::people::{AccountId, Role};
use labgate_domain::ports::{Changed, SessionTerms};
use labgate_domain::session::Session;

use super::lab::{
    Replica, account_id, add_ada, add_local, at, at_once, begin_session, ended, local, session, session_id,
    terms,
};
use super::replicas;

/// Ada, account 1, and Bob, account 2, who has session 9.
async fn people(store: &Replica) -> AccountId {
    let ada = add_ada(store).await.id;
    add_local(store, &local(2, "bob"), None).await;
    begin_session(store, &session(9, account_id(2))).await;
    ada
}

#[tokio::test]
async fn live_sessions_are_listed_newest_first() {
    let [store, other] = replicas().await;
    let ada = people(&store).await;
    assert_eq!(store.sessions.list_of(ada, at(0)).await, Ok(Vec::new()));

    let begun = |number, created_at| Session { created_at: at(created_at), ..session(number, ada) };
    let oldest = Session { external: None, groups: Vec::new(), ..begun(3, 1000) };
    let newest = begun(1, 3000);
    let middle = Session { expires_at: at(4001), ..begun(2, 2000) };
    let ended = ended(begun(4, 1000), 1500);
    let expired = Session { expires_at: at(4000), ..begun(5, 1000) };
    for session in [&middle, &oldest, &ended, &newest, &expired] {
        begin_session(&store, session).await;
    }
    let expected = vec![newest.clone(), middle, oldest.clone()];
    assert_eq!(other.sessions.list_of(ada, at(4000)).await, Ok(expected), "at its limit it is over");
    assert_eq!(other.sessions.list_of(ada, at(4001)).await, Ok(vec![newest, oldest]));
    assert_eq!(other.sessions.list_of(account_id(3), at(0)).await, Ok(Vec::new()));
}

#[tokio::test]
async fn f08_with_one_session_more_the_oldest_live_one_ends() {
    let [store, other] = replicas().await;
    let ada = people(&store).await;
    let terms = SessionTerms { at_most: 3, seen_after: at(500), ..terms(Role::Admin) };
    let begun = |number, created_at| Session { created_at: at(created_at), ..session(number, ada) };
    // Dead by its idle limit, though the newest of the first three.
    let idle = Session { last_seen_at: at(400), ..begun(3, 1200) };
    for session in [begun(1, 1000), begun(2, 1100), idle.clone()] {
        assert_eq!(store.sessions.create(&session, terms).await, Ok(true));
    }
    let live = async || {
        let listed = other.sessions.list_of(ada, at(1500)).await.unwrap();
        listed.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    let position = other.sessions.changes_since(None).await.unwrap().position;
    assert_eq!(live().await, [session_id(3), session_id(2), session_id(1)]);
    for (number, created_at, left, ended_one) in [
        (4, 1300, [4, 2, 1], idle),
        (5, 1400, [5, 4, 2], begun(1, 1000)),
        (6, 1400, [6, 5, 4], begun(2, 1100)),
    ] {
        assert_eq!(store.sessions.create(&begun(number, created_at), terms).await, Ok(true));
        let mut left = left.map(session_id);
        let mut found = live().await;
        left.sort_by_key(ToString::to_string);
        found.sort_by_key(ToString::to_string);
        assert_eq!(found, left, "{number}");
        assert_eq!(other.sessions.find(ended_one.id).await, Ok(Some(ended(ended_one, created_at))));
    }
    let told = other.sessions.changes_since(Some(&position)).await.unwrap().changed.unwrap();
    for number in [1, 2, 3] {
        assert!(told.contains(&Changed::Session(session_id(number))), "{number}: {told:?}");
    }
    assert_eq!(store.sessions.list_of(account_id(2), at(1500)).await.unwrap().len(), 1, "Bob's goes on");
    // A refused one ends nothing.
    let wrong = SessionTerms { role: Role::User, at_most: 1, ..terms };
    assert_eq!(store.sessions.create(&begun(7, 1500), wrong).await, Ok(false));
    assert_eq!(live().await.len(), 3);
}

#[tokio::test]
async fn f08_sessions_that_open_at_once_are_counted() {
    let replicas = replicas().await;
    let ada = people(&replicas[0]).await;
    let terms = SessionTerms { at_most: 2, ..terms(Role::Admin) };
    let opened = at_once(&replicas, 20, move |replica, number| async move {
        replica.sessions.create(&session(number + 10, ada), terms).await
    });
    for opened in opened.await {
        assert_eq!(opened, Ok(true));
    }
    assert_eq!(replicas[1].sessions.list_of(ada, at(1500)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn c158_all_sessions_of_an_account_end_but_one() {
    let [store, other] = replicas().await;
    let ada = people(&store).await;
    for number in 1..=4 {
        begin_session(&store, &session(number, ada)).await;
    }
    store.sessions.end(session_id(4), at(1500)).await.unwrap();

    let told = store.sessions.end_all_of(ada, Some(session_id(2)), at(2000)).await.unwrap();
    assert_eq!(told.len(), 2, "what had ended is not told again");
    assert_eq!(HashSet::from_iter(told), HashSet::from([session_id(1), session_id(3)]));
    for expected in [
        ended(session(1, ada), 2000),
        session(2, ada),
        ended(session(3, ada), 2000),
        ended(session(4, ada), 1500),
    ] {
        assert_eq!(other.sessions.find(expected.id).await, Ok(Some(expected)));
    }

    assert_eq!(other.sessions.end_all_of(ada, None, at(2500)).await, Ok(vec![session_id(2)]));
    assert_eq!(other.sessions.end_all_of(ada, None, at(3000)).await, Ok(Vec::new()));
    let second = store.sessions.find(session_id(2)).await.unwrap().unwrap();
    assert_eq!(second.ended_at, Some(at(2500)));
}

#[tokio::test]
async fn the_sessions_of_others_go_on() {
    let [store, _] = replicas().await;
    let ada = people(&store).await;
    begin_session(&store, &session(1, ada)).await;
    let ended = store.sessions.end_all_of(ada, Some(session_id(9)), at(2000)).await;
    assert_eq!(ended, Ok(vec![session_id(1)]));
    assert_eq!(store.sessions.end_all_of(account_id(3), None, at(2000)).await, Ok(Vec::new()));
    assert_eq!(store.sessions.find(session_id(9)).await, Ok(Some(session(9, account_id(2)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_is_ended_by_one_of_many_calls_at_once() {
    let replicas = replicas().await;
    let ada = people(&replicas[0]).await;
    for number in 10..40 {
        begin_session(&replicas[0], &session(number, ada)).await;
    }
    let ended = at_once(&replicas, 8, move |store, number| async move {
        store.sessions.end_all_of(ada, None, at(2000 + i64::from(number))).await.unwrap()
    })
    .await;
    let ended: Vec<_> = ended.into_iter().flatten().collect();
    assert_eq!(ended.len(), 30);
    assert_eq!(HashSet::<_>::from_iter(ended).len(), 30);
}
