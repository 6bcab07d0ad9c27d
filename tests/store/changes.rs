//! `SessionStore`: the feed of changes.

use std::collections::HashSet;

use labgate_domain::people::{AccountStatus, Role};
use labgate_domain::ports::{Changed, FeedPosition};

use super::lab::{
    Replica, accepted, account_id, add_ada, add_local, added, at, at_once, begin_session, local, name,
    session, session_id,
};
use super::replicas;

/// Returns where the feed stands.
async fn present(store: &Replica) -> FeedPosition {
    let changes = store.sessions.changes_since(None).await.unwrap();
    assert_eq!(changes.changed, None, "nothing is known of what was before");
    changes.position
}

/// Returns what has changed since then, and moves on.
async fn news(store: &Replica, position: &mut FeedPosition) -> HashSet<Changed> {
    let changes = store.sessions.changes_since(Some(position)).await.unwrap();
    *position = changes.position;
    changes.changed.unwrap().into_iter().collect()
}

#[tokio::test]
async fn every_change_is_told_to_every_replica_once() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await.id;
    add_local(&store, &local(2, "bob"), None).await;
    for number in 1..=6 {
        let account = if number == 6 { account_id(2) } else { ada };
        begin_session(&store, &session(number, account)).await;
    }
    let (mut here, mut there) = (present(&store).await, present(&other).await);
    let (one, two, bob) = (Changed::Session(session_id(1)), Changed::Session(session_id(2)), account_id(2));

    store.sessions.touch(session_id(1), at(1500)).await.unwrap();
    assert_eq!(news(&other, &mut there).await, HashSet::new(), "use is no change");
    store.sessions.end(session_id(1), at(2000)).await.unwrap();
    assert_eq!(news(&other, &mut there).await, HashSet::from([one]));
    store.sessions.keep_answer(session_id(2), &["other".to_owned()], None, None).await.unwrap();
    assert_eq!(news(&other, &mut there).await, HashSet::from([two]));
    let ended = store.sessions.end_all_of(ada, Some(session_id(3)), at(2000)).await.unwrap();
    assert_eq!(news(&other, &mut there).await, ended.into_iter().map(Changed::Session).collect());

    other.accounts.set_name(bob, Some(&name("Bob"))).await.unwrap();
    assert_eq!(news(&other, &mut there).await, HashSet::from([Changed::Account(bob)]));
    other.administration.set_role(bob, Role::Admin, at(2000)).await.unwrap();
    assert_eq!(news(&other, &mut there).await, HashSet::from([Changed::Account(bob)]));
    for told in [HashSet::from([Changed::Account(bob)]), HashSet::new()] {
        other.administration.change_groups(bob, &added("gpu")).await.unwrap();
        assert_eq!(news(&other, &mut there).await, told, "a change once, and what is so already is none");
    }
    for told in [HashSet::from([Changed::Account(bob)]), HashSet::new()] {
        other.accounts.accept_terms(bob, &accepted("1", 2000)).await.unwrap();
        assert_eq!(news(&other, &mut there).await, told, "the same version once more is no change");
    }
    other.administration.set_status(bob, AccountStatus::Disabled, at(2000)).await.unwrap();
    assert!(news(&other, &mut there).await.contains(&Changed::Account(bob)));
    other.administration.delete(bob).await.unwrap();
    assert!(news(&other, &mut there).await.contains(&Changed::Account(bob)));
    assert_eq!(news(&other, &mut there).await, HashSet::new(), "told once");

    let all = news(&store, &mut here).await;
    assert!(all.is_superset(&HashSet::from([one, two, Changed::Account(bob)])), "{all:?}");
    assert_eq!(news(&store, &mut here).await, HashSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_at_once_none_is_missed() {
    let replicas = replicas().await;
    let ada = add_ada(&replicas[0]).await.id;
    for number in 0..64 {
        begin_session(&replicas[0], &session(number, ada)).await;
    }
    let mut position = present(&replicas[1]).await;
    let watching = replicas[1].clone();
    let watch = tokio::spawn(async move {
        let mut told = HashSet::new();
        while told.len() < 64 {
            told.extend(news(&watching, &mut position).await);
            tokio::task::yield_now().await;
        }
        told
    });
    at_once(&replicas, 64, |store, number| async move {
        store.sessions.end(session_id(number), at(2000)).await.unwrap();
    })
    .await;
    let expected: HashSet<Changed> = (0..64).map(|number| Changed::Session(session_id(number))).collect();
    // One that is missed would have the watcher wait for ever.
    let told = tokio::time::timeout(std::time::Duration::from_mins(1), watch).await;
    assert_eq!(told.expect("a change was never told").unwrap(), expected);
}
