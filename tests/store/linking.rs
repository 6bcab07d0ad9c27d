//! `AccountStore`: the identities that open an account, and its name.

use labgate_domain::identity::{ExternalIdentity, LinkedIdentity};
use labgate_domain::people::{Account, AccountId};
use labgate_domain::ports::{IdentityLink, IdentityRemoval};

use super::lab::{
    Replica, account, account_id, ada, add, add_ada, add_local, at, at_once, credential, disabled, email,
    identity, identity_at, linked, local, name, whose,
};
use super::replicas;

/// An account that was created for an address.
fn invited(number: u8) -> Account {
    account(number, &format!("invited-{number}@example.com"))
}

async fn claim(store: &Replica, number: u8, identity: &ExternalIdentity) -> IdentityLink {
    let email = invited(number).email.unwrap();
    store.identities.claim(account_id(number), identity, &email, at(2000)).await.unwrap()
}

async fn link(store: &Replica, number: u8, identity: &ExternalIdentity) -> IdentityLink {
    let present = store.credentials.credential(account_id(number)).await.unwrap();
    let proven = present.as_ref().map(|credential| &credential.hash);
    store.identities.link(account_id(number), identity, proven, at(2000)).await.unwrap()
}

async fn unlink(store: &Replica, id: AccountId, identity: &ExternalIdentity) -> IdentityRemoval {
    store.identities.unlink(id, &identity.issuer, &identity.subject).await.unwrap()
}

async fn identities(store: &Replica, id: AccountId) -> Vec<LinkedIdentity> {
    store.identities.identities(id).await.unwrap()
}

#[tokio::test]
async fn an_invited_account_is_opened_by_the_identity_that_claims_it() {
    let [store, other] = replicas().await;
    let invited = invited(2);
    add_local(&store, &invited, None).await;
    assert!(identities(&store, invited.id).await.is_empty());

    let (_, hers) = ada();
    assert_eq!(claim(&store, 2, &hers).await, IdentityLink::Linked);
    assert_eq!(whose(&other, &hers).await, Some(invited.id));
    assert_eq!(identities(&other, invited.id).await, [linked(&hers, 2000)]);
    let expected = Account { name: hers.name, ..invited };
    assert_eq!(other.accounts.find(expected.id).await, Ok(Some(expected)), "the address stays");
}

#[tokio::test]
async fn an_invited_account_that_has_a_name_keeps_it() {
    let [store, _] = replicas().await;
    let invited = Account { name: Some(name("Countess")), ..invited(2) };
    add_local(&store, &invited, None).await;
    assert_eq!(claim(&store, 2, &ada().1).await, IdentityLink::Linked);
    assert_eq!(store.accounts.find(invited.id).await, Ok(Some(invited)));
}

#[tokio::test]
async fn c112_an_account_that_something_opens_is_not_claimed() {
    let [store, _] = replicas().await;
    add_local(&store, &invited(1), Some(&credential("$password"))).await;
    add(&store, &invited(2), &identity("first")).await;
    add_local(&store, &disabled(invited(3)), None).await;
    let named = ExternalIdentity { name: Some(name("Planted")), ..identity("claimant") };
    for number in 1..=4 {
        assert_eq!(claim(&store, number, &named).await, IdentityLink::Refused, "{number}");
        let account = store.accounts.find(account_id(number)).await.unwrap();
        assert!(account.is_none_or(|account| account.name.is_none()), "{number}");
    }
    assert_eq!(claim(&store, 2, &identity("first")).await, IdentityLink::Refused, "not even by its own");
    add_local(&store, &account(5, "another@example.com"), None).await;
    assert_eq!(claim(&store, 5, &named).await, IdentityLink::Refused, "it has another address");
    assert_eq!(whose(&store, &named).await, None);
    assert_eq!(identities(&store, account_id(2)).await, [linked(&identity("first"), 1000)]);
    assert_eq!(store.accounts.find(account_id(4)).await, Ok(None));
}

#[tokio::test]
async fn c100_an_identity_that_opens_another_account_claims_and_links_none() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    let invited = invited(2);
    add_local(&store, &invited, None).await;
    let (_, hers) = self::ada();
    assert_eq!(claim(&store, 2, &hers).await, IdentityLink::IdentityTaken);
    assert_eq!(link(&store, 2, &hers).await, IdentityLink::IdentityTaken);
    assert_eq!(whose(&store, &hers).await, Some(ada.id));
    assert_eq!(store.accounts.find(invited.id).await, Ok(Some(invited)));
    let elsewhere = identity_at("https://op.example/", "ada");
    assert_eq!(
        claim(&store, 2, &elsewhere).await,
        IdentityLink::Linked,
        "the same subject elsewhere is another"
    );
    assert_eq!(whose(&store, &hers).await, Some(ada.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn c122_an_invitation_is_claimed_once() {
    for _ in 0..10 {
        let replicas = replicas().await;
        add_local(&replicas[0], &invited(1), None).await;
        let claims = at_once(&replicas, 8, |store, number| async move {
            (number, claim(&store, 1, &identity(&format!("person-{number}"))).await)
        })
        .await;
        let winners: Vec<u8> =
            claims.iter().filter(|it| it.1 == IdentityLink::Linked).map(|it| it.0).collect();
        let refused = claims.iter().filter(|it| it.1 == IdentityLink::Refused).count();
        assert_eq!((winners.len(), refused), (1, 7), "{claims:?}");
        let winner = linked(&identity(&format!("person-{}", winners[0])), 2000);
        assert_eq!(identities(&replicas[1], account_id(1)).await, [winner]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c122_simultaneous_claims_and_links_give_one_account_per_identity() {
    for _ in 0..10 {
        let replicas = replicas().await;
        for number in 0..8 {
            add_local(&replicas[0], &invited(number), None).await;
        }
        let links = at_once(&replicas, 8, |store, number| async move {
            let identity = identity("ada");
            if number % 2 == 0 {
                claim(&store, number, &identity).await
            } else {
                link(&store, number, &identity).await
            }
        })
        .await;
        let count = |how| links.iter().filter(|it| **it == how).count();
        assert_eq!((count(IdentityLink::Linked), count(IdentityLink::IdentityTaken)), (1, 7));
        assert!(whose(&replicas[1], &identity("ada")).await.is_some());
    }
}

#[tokio::test]
async fn a_further_identity_is_linked_and_linking_it_again_changes_nothing() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let second = ExternalIdentity { name: Some(name("Lady")), ..identity("second") };
    for seconds in [2000, 3000] {
        let again = store.identities.link(ada.id, &second, None, at(seconds)).await;
        assert_eq!(again, Ok(IdentityLink::Linked));
        assert_eq!(whose(&other, &second).await, Some(ada.id));
        let expected = [linked(&self::ada().1, 1000), linked(&second, 2000)];
        assert_eq!(identities(&other, ada.id).await, expected);
    }
    assert_eq!(other.accounts.find(ada.id).await, Ok(Some(ada)), "nothing else changes");
}

#[tokio::test]
async fn c114_an_account_gets_an_identity_only_while_its_password_is_the_same() {
    let [store, other] = replicas().await;
    add_local(&store, &local(1, "ada"), Some(&credential("$ada"))).await;
    let (id, second) = (account_id(1), identity("ada"));
    for outdated in [None, Some(credential("$before"))] {
        let outdated = outdated.as_ref().map(|credential| &credential.hash);
        let linked = other.identities.link(id, &second, outdated, at(2000)).await;
        assert_eq!(linked, Ok(IdentityLink::CredentialChanged));
        assert_eq!(whose(&store, &second).await, None);
    }
    let linked = other.identities.link(id, &second, Some(&credential("$ada").hash), at(2000)).await;
    assert_eq!(linked, Ok(IdentityLink::Linked));
    assert_eq!(store.credentials.credential(id).await, Ok(Some(credential("$ada"))));
    assert_eq!(whose(&store, &second).await, Some(id));
}

#[tokio::test]
async fn c121_nothing_is_linked_to_a_disabled_or_missing_account() {
    let [store, _] = replicas().await;
    let (ada, hers) = ada();
    add(&store, &disabled(ada), &hers).await;
    for number in [1, 2] {
        assert_eq!(link(&store, number, &identity("second")).await, IdentityLink::Refused, "{number}");
        assert_eq!(link(&store, number, &hers).await, IdentityLink::Refused, "{number}");
    }
    assert_eq!(whose(&store, &identity("second")).await, None);
}

#[tokio::test]
async fn identities_are_listed_oldest_first_with_what_was_said_last() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    assert!(identities(&store, account_id(2)).await.is_empty());
    add(&store, &account(2, "bob@example.com"), &identity("bob")).await;
    let at_other = identity_at("https://a.example", "newest");
    for (identity, seconds) in
        [(&at_other, 3000), (&identity("b"), 2000), (&identity("a"), 2000), (&identity("z"), 500)]
    {
        assert_eq!(
            store.identities.link(ada.id, identity, None, at(seconds)).await,
            Ok(IdentityLink::Linked)
        );
    }
    let (_, hers) = self::ada();
    store
        .identities
        .record_sign_in(ada.id, &identity("a"), Some(&email("ada@example.com")), at(9000))
        .await
        .unwrap();
    let expected = [
        linked(&identity("z"), 500),
        linked(&hers, 1000),
        LinkedIdentity { last_sign_in_at: at(9000), ..linked(&identity("a"), 2000) },
        linked(&identity("b"), 2000),
        linked(&at_other, 3000),
    ];
    assert_eq!(identities(&other, ada.id).await, expected);
    assert_eq!(identities(&other, account_id(2)).await, [linked(&identity("bob"), 1000)]);
}

#[tokio::test]
async fn c120_an_identity_is_taken_away_but_never_the_last() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let (_, hers) = self::ada();
    assert_eq!(unlink(&store, ada.id, &hers).await, IdentityRemoval::LastCredential);
    assert_eq!(identities(&other, ada.id).await, [linked(&hers, 1000)]);

    assert_eq!(link(&store, 1, &identity("second")).await, IdentityLink::Linked);
    assert_eq!(unlink(&store, ada.id, &hers).await, IdentityRemoval::Removed);
    assert_eq!(whose(&other, &hers).await, None);
    assert_eq!(unlink(&other, ada.id, &hers).await, IdentityRemoval::NotFound);
    assert_eq!(unlink(&other, ada.id, &identity("second")).await, IdentityRemoval::LastCredential);
    assert_eq!(whose(&other, &identity("second")).await, Some(ada.id));
    assert_eq!(other.accounts.find(ada.id).await, Ok(Some(ada)), "nothing else changes");

    add_local(&store, &invited(2), None).await;
    assert_eq!(claim(&store, 2, &hers).await, IdentityLink::Linked, "what was taken away is free");
}

#[tokio::test]
async fn c120_an_account_with_a_password_needs_no_identity() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    let (_, hers) = self::ada();
    store.credentials.reset_credential(ada.id, &credential("$ada"), ada.created_at).await.unwrap();
    assert_eq!(unlink(&store, ada.id, &hers).await, IdentityRemoval::Removed);
    assert!(identities(&store, ada.id).await.is_empty());
    assert_eq!(claim(&store, 1, &hers).await, IdentityLink::Refused, "a password opens it");
}

#[tokio::test]
async fn c120_the_password_of_another_account_does_not_count() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    add_local(&store, &local(2, "bob"), Some(&credential("$bob"))).await;
    assert_eq!(link(&store, 2, &identity("bob")).await, IdentityLink::Linked);
    assert_eq!(unlink(&store, ada.id, &self::ada().1).await, IdentityRemoval::LastCredential);
}

#[tokio::test]
async fn an_identity_of_another_account_is_not_removed() {
    let [store, _] = replicas().await;
    let ada = add_ada(&store).await;
    assert_eq!(link(&store, 1, &identity("second")).await, IdentityLink::Linked);
    add(&store, &account(2, "bob@example.com"), &identity("bob")).await;
    assert_eq!(link(&store, 2, &identity("robert")).await, IdentityLink::Linked);
    for (number, identity) in [
        (1, identity("bob")),
        (1, identity("nobody")),
        (1, identity("ADA")),
        (1, identity_at("https://op.example/", "ada")),
        (2, identity("ada")),
        (3, identity("ada")),
    ] {
        let removal = unlink(&store, account_id(number), &identity).await;
        assert_eq!(removal, IdentityRemoval::NotFound, "{number} {identity:?}");
    }
    assert_eq!(
        (identities(&store, ada.id).await.len(), identities(&store, account_id(2)).await.len()),
        (2, 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c120_of_two_identities_taken_away_at_once_one_stays() {
    for _ in 0..10 {
        let replicas = replicas().await;
        add(&replicas[0], &account(1, "ada@example.com"), &identity("0")).await;
        assert_eq!(link(&replicas[0], 1, &identity("1")).await, IdentityLink::Linked);
        let removals = at_once(&replicas, 2, |store, number| async move {
            unlink(&store, account_id(1), &identity(&number.to_string())).await
        })
        .await;
        let count = |how| removals.iter().filter(|it| **it == how).count();
        assert_eq!((count(IdentityRemoval::Removed), count(IdentityRemoval::LastCredential)), (1, 1));
        assert_eq!(identities(&replicas[1], account_id(1)).await.len(), 1);
    }
}

#[tokio::test]
async fn a_deleted_account_frees_its_identities() {
    let [store, _] = replicas().await;
    add(&store, &account(1, "bob@example.com"), &identity("bob")).await;
    assert_eq!(link(&store, 1, &identity("robert")).await, IdentityLink::Linked);
    store.administration.delete(account_id(1)).await.unwrap();
    assert!(identities(&store, account_id(1)).await.is_empty());
    add_local(&store, &invited(2), None).await;
    assert_eq!(claim(&store, 2, &identity("robert")).await, IdentityLink::Linked);
}

#[tokio::test]
async fn a_name_is_set_and_taken_back_and_nothing_else_changes() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let bob = account(2, "bob@example.com");
    add_local(&store, &bob, None).await;
    for new in [Some(name("Lady 'L' 👩‍🔬")), None, Some(name("Ada"))] {
        store.accounts.set_name(ada.id, new.as_ref()).await.unwrap();
        let expected = Account { name: new, ..ada.clone() };
        assert_eq!(other.accounts.find(ada.id).await, Ok(Some(expected)));
    }
    store.accounts.set_name(account_id(3), Some(&name("Nobody"))).await.unwrap();
    assert_eq!(store.accounts.find(account_id(3)).await, Ok(None));
    assert_eq!(store.accounts.find(bob.id).await, Ok(Some(bob)));
}
