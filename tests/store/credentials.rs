//! `AccountStore::set_credential`: what replaces what.

use labgate_domain::people::Credential;

use super::lab::{account_id, add_ada, add_local, at_once, credential, local};
use super::replicas;

#[tokio::test]
async fn a_credential_is_replaced_whole_and_only_that_of_the_account() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    add_local(store, &local(1, "ada"), Some(&credential("$ada"))).await;
    add_local(store, &local(2, "bob"), Some(&credential("$bob"))).await;

    let reset = Credential { must_change: true, ..credential("$reset") };
    assert_eq!(other.accounts.set_credential(account_id(1), &reset, None).await, Ok(true));
    for store in &replicas {
        assert_eq!(store.accounts.credential(account_id(1)).await, Ok(Some(reset.clone())));
        assert_eq!(store.accounts.credential(account_id(2)).await, Ok(Some(credential("$bob"))));
    }

    let chosen = credential("$chosen");
    assert_eq!(store.accounts.set_credential(account_id(1), &chosen, Some(&reset.hash)).await, Ok(true));
    assert_eq!(
        other.accounts.credential(account_id(1)).await,
        Ok(Some(chosen)),
        "it must not be changed again"
    );
}

#[tokio::test]
async fn what_is_no_longer_the_hash_replaces_nothing() {
    let [store, _] = replicas().await;
    let now = credential("$Now");
    add_local(&store, &local(1, "ada"), Some(&now)).await;
    add_local(&store, &local(2, "bob"), Some(&credential("$bob"))).await;
    for other in ["$now", "$NOW", "$Now$", "$", "$bob", "$%"] {
        let other = credential(other);
        let set = store.accounts.set_credential(account_id(1), &credential("$new"), Some(&other.hash)).await;
        assert_eq!(set, Ok(false));
        assert_eq!(store.accounts.credential(account_id(1)).await, Ok(Some(now.clone())));
    }
}

#[tokio::test]
async fn an_account_that_nothing_opens_gets_a_credential_unless_it_must_have_had_one() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let first = credential("$first");
    assert_eq!(store.accounts.set_credential(ada.id, &first, Some(&first.hash)).await, Ok(false));
    assert_eq!(store.accounts.credential(ada.id).await, Ok(None));
    assert_eq!(store.accounts.set_credential(ada.id, &first, None).await, Ok(true));
    assert_eq!(other.accounts.credential(ada.id).await, Ok(Some(first)));
    assert_eq!(other.accounts.find(ada.id).await, Ok(Some(ada)), "nothing else changes");
}

#[tokio::test]
async fn nobody_has_no_credential() {
    let [store, _] = replicas().await;
    let new = credential("$new");
    assert_eq!(store.accounts.set_credential(account_id(1), &new, None).await, Ok(false));
    assert_eq!(store.accounts.set_credential(account_id(1), &new, Some(&new.hash)).await, Ok(false));
    assert_eq!(store.accounts.credential(account_id(1)).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_of_one_password_at_once_one_counts() {
    for _ in 0..10 {
        let replicas = replicas().await;
        add_local(&replicas[0], &local(1, "ada"), Some(&credential("$old"))).await;
        let set = at_once(&replicas, 16, |store, number| async move {
            let new = credential(&format!("${number}"));
            let old = credential("$old").hash;
            (new.clone(), store.accounts.set_credential(account_id(1), &new, Some(&old)).await.unwrap())
        })
        .await;
        let winners: Vec<_> = set.into_iter().filter(|it| it.1).map(|it| it.0).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(replicas[1].accounts.credential(account_id(1)).await.unwrap().as_ref(), winners.first());
    }
}
