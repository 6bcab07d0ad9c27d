//! `SessionStore`: all sessions of one account.

use std::collections::HashSet;

use labgate_domain::people::AccountId;
use labgate_domain::session::Session;

use super::lab::{
    Replica, account_id, add_ada, add_local, at, at_once, begin_session, ended, local, session, session_id,
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
