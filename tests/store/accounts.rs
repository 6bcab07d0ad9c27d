//! `AccountStore`: finding and adding accounts.

use labgate_domain::people::{AcceptedTerms, Account, Username};
use labgate_domain::ports::AccountCreation;

use super::lab::{
    accepted, account, account_id, ada, add, add_ada, at_once, disabled, email, identity, identity_at, whose,
};
use super::replicas;

#[tokio::test]
async fn an_account_is_found_as_it_was_added_on_every_replica() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    let (ada, her_identity) = ada();
    add(store, &ada, &her_identity).await;
    let bob = Account { email: None, ..account(2, "bob@example.com") };
    add(other, &bob, &identity("bob")).await;

    for store in &replicas {
        store.accounts.check().await.unwrap();
        assert_eq!(store.accounts.find(ada.id).await, Ok(Some(ada.clone())));
        assert_eq!(store.accounts.find(bob.id).await, Ok(Some(bob.clone())));
        let found = store.identities.find_by_identity(&her_identity.issuer, &her_identity.subject).await;
        assert_eq!(found, Ok(Some(ada.clone())));
    }
}

#[tokio::test]
async fn a_missing_account_is_not_found() {
    let [store, _] = replicas().await;
    assert_eq!(store.accounts.find(account_id(1)).await, Ok(None));
    assert_eq!(whose(&store, &identity("ada")).await, None);
}

#[tokio::test]
async fn c121_a_disabled_account_is_found_and_says_so() {
    let [store, _] = replicas().await;
    let eve = disabled(account(1, "eve@example.com"));
    add(&store, &eve, &identity("eve")).await;
    assert_eq!(store.accounts.find(eve.id).await, Ok(Some(eve.clone())));
    let identity = identity("eve");
    let found = store.identities.find_by_identity(&identity.issuer, &identity.subject).await;
    assert_eq!(found, Ok(Some(eve)));
}

#[tokio::test]
async fn c100_issuer_and_subject_are_compared_byte_for_byte() {
    let [store, _] = replicas().await;
    // Each differs from another by what some database or library folds: case, a slash, a space, normal forms,
    // widths.
    let identities = [
        ("https://op.example", "ada"),
        ("https://op.example/", "ada"),
        ("https://OP.example", "ada"),
        ("https://op.example:443", "ada"),
        ("http://op.example", "ada"),
        ("https://op.example/a", "da"),
        ("https://op.example", "Ada"),
        ("https://op.example", "ada "),
        ("https://op.example", " ada"),
        ("https://op.example", "åda"),
        ("https://op.example", "a\u{30a}da"),
        ("https://op.example", "ａｄａ"),
        ("https://op.example", "аda"),
        ("https://op.example", "ad%"),
        ("https://op.example", "ad_"),
        ("https://op.example", "'"),
        ("https://op.example", "👩‍🔬"),
        ("https://op.example", "1"),
        ("https://op.example", "01"),
        ("https://op.example", "1.0"),
        ("https://op.example", "NULL"),
    ]
    .map(|(issuer, subject)| identity_at(issuer, subject));

    for (number, identity) in (1..).zip(&identities) {
        assert_eq!(whose(&store, identity).await, None, "{identity:?}");
        add(&store, &account(number, &format!("p{number}@example.com")), identity).await;
    }
    for (number, identity) in (1..).zip(&identities) {
        assert_eq!(whose(&store, identity).await, Some(account_id(number)), "{identity:?}");
    }
}

#[tokio::test]
async fn an_identity_opens_one_account_for_good() {
    let [store, _] = replicas().await;
    add_ada(&store).await;
    let eve = account(2, "eve@example.com");
    assert_eq!(store.identities.create(&eve, &ada().1).await, Ok(AccountCreation::IdentityTaken));
    assert_eq!(store.accounts.find(eve.id).await, Ok(None), "both or neither");
    assert_eq!(whose(&store, &ada().1).await, Some(account_id(1)));
    add(&store, &eve, &identity("eve")).await;
}

#[tokio::test]
async fn c106_every_spelling_of_an_address_is_one_account() {
    let [store, _] = replicas().await;
    add(&store, &account(1, "Ada@Bücher.example"), &identity("ada")).await;
    for (number, spelling) in (2..).zip(["ada@bücher.example", "ADA@xn--bcher-kva.EXAMPLE"]) {
        let eve = account(number, spelling);
        let added = store.identities.create(&eve, &identity("eve")).await;
        assert_eq!(added, Ok(AccountCreation::NameTaken), "{spelling}");
        assert_eq!(store.accounts.find(eve.id).await, Ok(None), "both or neither");
        assert_eq!(whose(&store, &identity("eve")).await, None, "both or neither");
    }
}

#[tokio::test]
async fn c101_a_username_and_an_address_are_taken_by_each_other() {
    let [store, _] = replicas().await;
    let named = |number, username, address| Account {
        username: Username::from(&email(username)),
        ..account(number, address)
    };
    add(&store, &named(1, "ada@example.com", "lovelace@example.com"), &identity("ada")).await;
    for taken in [
        named(2, "ada@example.com", "eve@example.com"),
        named(2, "eve@example.com", "lovelace@example.com"),
        named(2, "eve@example.com", "ada@example.com"),
        named(2, "lovelace@example.com", "eve@example.com"),
    ] {
        let added = store.identities.create(&taken, &identity("eve")).await;
        assert_eq!(added, Ok(AccountCreation::NameTaken), "{taken:?}");
    }
    add(&store, &named(2, "eve@example.com", "mallory@example.com"), &identity("eve")).await;
}

#[tokio::test]
async fn c103_accounts_without_an_address_do_not_collide() {
    let [store, _] = replicas().await;
    for (number, address) in [(1, "ada@example.com"), (2, "bob@example.com")] {
        let account = Account { email: None, ..account(number, address) };
        add(&store, &account, &identity(address)).await;
    }
}

#[tokio::test]
async fn a_known_identity_is_told_before_a_known_name() {
    let [store, _] = replicas().await;
    let (ada, identity) = ada();
    add(&store, &ada, &identity).await;
    let again = Account { id: account_id(2), ..ada };
    assert_eq!(store.identities.create(&again, &identity).await, Ok(AccountCreation::IdentityTaken));
}

#[tokio::test(flavor = "multi_thread")]
async fn c122_first_sign_ins_at_once_make_one_account() {
    for _ in 0..10 {
        let replicas = replicas().await;
        let added = at_once(&replicas, 8, |store, number| async move {
            let account = account(number, "ada@example.com");
            (account.id, store.identities.create(&account, &identity("ada")).await.unwrap())
        })
        .await;

        let created: Vec<_> = added.iter().filter(|(_, how)| *how == AccountCreation::Created).collect();
        let refused = added.iter().filter(|(_, how)| *how == AccountCreation::IdentityTaken).count();
        assert_eq!((created.len(), refused), (1, 7), "{added:?}");
        for store in &replicas {
            assert_eq!(whose(store, &identity("ada")).await, Some(created[0].0));
            for number in 0..8 {
                let there = store.accounts.find(account_id(number)).await.unwrap().is_some();
                assert_eq!(there, account_id(number) == created[0].0);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c122_one_address_claimed_at_once_goes_to_one_identity() {
    for _ in 0..10 {
        let replicas = replicas().await;
        let added = at_once(&replicas, 8, |store, number| async move {
            let identity = identity(&format!("person-{number}"));
            store.identities.create(&account(number, "shared@example.com"), &identity).await.unwrap()
        })
        .await;
        let count = |how| added.iter().filter(|it| **it == how).count();
        assert_eq!((count(AccountCreation::Created), count(AccountCreation::NameTaken)), (1, 7));
    }
}

#[tokio::test]
async fn terms_are_accepted_once_with_the_time_and_nothing_else_changes() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let bob = account(2, "bob@example.com");
    add(&store, &bob, &identity("bob")).await;
    let [first, second, earlier] = [("2", 2000), ("1", 3000), ("0", 1000)].map(|(it, at)| accepted(it, at));
    for (terms, is_new, kept) in [
        (first.clone(), true, vec![first.clone()]),
        (AcceptedTerms { digest: None, ..accepted("2", 2500) }, false, vec![first.clone()]),
        (second.clone(), true, vec![first.clone(), second.clone()]),
        (accepted("2", 4000), false, vec![first.clone(), second.clone()]),
        (earlier.clone(), true, vec![earlier, first, second]),
    ] {
        assert_eq!(store.accounts.accept_terms(bob.id, &terms).await, Ok(is_new), "{terms:?}");
        let expected = Account { accepted_terms: kept, ..bob.clone() };
        assert_eq!(other.accounts.find(bob.id).await, Ok(Some(expected)));
    }
    assert_eq!(store.accounts.accept_terms(account_id(3), &accepted("1", 2000)).await, Ok(false));
    assert_eq!(store.accounts.find(account_id(3)).await, Ok(None));
    assert_eq!(store.accounts.find(ada.id).await, Ok(Some(ada)), "nobody else's");
    store.administration.delete(bob.id).await.unwrap();
    add(&store, &bob, &identity("bob")).await;
    assert_eq!(store.accounts.find(bob.id).await, Ok(Some(bob)), "they are deleted with the account");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_acceptances_of_one_version_at_once_one_is_new() {
    let replicas = replicas().await;
    let ada = add_ada(&replicas[0]).await.id;
    let new = at_once(&replicas, 16, move |store, number| async move {
        store.accounts.accept_terms(ada, &accepted("2", 2000 + i64::from(number))).await.unwrap()
    })
    .await;
    assert_eq!(new.into_iter().filter(|is_new| *is_new).count(), 1);
}
