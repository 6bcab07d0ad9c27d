//! `AccountStore::record_sign_in`: what a further sign-in changes.

use labgate_domain::identity::{EmailClaim, ExternalIdentity, LinkedIdentity};
use labgate_domain::people::{Account, Username};
use labgate_domain::ports::ProfileUpdate;

use super::lab::{
    Replica, account, account_id, ada, add, add_ada, at, at_once, disabled, email, identity, identity_at,
    linked, name,
};
use super::replicas;

/// Ada signs in, and her provider has this to say.
async fn ada_signs_in(store: &Replica, address: &str, her_name: Option<&str>) -> ProfileUpdate {
    let identity = ExternalIdentity {
        email: EmailClaim::Stated { address: email(address), verified: true },
        name: her_name.map(name),
        ..ada().1
    };
    store.identities.record_sign_in(account_id(1), &identity, Some(&email(address)), at(2000)).await.unwrap()
}

#[tokio::test]
async fn a_new_address_is_taken_over_and_a_name_only_where_there_was_none() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    let ada = add_ada(store).await;
    assert_eq!(ada_signs_in(store, "lovelace@example.com", Some("Lady")).await, ProfileUpdate::Done);
    // Her username was her address.
    let expected = Account {
        email: Some(email("lovelace@example.com")),
        username: Username::from(&email("lovelace@example.com")),
        ..ada
    };
    assert_eq!(other.accounts.find(account_id(1)).await, Ok(Some(expected)));
}

#[tokio::test]
async fn names_of_the_account_itself_are_no_conflict() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    assert_eq!(ada_signs_in(&store, "ada@example.com", None).await, ProfileUpdate::Done);
    assert_eq!(store.accounts.find(account_id(1)).await, Ok(Some(ada)), "no name said, no name lost");
}

#[tokio::test]
async fn without_a_trusted_address_the_old_one_stays_and_the_rest_is_done() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let claimed = EmailClaim::Stated { address: email("unproven@example.com"), verified: false };
    let identity = ExternalIdentity { email: claimed, name: Some(name("Lady")), ..self::ada().1 };
    for (seconds, last) in [(2000, 2000), (1500, 2000)] {
        let update = store.identities.record_sign_in(ada.id, &identity, None, at(seconds)).await;
        assert_eq!(update, Ok(ProfileUpdate::Done));
        assert_eq!(other.accounts.find(ada.id).await, Ok(Some(ada.clone())));
        let kept = LinkedIdentity { last_sign_in_at: at(last), ..linked(&identity, 1000) };
        assert_eq!(other.identities.identities(ada.id).await, Ok(vec![kept]), "{seconds}");
    }
    let unknown = store.identities.record_sign_in(account_id(2), &identity, None, at(2000)).await;
    unknown.unwrap_err();
}

#[tokio::test]
async fn an_account_without_an_address_gets_one() {
    let [store, _] = replicas().await;
    let (ada, identity) = ada();
    add(&store, &Account { email: None, name: None, ..ada.clone() }, &identity).await;
    assert_eq!(ada_signs_in(&store, "ada@example.com", Some("Ada")).await, ProfileUpdate::Done);
    let expected = Account { name: Some(name("Ada")), ..ada };
    assert_eq!(store.accounts.find(account_id(1)).await, Ok(Some(expected)));
}

#[tokio::test]
async fn c101_anothers_address_is_left_out_and_the_rest_is_done() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    let bob =
        Account { username: Username::from(&email("robert@example.com")), ..account(2, "bob@example.com") };
    add(&store, &bob, &identity("bob")).await;
    for anothers in ["Bob@Example.com", "robert@example.com"] {
        let update = ada_signs_in(&store, anothers, Some("Not Bob")).await;
        assert_eq!(update, ProfileUpdate::EmailTaken, "{anothers}");
        assert_eq!(store.accounts.find(account_id(1)).await, Ok(Some(ada.clone())));
        assert_eq!(store.accounts.find(account_id(2)).await, Ok(Some(bob.clone())));
    }
}

#[tokio::test]
async fn an_address_that_was_given_up_is_free() {
    let [store, _] = replicas().await;
    let (ada, identity_of_ada) = ada();
    let username = Username::from(&email("lovelace@example.com"));
    add(&store, &Account { username, ..ada }, &identity_of_ada).await;
    add(&store, &account(2, "bob@example.com"), &identity("bob")).await;
    assert_eq!(ada_signs_in(&store, "countess@example.com", None).await, ProfileUpdate::Done);

    let given_up = email("ada@example.com");
    let bob = identity("bob");
    let update = store.identities.record_sign_in(account_id(2), &bob, Some(&given_up), at(2000)).await;
    assert_eq!(update, Ok(ProfileUpdate::Done));
}

#[tokio::test]
async fn a_disabled_account_stays_so() {
    let [store, _] = replicas().await;
    let (ada, identity) = ada();
    add(&store, &disabled(ada.clone()), &identity).await;
    ada_signs_in(&store, "ada@example.com", None).await;
    assert_eq!(store.accounts.find(account_id(1)).await, Ok(Some(disabled(ada))));
}

#[tokio::test]
async fn c101_an_identity_of_another_account_changes_nothing() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    add(&store, &account(2, "bob@example.com"), &identity("bob")).await;
    let planted = email("planted-address@example.com");
    for (number, identity) in [
        (1, identity("bob")),
        (1, identity("planted-subject")),
        (1, identity_at("https://op.example/", "ada")),
        (3, identity("planted-subject")),
        (3, identity_at("https://op.example", "ada")),
    ] {
        let identity = ExternalIdentity { name: Some(name("Planted Name")), ..identity };
        let recorded =
            store.identities.record_sign_in(account_id(number), &identity, Some(&planted), at(2000)).await;
        let error = recorded.unwrap_err().to_string();
        assert!(!error.to_lowercase().contains("planted"), "no personal data in {error}");
    }
    assert_eq!(store.accounts.find(account_id(1)).await, Ok(Some(ada)));
    assert_eq!(store.accounts.find(account_id(3)).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn c122_one_address_taken_over_at_once_goes_to_one_account() {
    let replicas = replicas().await;
    for number in 0..8 {
        let account = account(number, &format!("p{number}@example.com"));
        add(&replicas[0], &account, &identity(&format!("person-{number}"))).await;
    }
    let updates = at_once(&replicas, 8, |store, number| async move {
        let identity = identity(&format!("person-{number}"));
        let wanted = email("wanted@example.com");
        store.identities.record_sign_in(account_id(number), &identity, Some(&wanted), at(2000)).await.unwrap()
    })
    .await;
    let count = |how| updates.iter().filter(|it| **it == how).count();
    assert_eq!((count(ProfileUpdate::Done), count(ProfileUpdate::EmailTaken)), (1, 7));
}
