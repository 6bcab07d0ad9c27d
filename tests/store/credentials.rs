//! `AccountStore::strengthen_credential`, `change_credential` and `reset_credential`: what replaces what, and
//! what goes with it.

use labgate_domain::people::Credential;

use super::lab::{
    account_id, add_ada, add_local, at_once, begin_session, credential, local, session, session_id,
};
use super::replicas;
use labgate_domain::time::Timestamp;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

#[tokio::test]
async fn a_credential_is_replaced_whole_and_only_that_of_the_account() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    add_local(store, &local(1, "ada"), Some(&credential("$ada"))).await;
    add_local(store, &local(2, "bob"), Some(&credential("$bob"))).await;

    let reset = Credential { must_change: true, ..credential("$reset") };
    assert_eq!(other.credentials.reset_credential(account_id(1), &reset, NOW).await, Ok(Some(Vec::new())));
    for store in &replicas {
        assert_eq!(store.credentials.credential(account_id(1)).await, Ok(Some(reset.clone())));
        assert_eq!(store.credentials.credential(account_id(2)).await, Ok(Some(credential("$bob"))));
    }

    let chosen = credential("$chosen");
    let changed = store.credentials.change_credential(account_id(1), &chosen, &reset.hash, NOW).await;
    assert_eq!(changed, Ok(Some(Vec::new())));
    assert_eq!(
        other.credentials.credential(account_id(1)).await,
        Ok(Some(chosen)),
        "it must not be changed again"
    );
}

#[tokio::test]
async fn an_outdated_hash_replaces_nothing() {
    let [store, _] = replicas().await;
    let now = credential("$Now");
    add_local(&store, &local(1, "ada"), Some(&now)).await;
    add_local(&store, &local(2, "bob"), Some(&credential("$bob"))).await;
    for other in ["$now", "$NOW", "$Now$", "$", "$bob", "$%"] {
        let other = credential(other);
        let new = credential("$new");
        let strengthened = store.credentials.strengthen_credential(account_id(1), &new, &other.hash).await;
        assert_eq!(strengthened, Ok(false));
        assert_eq!(
            store.credentials.change_credential(account_id(1), &new, &other.hash, NOW).await,
            Ok(None)
        );
        assert_eq!(store.credentials.credential(account_id(1)).await, Ok(Some(now.clone())));
    }
}

#[tokio::test]
async fn an_account_that_nothing_opens_gets_a_credential_by_a_reset_only() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let first = credential("$first");
    assert_eq!(store.credentials.change_credential(ada.id, &first, &first.hash, NOW).await, Ok(None));
    assert_eq!(store.credentials.credential(ada.id).await, Ok(None));
    assert_eq!(store.credentials.reset_credential(ada.id, &first, NOW).await, Ok(Some(Vec::new())));
    assert_eq!(other.credentials.credential(ada.id).await, Ok(Some(first)));
    assert_eq!(other.accounts.find(ada.id).await, Ok(Some(ada)), "nothing else changes");
}

#[tokio::test]
async fn a_missing_account_has_no_credential() {
    let [store, _] = replicas().await;
    let new = credential("$new");
    assert_eq!(store.credentials.reset_credential(account_id(1), &new, NOW).await, Ok(None));
    assert_eq!(store.credentials.change_credential(account_id(1), &new, &new.hash, NOW).await, Ok(None));
    assert_eq!(store.credentials.strengthen_credential(account_id(1), &new, &new.hash).await, Ok(false));
    assert_eq!(store.credentials.credential(account_id(1)).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_of_one_password_at_once_one_counts() {
    for _ in 0..10 {
        let replicas = replicas().await;
        add_local(&replicas[0], &local(1, "ada"), Some(&credential("$old"))).await;
        let set = at_once(&replicas, 16, |store, number| async move {
            let new = credential(&format!("${number}"));
            let old = credential("$old").hash;
            let changed = store.credentials.change_credential(account_id(1), &new, &old, NOW).await.unwrap();
            (new.clone(), changed.is_some())
        })
        .await;
        let winners: Vec<_> = set.into_iter().filter(|it| it.1).map(|it| it.0).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(
            replicas[1].credentials.credential(account_id(1)).await.unwrap().as_ref(),
            winners.first()
        );
    }
}

#[tokio::test]
async fn c150_a_changed_password_ends_all_sessions_of_the_account_with_it() {
    let [store, other] = replicas().await;
    let ada = local(1, "ada");
    add_local(&store, &ada, Some(&credential("$old"))).await;
    add_local(&store, &local(2, "bob"), Some(&credential("$bob"))).await;
    for (id, account) in [(1, account_id(1)), (2, account_id(1)), (3, account_id(2))] {
        begin_session(&store, &session(id, account)).await;
    }
    let old = credential("$old").hash;
    let (new, no) = (credential("$new"), credential("$no").hash);
    assert_eq!(store.credentials.change_credential(account_id(1), &new, &no, NOW).await, Ok(None));
    assert_eq!(
        other.sessions.find(session_id(1)).await.unwrap().unwrap().ended_at,
        None,
        "ended for nothing"
    );

    let changed = other.credentials.change_credential(account_id(1), &new, &old, NOW).await;
    let mut ended = changed.unwrap().unwrap();
    ended.sort_by_key(ToString::to_string);
    let mut expected = vec![session_id(1), session_id(2)];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(ended, expected);
    for (id, ended_at) in [(1, Some(NOW)), (2, Some(NOW)), (3, None)] {
        assert_eq!(store.sessions.find(session_id(id)).await.unwrap().unwrap().ended_at, ended_at, "{id}");
    }
}

#[tokio::test]
async fn c115_a_reset_password_drops_the_identities_of_an_account_that_had_one() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    begin_session(&store, &session(1, ada.id)).await;
    let identities = async || store.identities.identities(ada.id).await.unwrap().len();
    // The first password is another way in; nobody can have abused one that was not there.
    let reset = store.credentials.reset_credential(ada.id, &credential("$first"), NOW).await;
    assert_eq!(reset, Ok(Some(vec![session_id(1)])));
    assert_eq!(identities().await, 1);
    assert_eq!(
        store.credentials.reset_credential(ada.id, &credential("$second"), NOW).await,
        Ok(Some(Vec::new()))
    );
    assert_eq!(identities().await, 0);
    assert_eq!(store.credentials.credential(ada.id).await, Ok(Some(credential("$second"))));
}
