//! `AccountStore`: accounts that a password opens, and the first administrator.

use labgate_domain::people::{Account, Credential, Username};
use labgate_domain::ports::{AccountCreation, FirstAdministrator};

use super::lab::{
    Replica, account, account_id, add, add_local, administrator, at_once, credential, disabled, email,
    identity, local,
};
use super::replicas;

async fn found_by_name(store: &Replica, name: &str) -> Option<Account> {
    store.accounts.find_by_name(&Username::typed(name).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_local_account_is_found_as_it_was_added_on_every_replica() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    let ada = Account { email: Some(email("ada@example.com")), ..local(1, "ada") };
    let initial = Credential { must_change: true, ..credential("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA") };
    add_local(store, &ada, Some(&initial)).await;
    let bob = local(2, "bob");
    add_local(other, &bob, None).await;

    for store in &replicas {
        assert_eq!(store.accounts.find(ada.id).await, Ok(Some(ada.clone())));
        assert_eq!(store.credentials.credential(ada.id).await, Ok(Some(initial.clone())));
        assert_eq!(store.accounts.find(bob.id).await, Ok(Some(bob.clone())));
        assert_eq!(store.credentials.credential(bob.id).await, Ok(None));
        assert_eq!(store.credentials.credential(account_id(3)).await, Ok(None));
    }
}

#[tokio::test]
async fn c106_an_account_is_found_by_its_username_and_by_its_address() {
    let [store, other] = replicas().await;
    let ada = Account { email: Some(email("countess@example.com")), ..local(1, "ada") };
    add_local(&store, &ada, None).await;
    let bob = account(2, "bob@example.com");
    add(&store, &bob, &identity("bob")).await;
    let eve = disabled(local(3, "eve"));
    add_local(&store, &eve, None).await;

    for (name, whose) in
        [("Ada", &ada), ("Countess@Example.com", &ada), ("bob@example.com", &bob), ("eve", &eve)]
    {
        assert_eq!(found_by_name(&other, name).await.as_ref(), Some(whose), "{name}");
    }
    for nobody in ["ad", "adam", "countess", "ada@example.com", "bob", "a-a"] {
        assert_eq!(found_by_name(&other, nobody).await, None, "{nobody}");
    }
}

#[tokio::test]
async fn c101_local_and_external_names_are_taken_by_each_other() {
    let [store, _] = replicas().await;
    add(&store, &account(1, "ada@example.com"), &identity("ada")).await;
    let bob = Account { email: Some(email("bob@example.com")), ..local(2, "bob") };
    add_local(&store, &bob, None).await;

    let planted = credential("$planted");
    for taken in [
        account(3, "ada@example.com"),
        account(3, "bob@example.com"),
        local(3, "bob"),
        Account { email: Some(email("ada@example.com")), ..local(3, "eve") },
        Account { email: Some(email("bob@example.com")), ..local(3, "eve") },
        Account { email: Some(email("eve@example.com")), ..local(3, "bob") },
    ] {
        let added = store.accounts.create_local(&taken, Some(&planted)).await;
        assert_eq!(added, Ok(AccountCreation::NameTaken), "{taken:?}");
        let added = store.identities.create(&taken, &identity("eve")).await;
        assert_eq!(added, Ok(AccountCreation::NameTaken), "{taken:?}");
        assert_eq!(store.accounts.find(taken.id).await, Ok(None));
        assert_eq!(store.credentials.credential(taken.id).await, Ok(None), "both or neither");
    }
    assert_eq!(store.accounts.find(bob.id).await, Ok(Some(bob)));
}

#[tokio::test]
async fn an_account_id_is_never_used_twice() {
    let [store, _] = replicas().await;
    let ada = local(1, "ada");
    add_local(&store, &ada, Some(&credential("$ada"))).await;
    let planted = local(1, "planted");
    let errors = [
        store.accounts.create_local(&planted, Some(&credential("$planted"))).await.unwrap_err(),
        store
            .administration
            .create_first_administrator(&administrator(planted), &credential("$planted"))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert!(!error.to_string().contains("planted"), "{error}");
    }
    assert_eq!(store.accounts.find(ada.id).await, Ok(Some(ada.clone())));
    assert_eq!(store.credentials.credential(ada.id).await, Ok(Some(credential("$ada"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn c122_registrations_of_one_name_at_once_make_one_account() {
    for _ in 0..10 {
        let replicas = replicas().await;
        let added = at_once(&replicas, 16, |store, number| async move {
            let credential = credential(&format!("${number}"));
            (number, store.accounts.create_local(&local(number, "ada"), Some(&credential)).await.unwrap())
        })
        .await;
        let created: Vec<_> = added.iter().filter(|it| it.1 == AccountCreation::Created).collect();
        let refused = added.iter().filter(|it| it.1 == AccountCreation::NameTaken).count();
        assert_eq!((created.len(), refused), (1, 15), "{added:?}");
        let winner = created[0].0;
        assert_eq!(found_by_name(&replicas[1], "ada").await, Some(local(winner, "ada")));
        let hers = replicas[0].credentials.credential(account_id(winner)).await.unwrap();
        assert_eq!(hers, Some(credential(&format!("${winner}"))));
    }
}

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    add_local(store, &local(1, "ada"), None).await;
    assert_eq!(other.administration.has_administrator().await, Ok(false));

    let ada = administrator(local(2, "ada"));
    let taken = store.administration.create_first_administrator(&ada, &credential("$ada")).await;
    assert_eq!(taken, Ok(FirstAdministrator::NameTaken));
    assert_eq!(store.accounts.find(ada.id).await, Ok(None));
    assert_eq!(other.administration.has_administrator().await, Ok(false));

    let root = administrator(local(2, "root"));
    let made = store.administration.create_first_administrator(&root, &credential("$root")).await;
    assert_eq!(made, Ok(FirstAdministrator::Created));
    for store in &replicas {
        assert_eq!(store.administration.has_administrator().await, Ok(true));
        assert_eq!(store.accounts.find(root.id).await, Ok(Some(root.clone())));
        assert_eq!(store.credentials.credential(root.id).await, Ok(Some(credential("$root"))));
    }

    for again in [administrator(local(3, "eve")), administrator(local(3, "root"))] {
        let made = other.administration.create_first_administrator(&again, &credential("$eve")).await;
        assert_eq!(made, Ok(FirstAdministrator::AlreadyThere), "{again:?}");
        assert_eq!(store.accounts.find(again.id).await, Ok(None));
        assert_eq!(store.credentials.credential(again.id).await, Ok(None));
    }
}

#[tokio::test]
async fn a_disabled_administrator_is_there_all_the_same() {
    let [store, _] = replicas().await;
    add_local(&store, &disabled(administrator(local(1, "ada"))), None).await;
    assert_eq!(store.administration.has_administrator().await, Ok(true));
    let eve = administrator(local(2, "eve"));
    let made = store.administration.create_first_administrator(&eve, &credential("$eve")).await;
    assert_eq!(made, Ok(FirstAdministrator::AlreadyThere));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_first_administrators_at_once_one_is_made() {
    for _ in 0..10 {
        let replicas = replicas().await;
        let made = at_once(&replicas, 16, |store, number| async move {
            let account = administrator(local(number, &format!("root-{number}")));
            store.administration.create_first_administrator(&account, &credential("$root")).await.unwrap()
        })
        .await;
        let count = |how| made.iter().filter(|it| **it == how).count();
        assert_eq!((count(FirstAdministrator::Created), count(FirstAdministrator::AlreadyThere)), (1, 15));
        assert_eq!(replicas[1].administration.list(None, None, 16).await.unwrap().accounts.len(), 1);
    }
}
