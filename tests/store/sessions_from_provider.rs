//! `SessionStore::end_all_from`: the provider reports a sign-out there.

use std::collections::HashSet;

use labgate_domain::people::AccountId;
use labgate_domain::protocol::{Issuer, ProviderSessionId, Subject};
use labgate_domain::session::{ExternalSession, Session, SessionId};

use super::lab::{
    Replica, account_id, add_ada, add_local, at, at_once, begin_session, ended, external, identity, local,
    session, session_id,
};
use super::replicas;

fn issuer() -> Issuer {
    identity("ada").issuer
}

fn sid(text: &str) -> ProviderSessionId {
    ProviderSessionId::parse(text).unwrap()
}

fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

fn from(number: u8, account: AccountId, external: ExternalSession) -> Session {
    Session { external: Some(external), ..session(number, account) }
}

/// Sessions of Ada, account 1, and Bob, account 2:
///
/// | number | subject | sid   | but                       |
/// |--------|---------|-------|---------------------------|
/// | 1, 2   | ada     | sid-1 |                           |
/// | 3      | ada     | sid-2 |                           |
/// | 4      | ada     | none  |                           |
/// | 5      | ada     | sid-1 | at another issuer         |
/// | 6      | bob     | sid-1 | Bob's                     |
/// | 7      | bob     | sid-3 | Bob's                     |
/// | 8      |         |       | Ada's, began here         |
/// | 9      | ada     | sid-1 | has been ended, at 1500   |
async fn sessions(store: &Replica) -> Vec<Session> {
    let ada = add_ada(store).await.id;
    let bob = account_id(2);
    add_local(store, &local(2, "bob"), None).await;
    let elsewhere = Issuer::parse("https://op.example/").unwrap();
    let sessions = vec![
        from(1, ada, external("ada", "sid-1")),
        from(2, ada, external("ada", "sid-1")),
        from(3, ada, external("ada", "sid-2")),
        from(4, ada, ExternalSession { id: None, ..external("ada", "-") }),
        from(5, ada, ExternalSession { issuer: elsewhere, ..external("ada", "sid-1") }),
        from(6, bob, external("bob", "sid-1")),
        from(7, bob, external("bob", "sid-3")),
        Session { external: None, ..session(8, ada) },
        ended(from(9, ada, external("ada", "sid-1")), 1500),
    ];
    for session in &sessions {
        begin_session(store, session).await;
    }
    sessions
}

/// Ends what began so, and expects that to be these sessions, and the others to be as they were.
async fn ends(issuer: &Issuer, sid: Option<&str>, subject: Option<&str>, expected: &[u8]) {
    let [store, other] = replicas().await;
    let before = sessions(&store).await;
    let sid = sid.map(self::sid);
    let subject = subject.map(self::subject);
    let told = async |store: &Replica, seconds| {
        let told = store.sessions.end_all_from(issuer, sid.as_ref(), subject.as_ref(), at(seconds)).await;
        told.unwrap()
    };

    let first = told(&store, 2000).await;
    assert_eq!(first.len(), expected.len(), "each once");
    let number = |id: SessionId| (1..=9).find(|number| session_id(*number) == id).unwrap();
    let ended_numbers: HashSet<u8> = first.iter().map(|(id, _)| number(*id)).collect();
    assert_eq!(ended_numbers, expected.iter().copied().collect(), "{sid:?} {subject:?}");
    for session in before {
        let is_told = first.contains(&(session.id, session.account));
        let expected = if is_told { ended(session, 2000) } else { session };
        assert_eq!(other.sessions.find(expected.id).await, Ok(Some(expected)));
    }
    assert!(told(&other, 3000).await.is_empty(), "what has ended is not told again");
}

#[tokio::test]
async fn c165_a_session_there_ends_those_that_began_with_it() {
    ends(&issuer(), Some("sid-1"), None, &[1, 2, 6]).await;
    ends(&issuer(), Some("sid-2"), None, &[3]).await;
}

#[tokio::test]
async fn c165_a_subject_ends_all_that_began_with_it() {
    ends(&issuer(), None, Some("ada"), &[1, 2, 3, 4]).await;
    ends(&issuer(), None, Some("bob"), &[6, 7]).await;
}

#[tokio::test]
async fn c165_a_session_there_of_a_subject_ends_what_fits_both() {
    ends(&issuer(), Some("sid-1"), Some("ada"), &[1, 2]).await;
    ends(&issuer(), Some("sid-1"), Some("bob"), &[6]).await;
    ends(&issuer(), Some("sid-3"), Some("ada"), &[]).await;
}

#[tokio::test]
async fn c165_neither_ends_nothing() {
    ends(&issuer(), None, None, &[]).await;
}

#[tokio::test]
async fn c165_an_unknown_subject_or_session_ends_nothing() {
    for unknown in ["sid", "SID-1", "sid-1 ", "sid-_", "%", "-", "NULL"] {
        ends(&issuer(), Some(unknown), None, &[]).await;
        ends(&issuer(), None, Some(unknown), &[]).await;
    }
}

#[tokio::test]
async fn c165_another_issuer_ends_only_its_own() {
    let other = Issuer::parse("https://op.example/").unwrap();
    ends(&other, Some("sid-1"), None, &[5]).await;
    ends(&other, None, Some("ada"), &[5]).await;
    ends(&other, Some("sid-2"), None, &[]).await;
    ends(&Issuer::parse("https://OP.example").unwrap(), Some("sid-1"), None, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c165_each_session_is_told_to_one_of_many_calls_at_once() {
    let replicas = replicas().await;
    let ada = add_ada(&replicas[0]).await.id;
    for number in 10..40 {
        begin_session(&replicas[0], &session(number, ada)).await;
    }
    let told = at_once(&replicas, 8, |store, number| async move {
        let (sid, subject) = (sid("sid-1"), subject("ada"));
        let (sid, subject) = if number % 2 == 0 { (Some(&sid), None) } else { (None, Some(&subject)) };
        store.sessions.end_all_from(&issuer(), sid, subject, at(2000)).await.unwrap()
    })
    .await;
    let told: Vec<_> = told.into_iter().flatten().collect();
    assert_eq!(told.len(), 30);
    assert_eq!(HashSet::<_>::from_iter(told).len(), 30);
}
