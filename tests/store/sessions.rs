//! `SessionStore`.

use labgate_domain::people::Role;
use labgate_domain::session::{ExternalSession, Session, UserAgent};
use labgate_domain::time::Timestamp;

use super::lab::{
    Replica, account_id, add_ada, at, at_once, begin_session, ended, external, session, session_id, terms,
};
use super::replicas;

/// Ada's session, number 1.
async fn begin(store: &Replica) -> Session {
    let session = session(1, add_ada(store).await.id);
    begin_session(store, &session).await;
    session
}

async fn find(store: &Replica) -> Session {
    store.sessions.find(session_id(1)).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_session_is_found_as_it_was_added_on_every_replica() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    let first = begin(store).await;
    let second = Session {
        external: None,
        user_agent: None,
        address: None,
        groups: Vec::new(),
        authentication_methods: Vec::new(),
        authenticated_at: at(0),
        last_seen_at: at(1),
        expires_at: at(i64::MAX),
        ended_at: Some(at(-1)),
        ..session(2, account_id(1))
    };
    begin_session(other, &second).await;
    for store in &replicas {
        assert_eq!(store.sessions.find(first.id).await, Ok(Some(first.clone())));
        assert_eq!(store.sessions.find(second.id).await, Ok(Some(second.clone())));
    }
}

#[tokio::test]
async fn browser_and_address_come_back_as_they_were_kept() {
    let [store, other] = replicas().await;
    add_ada(&store).await;
    let addresses =
        ["0.0.0.0", "203.0.113.255", "::", "::1", "2001:db8::a:b", "::ffff:192.0.2.1", "fe80::1"].map(Some);
    let texts = [
        "x",
        "-",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        "'); --",
        "{}",
        "a  b",
        &"~".repeat(256),
    ];
    for (number, (address, text)) in (1..).zip(addresses.into_iter().zip(texts).chain([(None, " ")])) {
        let session = Session {
            user_agent: UserAgent::new(text),
            address: address.map(|address| address.parse().unwrap()),
            ..session(number, account_id(1))
        };
        begin_session(&store, &session).await;
        assert_eq!(other.sessions.find(session.id).await, Ok(Some(session)), "{address:?} {text}");
    }
}

#[tokio::test]
async fn a_browser_can_say_what_it_likes_and_the_session_is_still_found() {
    let [store, _] = replicas().await;
    add_ada(&store).await;
    let long = format!("{} x", "x".repeat(255));
    for (number, text) in (1..).zip(["\u{1} \u{1}", "\u{1} x", "x \u{1}", &long, "\u{fffd} \u{fffd}"]) {
        let session = Session { user_agent: UserAgent::new(text), ..session(number, account_id(1)) };
        begin_session(&store, &session).await;
        assert!(store.sessions.find(session.id).await.unwrap().is_some(), "{text:?}");
    }
    assert_eq!(store.sessions.list_of(account_id(1), at(2000)).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_claim_that_the_provider_left_out_stays_absent() {
    let [store, other] = replicas().await;
    add_ada(&store).await;
    let whole = external("ada", "sid-1");
    for (number, external) in (1..).zip([
        ExternalSession { id: None, ..whole.clone() },
        ExternalSession { id_token_hint: None, ..whole.clone() },
        ExternalSession { id: None, id_token_hint: None, ..whole },
    ]) {
        let session = Session { external: Some(external), ..session(number, account_id(1)) };
        begin_session(&store, &session).await;
        assert_eq!(other.sessions.find(session.id).await, Ok(Some(session)));
    }
}

#[tokio::test]
async fn a_session_that_is_not_there_is_none_and_nothing_makes_it_one() {
    let [store, _] = replicas().await;
    assert_eq!(store.sessions.find(session_id(1)).await, Ok(None));
    store.sessions.touch(session_id(1), at(2000)).await.unwrap();
    store.sessions.end(session_id(1), at(2000)).await.unwrap();
    assert_eq!(store.sessions.find(session_id(1)).await, Ok(None));
}

#[tokio::test]
async fn an_id_is_never_used_twice() {
    let [store, _] = replicas().await;
    let first = begin(&store).await;
    let second = Session { groups: vec!["planted".to_owned()], ..first.clone() };
    let error = store.sessions.create(&second, terms(Role::Admin)).await.unwrap_err().to_string();
    assert!(!error.contains("planted") && !error.contains(&first.id.to_string()), "{error}");
    assert_eq!(find(&store).await, first);
}

#[tokio::test]
async fn an_unknown_id_has_no_session() {
    let [store, _] = replicas().await;
    assert_eq!(store.sessions.create(&session(1, account_id(1)), terms(Role::User)).await, Ok(false));
    assert_eq!(store.sessions.find(session_id(1)).await, Ok(None));
}

#[tokio::test]
async fn c151_being_seen_moves_forward_and_never_back() {
    let [store, other] = replicas().await;
    let session = begin(&store).await;
    for (seen, last) in [(2000, 2000), (1500, 2000), (2000, 2000), (3000, 3000)] {
        store.sessions.touch(session.id, at(seen)).await.unwrap();
        assert_eq!(find(&other).await, Session { last_seen_at: at(last), ..session.clone() });
    }
}

#[tokio::test]
async fn an_ended_session_is_never_touched() {
    let [store, other] = replicas().await;
    let session = begin(&store).await;
    store.sessions.end(session.id, at(2000)).await.unwrap();
    other.sessions.touch(session.id, at(3000)).await.unwrap();
    assert_eq!(find(&store).await, ended(session, 2000));
}

#[tokio::test]
async fn c158_a_session_ends_once_and_for_good() {
    let [store, other] = replicas().await;
    let session = begin(&store).await;
    store.sessions.end(session.id, at(2000)).await.unwrap();
    for again in [1500, 2000, 3000] {
        other.sessions.end(session.id, at(again)).await.unwrap();
        assert_eq!(find(&store).await, ended(session.clone(), 2000), "the hint is forgotten");
    }
}

#[tokio::test]
async fn one_session_ends_and_the_others_stay() {
    let [store, _] = replicas().await;
    let first = begin(&store).await;
    let second = session(2, account_id(1));
    begin_session(&store, &second).await;
    store.sessions.end(second.id, at(2000)).await.unwrap();
    store.sessions.touch(second.id, at(2000)).await.unwrap();
    assert_eq!(find(&store).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_and_a_sign_out_at_once_leave_the_session_ended() {
    let replicas = replicas().await;
    let session = begin(&replicas[0]).await;
    at_once(&replicas, 16, move |store, number| async move {
        let now = at(2000 + i64::from(number));
        if number == 7 {
            store.sessions.end(session.id, now).await.unwrap();
        } else {
            store.sessions.touch(session.id, now).await.unwrap();
        }
    })
    .await;
    assert_eq!(find(&replicas[1]).await.ended_at, Some(at(2007)));
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_at_once_leave_the_latest_time() {
    let replicas = replicas().await;
    let session = begin(&replicas[0]).await;
    at_once(&replicas, 16, move |store, number| async move {
        store.sessions.touch(session.id, at(3000 - i64::from(number))).await.unwrap();
    })
    .await;
    assert_eq!(find(&replicas[1]).await.last_seen_at, at(3000));
}

#[tokio::test]
async fn only_what_is_past_its_absolute_limit_is_deleted_and_counted() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    for (number, expires_at) in [(1, 100), (2, 200), (3, 200), (4, 201), (5, 300)] {
        let session = Session { expires_at: at(expires_at), ..session(number, ada.id) };
        begin_session(&store, &session).await;
    }
    store.sessions.end(session_id(5), at(50)).await.unwrap();

    let delete_expired = async |before: Timestamp| other.sessions.delete_expired(before).await.unwrap();
    assert_eq!(delete_expired(at(100)).await, 0, "the limit lies before, not at");
    assert_eq!(delete_expired(at(201)).await, 3);
    assert_eq!(delete_expired(at(201)).await, 0);
    assert_eq!(store.sessions.find(session_id(3)).await, Ok(None));
    for number in [4, 5] {
        assert!(store.sessions.find(session_id(number)).await.unwrap().is_some(), "ended or not, it stays");
    }
}
