//! `AccessTokenStore`, and what takes access tokens away.

use labgate_domain::access_token::{
    AccessToken, AccessTokenHash, AccessTokenId, AccessTokenText, TokenScope,
};
use labgate_domain::people::{AccountId, AccountStatus, Role};
use labgate_domain::ports::{AccessTokenCreation, Changed, FeedPosition, ServicesRevision, StoredService};
use labgate_domain::protocol::Issuer;

use super::lab::{
    Replica, access_token, account_id, add, add_ada, add_local, administrator, at, at_once, begin_session,
    credential, identity, identity_at, local, session, session_id, terms,
};
use super::replicas;

fn id(number: u8) -> AccessTokenId {
    AccessTokenId::parse(&format!("AAAAAAAAAAAAAAAAAA{number:03}A")).unwrap()
}

fn hash(number: u8) -> AccessTokenHash {
    AccessTokenText::parse(&format!("lgt_{number:043}")).unwrap().hash()
}

/// Ada's token.
fn token(number: u8, account: AccountId) -> AccessToken {
    AccessToken { id: id(number), ..access_token(account) }
}

/// One that was made with a password, and not for the administration.
fn plain(number: u8, account: AccountId) -> AccessToken {
    let scope = TokenScope::parse("mlflow").unwrap();
    AccessToken { identity: None, groups: Vec::new(), scope, ..token(number, account) }
}

/// The number of the one session in which an account makes tokens.
fn in_session(account: AccountId) -> u8 {
    (1..=9).find(|number| account_id(*number) == account).unwrap()
}

/// Makes a token in that session, which begins now if it has not.
async fn make(store: &Replica, number: u8, token: &AccessToken) -> AccessTokenCreation {
    let session = session(in_session(token.account), token.account);
    if store.sessions.find(session.id).await.unwrap().is_none()
        && let Some(account) = store.accounts.find(token.account).await.unwrap()
    {
        store.sessions.create(&session, terms(account.role)).await.unwrap();
    }
    store.access_tokens.create(token, &hash(number), session.id, 3).await.unwrap()
}

async fn made(store: &Replica, number: u8, token: &AccessToken) {
    assert_eq!(make(store, number, token).await, AccessTokenCreation::Created);
}

async fn position(store: &Replica) -> FeedPosition {
    store.sessions.changes_since(None).await.unwrap().position
}

/// Asserts that exactly these tokens are there no longer, and that the feed tells it.
async fn assert_gone(store: &Replica, since: &FeedPosition, numbers: &[u8]) {
    let told = store.sessions.changes_since(Some(since)).await.unwrap().changed.unwrap();
    for number in numbers {
        assert_eq!(store.access_tokens.find(&hash(*number)).await, Ok(None), "{number}");
        assert!(told.contains(&Changed::Session(id(*number).in_checks())), "{number}: {told:?}");
    }
}

#[tokio::test]
async fn a_token_is_found_by_its_hash_and_listed_with_its_account() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    add_local(&store, &local(2, "bob"), None).await;
    let (first, second) = (token(1, ada.id), AccessToken { made_at: at(1001), ..plain(2, ada.id) });
    made(&store, 1, &first).await;
    made(&store, 2, &second).await;
    made(&store, 3, &plain(3, account_id(2))).await;
    assert_eq!(other.access_tokens.find(&hash(1)).await, Ok(Some(first.clone())));
    assert_eq!(other.access_tokens.find(&hash(4)).await, Ok(None));
    assert_eq!(other.access_tokens.list_of(ada.id).await, Ok(vec![second, first]));
}

#[tokio::test]
async fn only_an_active_account_with_the_identity_and_room_gets_one() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    add_local(&store, &local(2, "bob"), None).await;
    assert_eq!(make(&store, 1, &plain(1, account_id(9))).await, AccessTokenCreation::Refused, "no account");
    assert_eq!(
        make(&store, 1, &AccessToken { identity: token(1, ada.id).identity, ..plain(1, account_id(2)) })
            .await,
        AccessTokenCreation::Refused,
        "not his identity"
    );
    let scope = token(1, ada.id).scope;
    assert_eq!(
        make(&store, 1, &AccessToken { scope, ..plain(1, account_id(2)) }).await,
        AccessTokenCreation::Refused,
        "no administrator"
    );
    let expired = AccessToken { made_at: at(10), expires_at: at(20), ..plain(1, ada.id) };
    made(&store, 1, &expired).await;
    for number in 2..=4 {
        made(&store, number, &plain(number, ada.id)).await;
    }
    assert_eq!(store.access_tokens.find(&hash(1)).await, Ok(None), "an expired one gives room");
    assert_eq!(make(&store, 5, &plain(5, ada.id)).await, AccessTokenCreation::TooMany);
    made(&store, 6, &plain(6, account_id(2))).await;
    store.administration.set_status(account_id(2), AccountStatus::Disabled, at(2000)).await.unwrap();
    assert_eq!(make(&store, 7, &plain(7, account_id(2))).await, AccessTokenCreation::Refused, "disabled");
}

#[tokio::test]
async fn the_last_use_moves_forward_and_is_no_change() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    made(&store, 1, &token(1, ada.id)).await;
    let since = position(&store).await;
    for seconds in [2000, 1500, 3000] {
        store.access_tokens.touch(id(1), at(seconds)).await.unwrap();
    }
    store.access_tokens.touch(id(9), at(1)).await.unwrap();
    let found = other.access_tokens.find(&hash(1)).await.unwrap().unwrap();
    assert_eq!(found, AccessToken { last_used_at: Some(at(3000)), ..token(1, ada.id) });
    assert_eq!(store.sessions.changes_since(Some(&since)).await.unwrap().changed, Some(Vec::new()));
}

#[tokio::test]
async fn a_token_is_revoked_by_its_own_account_alone_and_once() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    made(&store, 1, &token(1, ada.id)).await;
    made(&store, 2, &token(2, ada.id)).await;
    let since = position(&store).await;
    assert_eq!(store.access_tokens.revoke(account_id(2), id(1)).await, Ok(None));
    assert_eq!(store.access_tokens.revoke(ada.id, id(1)).await, Ok(Some(token(1, ada.id))));
    assert_eq!(other.access_tokens.revoke(ada.id, id(1)).await, Ok(None));
    assert_gone(&other, &since, &[1]).await;
    assert_eq!(other.access_tokens.list_of(ada.id).await, Ok(vec![token(2, ada.id)]));
}

#[tokio::test]
async fn what_takes_the_account_away_takes_its_tokens_away() {
    for (what, number) in [("disable", 0), ("demote", 1), ("delete", 2), ("reset", 3), ("unlink", 4)] {
        let [store, other] = replicas().await;
        let ada = add_ada(&store).await;
        add_local(&store, &administrator(local(2, "root")), None).await;
        made(&store, 1, &token(1, ada.id)).await;
        made(&store, 2, &plain(2, ada.id)).await;
        made(&store, 3, &plain(3, account_id(2))).await;
        let since = position(&store).await;
        let mut gone = vec![1, 2];
        match number {
            0 => drop(
                store.administration.set_status(ada.id, AccountStatus::Disabled, at(2000)).await.unwrap(),
            ),
            1 => drop(store.administration.set_role(ada.id, Role::User, at(2000)).await.unwrap()),
            2 => drop(store.administration.delete(ada.id).await.unwrap()),
            3 => {
                drop(
                    store.credentials.reset_credential(ada.id, &credential("$new"), at(2000)).await.unwrap(),
                );
            }
            _ => {
                let further = identity_at("https://other.example", "ada");
                store.identities.link(ada.id, &further, None, at(1500)).await.unwrap();
                let identity = identity("ada");
                store.identities.unlink(ada.id, &identity.issuer, &identity.subject).await.unwrap();
                gone = vec![1];
            }
        }
        assert_gone(&other, &since, &gone).await;
        let kept = other.access_tokens.find(&hash(2)).await.unwrap();
        assert_eq!(kept.is_some(), gone.len() == 1, "{what}");
        assert!(other.access_tokens.find(&hash(3)).await.unwrap().is_some(), "{what}: another's stays");
    }
}

#[tokio::test]
async fn a_token_follows_its_identity_to_another_issuer_and_waits_for_its_word() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    made(&store, 1, &token(1, ada.id)).await;
    let since = position(&store).await;
    let (from, to) = (identity("ada").issuer, Issuer::parse("https://new.example").unwrap());
    store.administration.move_identities(&from, &to, false, at(2000)).await.unwrap();
    let found = store.access_tokens.find(&hash(1)).await.unwrap().unwrap();
    assert_eq!((&found.identity, found.is_admitted), (&Some((to.clone(), identity("ada").subject)), false));
    let told = other.sessions.changes_since(Some(&since)).await.unwrap().changed.unwrap();
    assert!(told.contains(&Changed::Session(id(1).in_checks())), "{told:?}");
    let there = labgate_domain::identity::ExternalIdentity { issuer: to, ..identity("ada") };
    store.identities.record_sign_in(ada.id, &there, None, at(3000)).await.unwrap();
    assert!(store.access_tokens.find(&hash(1)).await.unwrap().unwrap().is_admitted, "it has come in");
}

#[tokio::test]
async fn a_refusal_is_remembered_without_a_token() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let (issuer, subject) = (identity("ada").issuer, identity("ada").subject);
    let keep = async |groups: Option<&[String]>, seconds| {
        store.access_tokens.keep_admission(&issuer, &subject, groups, at(seconds)).await.unwrap();
    };
    keep(None, 1500).await;
    assert_eq!(make(&other, 1, &token(1, ada.id)).await, AccessTokenCreation::Refused);
    keep(Some(&[]), 1400).await;
    assert_eq!(make(&other, 1, &token(1, ada.id)).await, AccessTokenCreation::Refused, "an older answer");
    keep(Some(&[]), 1600).await;
    made(&other, 1, &token(1, ada.id)).await;
    let signs_in = identity("ada");
    store.identities.record_sign_in(ada.id, &signs_in, None, at(1800)).await.unwrap();
    keep(None, 1700).await;
    made(&other, 3, &token(3, ada.id)).await;
    keep(None, 1900).await;
    store.access_tokens.revoke(ada.id, id(1)).await.unwrap();
    assert_eq!(make(&other, 2, &token(2, ada.id)).await, AccessTokenCreation::Refused, "revoked meanwhile");
}

#[tokio::test]
async fn a_removed_service_is_in_no_scope() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let with = |number: u8, scope: &str| {
        let scope = TokenScope::parse(scope).unwrap();
        AccessToken { scope, ..plain(number, ada.id) }
    };
    made(&store, 1, &with(1, "wiki")).await;
    made(&store, 2, &with(2, "awiki wiki wikib api:admin")).await;
    made(&store, 3, &with(3, "awiki wikib")).await;
    let scope =
        async |number| other.access_tokens.find(&hash(number)).await.unwrap().unwrap().scope.to_string();
    let wiki = StoredService { id: "wiki".to_owned(), definition: "{}".to_owned() };
    let first = store.services.list().await.unwrap().revision;
    assert!(!store.services.remove("wiki", &ServicesRevision("another".to_owned())).await.unwrap());
    assert!(store.services.put(&wiki, &first).await.unwrap());
    assert_eq!(other.access_tokens.find(&hash(1)).await, Ok(None), "made for another service with its id");
    assert_eq!(scope(2).await, "awiki wikib api:admin");
    store.access_tokens.revoke(ada.id, id(2)).await.unwrap();
    made(&store, 1, &with(1, "wiki")).await;
    made(&store, 2, &with(2, "awiki wiki wikib api:admin")).await;
    let again = store.services.list().await.unwrap().revision;
    assert!(store.services.put(&wiki, &again).await.unwrap());
    let since = position(&store).await;
    let second = store.services.list().await.unwrap().revision;
    assert!(!store.services.remove("wiki", &first).await.unwrap());
    assert!(other.access_tokens.find(&hash(1)).await.unwrap().is_some(), "nothing was removed so far");
    assert!(store.services.remove("wiki", &second).await.unwrap());
    assert_gone(&other, &since, &[1]).await;
    assert_eq!(scope(2).await, "awiki wikib api:admin");
    assert_eq!(scope(3).await, "awiki wikib");
    let told = other.sessions.changes_since(Some(&since)).await.unwrap().changed.unwrap();
    assert!(told.contains(&Changed::Session(id(2).in_checks())), "{told:?}");
    assert!(!told.contains(&Changed::Session(id(3).in_checks())), "{told:?}");
}

#[tokio::test]
async fn groups_and_admission_are_those_that_the_provider_gave_last() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    add(&store, &local(2, "bob"), &identity("bob")).await;
    made(&store, 1, &token(1, ada.id)).await;
    made(&store, 2, &plain(2, ada.id)).await;
    let seconds = std::cell::Cell::new(1000);
    let keep = async |subject: &str, groups: Option<&[String]>| {
        seconds.set(seconds.get() + 1);
        let since = position(&store).await;
        let identity = identity(subject);
        let now = at(seconds.get());
        store.access_tokens.keep_admission(&identity.issuer, &identity.subject, groups, now).await.unwrap();
        let told = store.sessions.changes_since(Some(&since)).await.unwrap().changed.unwrap();
        (told.len(), other.access_tokens.find(&hash(1)).await.unwrap().unwrap())
    };
    let first = token(1, ada.id);
    let (new, none) = (vec!["new".to_owned()], Vec::new());
    let with = |groups: &[String], is_admitted, told_at| AccessToken {
        groups: groups.to_vec(),
        is_admitted,
        told_at: at(told_at),
        ..first.clone()
    };
    assert_eq!(keep("bob", Some(&new)).await, (0, first.clone()), "another's");
    let same = keep("ada", Some(&first.groups)).await;
    assert_eq!(same, (0, with(&first.groups, true, 1002)), "the same, but later");
    assert_eq!(keep("ada", Some(&new)).await, (1, with(&new, true, 1003)));
    assert_eq!(keep("ada", None).await, (1, with(&new, false, 1004)), "not admitted: opens nothing");
    assert_eq!(make(&store, 3, &token(3, ada.id)).await, AccessTokenCreation::Refused, "nor does another");
    made(&store, 3, &plain(3, ada.id)).await;
    assert_eq!(keep("ada", None).await, (0, with(&new, false, 1005)));
    seconds.set(1003);
    assert_eq!(keep("ada", Some(&new)).await, (0, with(&new, false, 1005)), "an older answer");
    seconds.set(1005);
    assert_eq!(keep("ada", Some(&none)).await, (1, with(&none, true, 1006)), "admitted again");
    keep("ada", None).await;
    let signs_in = labgate_domain::identity::ExternalIdentity { groups: new.clone(), ..identity("ada") };
    store.identities.record_sign_in(ada.id, &signs_in, None, at(2000)).await.unwrap();
    assert_eq!(
        other.access_tokens.find(&hash(1)).await,
        Ok(Some(with(&new, true, 2000))),
        "by a sign-in, too"
    );
    assert_eq!(
        other.access_tokens.find(&hash(2)).await,
        Ok(Some(plain(2, ada.id))),
        "none of the password's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_tokens_at_once_no_more_are_made_than_there_is_room_for() {
    let replicas = replicas().await;
    let ada = add_ada(&replicas[0]).await;
    begin_session(&replicas[0], &session(1, ada.id)).await;
    let all = at_once(&replicas, 8, move |store, number| async move {
        let token = token(number, ada.id);
        store.access_tokens.create(&token, &hash(number), session_id(1), 3).await.unwrap()
    })
    .await;
    assert_eq!(all.iter().filter(|it| **it == AccessTokenCreation::Created).count(), 3);
    assert_eq!(replicas[1].access_tokens.list_of(ada.id).await.unwrap().len(), 3);
}

#[tokio::test]
async fn no_token_is_made_in_a_session_that_is_over() {
    for over in
        ["ended", "all ended", "expired", "another's", "unknown", "reset", "demoted", "disabled", "unlinked"]
    {
        let [store, other] = replicas().await;
        let ada = add_ada(&store).await;
        add_local(&store, &administrator(local(2, "root")), None).await;
        begin_session(&store, &session(1, ada.id)).await;
        begin_session(&store, &session(2, account_id(2))).await;
        let (mut token, mut session) = (token(1, ada.id), session_id(1));
        match over {
            "ended" => store.sessions.end(session, at(1500)).await.unwrap(),
            "all ended" => drop(store.sessions.end_all_of(ada.id, None, at(1500)).await.unwrap()),
            "expired" => token = AccessToken { made_at: at(5000), expires_at: at(6000), ..token },
            "another's" => session = session_id(2),
            "unknown" => session = session_id(3),
            "reset" => {
                drop(
                    store.credentials.reset_credential(ada.id, &credential("$new"), at(1500)).await.unwrap(),
                );
            }
            "demoted" => drop(store.administration.set_role(ada.id, Role::User, at(1500)).await.unwrap()),
            "disabled" => {
                let disabled = AccountStatus::Disabled;
                store.administration.set_status(ada.id, disabled, at(1500)).await.unwrap();
                store.administration.set_status(ada.id, AccountStatus::Active, at(1600)).await.unwrap();
            }
            _ => {
                let further = identity_at("https://other.example", "ada");
                store.identities.link(ada.id, &further, None, at(1500)).await.unwrap();
                let identity = identity("ada");
                store.identities.unlink(ada.id, &identity.issuer, &identity.subject).await.unwrap();
            }
        }
        // So that what is refused is the session: the rest would do.
        if over != "unlinked" {
            token = AccessToken { identity: None, scope: TokenScope::parse("mlflow").unwrap(), ..token };
        }
        let made = other.access_tokens.create(&token, &hash(1), session, 3).await;
        assert_eq!(made, Ok(AccessTokenCreation::Refused), "{over}");
        assert_eq!(store.access_tokens.list_of(ada.id).await, Ok(Vec::new()), "{over}");
    }
}
