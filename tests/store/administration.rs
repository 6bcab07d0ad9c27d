//! `AccountStore`: the list of accounts, and what administrators change.

use labgate_domain::people::{Account, AccountId, AccountStatus, Role};
use labgate_domain::ports::{AccountChange, AccountPage, IdentityMove};
use labgate_domain::protocol::Issuer;

use super::lab::{
    Replica, account, account_id, add, add_ada, add_local, administrator, at, at_once, begin_session,
    credential, disabled, email, identity, identity_at, local, name, session, session_id, whose,
};
use super::replicas;

/// Returns the numbers of the accounts on the page.
fn numbers(page: &AccountPage) -> Vec<u8> {
    let number = |id: AccountId| (0..=u8::MAX).find(|number| account_id(*number) == id).unwrap();
    page.accounts.iter().map(|account| number(account.id)).collect()
}

async fn found(store: &Replica, search: &str) -> Vec<u8> {
    numbers(&store.administration.list(Some(search), None, 100).await.unwrap())
}

async fn add_all(store: &Replica, accounts: &[Account]) {
    for account in accounts {
        add_local(store, account, None).await;
    }
}

#[tokio::test]
async fn accounts_are_listed_whole_in_the_order_of_their_ids() {
    let [store, other] = replicas().await;
    assert_eq!(
        store.administration.list(None, None, 10).await,
        Ok(AccountPage { accounts: Vec::new(), more: false })
    );
    let bob = disabled(administrator(local(2, "bob")));
    add_all(&store, &[local(200, "aaron"), bob.clone()]).await;
    let ada = add_ada(&store).await;
    let expected = AccountPage { accounts: vec![ada, bob, local(200, "aaron")], more: false };
    assert_eq!(other.administration.list(None, None, 3).await, Ok(expected));
}

#[tokio::test]
async fn pages_join_without_gap_or_overlap_and_the_last_one_says_so() {
    let [store, _] = replicas().await;
    for number in [9, 3, 7, 1, 5] {
        add_local(&store, &local(number, &format!("person-{number}")), None).await;
    }
    let all = [1, 3, 5, 7, 9];
    for search in [None, Some("PERSON-")] {
        for limit in 1..=6 {
            let mut seen = Vec::new();
            loop {
                let after = seen.last().map(|number| account_id(*number));
                let page = store.administration.list(search, after, limit).await.unwrap();
                assert!(page.accounts.len() <= limit as usize);
                seen.extend(numbers(&page));
                assert_eq!(page.more, seen.len() < all.len(), "{search:?} {limit} {seen:?}");
                if !page.more {
                    break;
                }
            }
            assert_eq!(seen, all, "{search:?} {limit}");
        }
        let after = async |number| {
            numbers(&store.administration.list(search, Some(account_id(number)), 9).await.unwrap())
        };
        assert_eq!(after(4).await, [5, 7, 9], "an account that is gone leaves its place");
        assert!(after(9).await.is_empty());
        let none = store.administration.list(search, None, 0).await;
        assert_eq!(none, Ok(AccountPage { accounts: Vec::new(), more: true }));
        let everybody = store.administration.list(search, None, u32::MAX).await.unwrap();
        assert_eq!(numbers(&everybody), all);
    }
}

#[tokio::test]
async fn a_search_finds_parts_of_username_address_and_name_whatever_the_case() {
    let [store, _] = replicas().await;
    add_all(
        &store,
        &[
            local(1, "ada.l"),
            Account { email: Some(email("ada@Work.example")), ..local(2, "lovelace") },
            Account { name: Some(name("Élodie ADAMS")), ..local(3, "elo") },
            Account { name: Some(name("Ἀδάμ ΟΔΥΣΣΕΎΣ")), ..local(4, "odysseus") },
            account(5, "someone@adagio.example"),
            local(6, "bob"),
        ],
    )
    .await;
    assert_eq!(found(&store, "ada").await, [1, 2, 3, 5]);
    assert_eq!(found(&store, "ADA").await, [1, 2, 3, 5]);
    assert_eq!(found(&store, "wORK.").await, [2]);
    assert_eq!(found(&store, "éLODIE").await, [3], "letters of every script have a case");
    assert_eq!(found(&store, "οδυσσεύς").await, [4]);
    assert!(found(&store, "elodie").await.is_empty(), "an accent is no matter of case");
    assert!(found(&store, "lada").await.is_empty(), "each text for itself");
    assert_eq!(found(&store, "").await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(
        numbers(&store.administration.list(Some("ada"), Some(account_id(1)), 2).await.unwrap()),
        [2, 3]
    );
    assert!(store.administration.list(Some("ada"), Some(account_id(1)), 2).await.unwrap().more);
    assert!(!store.administration.list(Some("ada"), Some(account_id(1)), 3).await.unwrap().more);
}

#[tokio::test]
async fn no_character_of_a_search_is_a_wildcard() {
    let [store, _] = replicas().await;
    add_all(
        &store,
        &[
            local(1, "a_b"),
            local(2, "axb"),
            Account { name: Some(name("100% 'quoted' \\ \"text\" [a-z]*?")), ..local(3, "c") },
        ],
    )
    .await;
    for (search, expected) in [
        ("a_b", &[1][..]),
        ("_", &[1]),
        ("0%", &[3]),
        ("%", &[3]),
        ("1%%", &[]),
        ("\\", &[3]),
        ("\\_", &[]),
        ("'quoted'", &[3]),
        ("' OR ''='", &[]),
        ("[A-Z]", &[3]),
        ("*", &[3]),
        ("a?b", &[]),
    ] {
        assert_eq!(found(&store, search).await, expected, "{search}");
    }
}

#[tokio::test]
async fn a_search_goes_through_more_accounts_than_are_looked_at_together() {
    let [store, _] = replicas().await;
    let id = |number: u32| AccountId::parse(&format!("01890000-0000-7000-8000-{number:012x}")).unwrap();
    for number in 1..=2100 {
        let account = Account { id: id(number), ..local(1, &format!("p{number}")) };
        add_local(&store, &account, None).await;
    }
    let page = async |search: &'static str, after| {
        let page = store.administration.list(Some(search), after, 2).await.unwrap();
        (page.accounts.iter().map(|account| account.id).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(page("p2099", None).await, (vec![id(2099)], false));
    assert_eq!(page("000", None).await, (vec![id(1000), id(2000)], false));
    assert_eq!(page("100", None).await, (vec![id(100), id(1000)], true));
    assert_eq!(page("100", Some(id(2000))).await, (vec![id(2100)], false));
}

#[tokio::test]
async fn c121_status_and_role_change_and_nothing_else() {
    let [store, other] = replicas().await;
    let ada = add_ada(&store).await;
    let bob = Account { name: Some(name("Bob")), ..account(2, "bob@example.com") };
    add_local(&store, &bob, Some(&credential("$bob"))).await;
    begin_session(&store, &session(1, bob.id)).await;

    for _ in 0..2 {
        let change = store.administration.set_status(bob.id, AccountStatus::Disabled, at(2000)).await;
        assert_eq!(change, Ok(AccountChange::Done), "done, or so already");
        assert_eq!(other.accounts.find(bob.id).await, Ok(Some(disabled(bob.clone()))));
    }
    assert_eq!(
        store.administration.set_status(bob.id, AccountStatus::Active, at(2000)).await,
        Ok(AccountChange::Done)
    );
    for _ in 0..2 {
        assert_eq!(
            store.administration.set_role(bob.id, Role::Admin, at(2000)).await,
            Ok(AccountChange::Done)
        );
        assert_eq!(other.accounts.find(bob.id).await, Ok(Some(administrator(bob.clone()))));
    }
    assert_eq!(store.administration.set_role(bob.id, Role::User, at(2000)).await, Ok(AccountChange::Done));

    assert_eq!(other.accounts.find(bob.id).await, Ok(Some(bob.clone())));
    assert_eq!(other.credentials.credential(bob.id).await, Ok(Some(credential("$bob"))));
    let his = other.sessions.find(session_id(1)).await.unwrap().unwrap();
    assert_eq!(his.ended_at, Some(at(2000)), "who is disabled is signed out");
    assert_eq!(other.accounts.find(ada.id).await, Ok(Some(ada)));
}

#[tokio::test]
async fn a_missing_account_cannot_be_changed() {
    let [store, _] = replicas().await;
    let nobody = account_id(1);
    assert_eq!(
        store.administration.set_status(nobody, AccountStatus::Disabled, at(2000)).await,
        Ok(AccountChange::NotFound)
    );
    assert_eq!(
        store.administration.set_role(nobody, Role::Admin, at(2000)).await,
        Ok(AccountChange::NotFound)
    );
    assert_eq!(store.administration.delete(nobody).await, Ok(AccountChange::NotFound));
    assert_eq!(store.accounts.find(nobody).await, Ok(None));
}

/// Every way to lose an administrator.
async fn try_to_lose(store: &Replica, id: AccountId) -> [AccountChange; 3] {
    [
        store.administration.set_status(id, AccountStatus::Disabled, at(2000)).await.unwrap(),
        store.administration.set_role(id, Role::User, at(2000)).await.unwrap(),
        store.administration.delete(id).await.unwrap(),
    ]
}

#[tokio::test]
async fn the_last_active_administrator_stays() {
    let [store, other] = replicas().await;
    let ada = administrator(local(1, "ada"));
    add_all(&store, &[ada.clone(), local(2, "bob"), disabled(administrator(local(3, "eve")))]).await;

    assert_eq!(
        try_to_lose(&store, ada.id).await,
        [AccountChange::LastAdministrator; 3],
        "eve does not count"
    );
    assert_eq!(other.accounts.find(ada.id).await, Ok(Some(ada.clone())));
    assert_eq!(
        store.administration.set_status(ada.id, AccountStatus::Active, at(2000)).await,
        Ok(AccountChange::Done)
    );
    assert_eq!(store.administration.set_role(ada.id, Role::Admin, at(2000)).await, Ok(AccountChange::Done));

    let eve = account_id(3);
    assert_eq!(
        store.administration.set_role(eve, Role::User, at(2000)).await,
        Ok(AccountChange::Done),
        "she is not active"
    );
    assert_eq!(store.administration.delete(eve).await, Ok(AccountChange::Done));

    assert_eq!(
        store.administration.set_role(account_id(2), Role::Admin, at(2000)).await,
        Ok(AccountChange::Done)
    );
    assert_eq!(store.administration.set_role(ada.id, Role::User, at(2000)).await, Ok(AccountChange::Done));
    assert_eq!(try_to_lose(&other, account_id(2)).await, [AccountChange::LastAdministrator; 3]);
    assert_eq!(store.administration.delete(ada.id).await, Ok(AccountChange::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_administrators_are_lost_at_once_one_stays() {
    for _ in 0..10 {
        let replicas = replicas().await;
        for number in 0..8 {
            let account = administrator(local(number, &format!("root-{number}")));
            add_local(&replicas[0], &account, None).await;
        }
        let changes = at_once(&replicas, 8, |store, number| async move {
            let id = account_id(number);
            match number % 3 {
                0 => store.administration.set_status(id, AccountStatus::Disabled, at(2000)).await.unwrap(),
                1 => store.administration.set_role(id, Role::User, at(2000)).await.unwrap(),
                _ => store.administration.delete(id).await.unwrap(),
            }
        })
        .await;
        let count = |how| changes.iter().filter(|it| **it == how).count();
        assert_eq!((count(AccountChange::Done), count(AccountChange::LastAdministrator)), (7, 1));
        let page = replicas[1].administration.list(None, None, 100).await.unwrap();
        let active =
            page.accounts.iter().filter(|it| it.role == Role::Admin && it.status == AccountStatus::Active);
        assert_eq!(active.count(), 1);
    }
}

#[tokio::test]
async fn an_account_is_deleted_with_all_that_belongs_to_it_and_nothing_else() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    add_local(store, &administrator(local(9, "root")), Some(&credential("$root"))).await;
    begin_session(store, &session(9, account_id(9))).await;
    let ada = add_ada(store).await;
    store.credentials.reset_credential(ada.id, &credential("$ada"), ada.created_at).await.unwrap();
    begin_session(store, &session(1, ada.id)).await;

    assert_eq!(store.administration.delete(ada.id).await, Ok(AccountChange::Done));
    for store in &replicas {
        assert_eq!(store.accounts.find(ada.id).await, Ok(None));
        assert_eq!(store.accounts.find_by_name(&ada.username).await, Ok(None));
        assert_eq!(whose(store, &identity("ada")).await, None);
        assert_eq!(store.credentials.credential(ada.id).await, Ok(None));
        assert_eq!(store.sessions.find(session_id(1)).await, Ok(None));
        assert_eq!(store.sessions.list_of(ada.id, at(0)).await, Ok(Vec::new()));
        assert_eq!(store.credentials.credential(account_id(9)).await, Ok(Some(credential("$root"))));
        assert_eq!(store.sessions.find(session_id(9)).await, Ok(Some(session(9, account_id(9)))));
    }
    assert_eq!(store.administration.delete(ada.id).await, Ok(AccountChange::NotFound));
    assert_eq!(add_ada(other).await, ada, "name and identity are free again");
    assert_eq!(store.credentials.credential(ada.id).await, Ok(None), "nothing comes back");
}

#[tokio::test]
async fn f22_the_identities_of_an_issuer_move_all_or_none_and_end_sessions() {
    let [store, other] = replicas().await;
    let issuer = |text: &str| Issuer::parse(text).unwrap();
    let (old, new) = (issuer("https://old.example.org"), issuer("https://new.example.org"));
    let at_old = |subject: &str| identity_at(old.as_str(), subject);
    let at_new = |subject: &str| identity_at(new.as_str(), subject);
    let move_all =
        async |dry_run| store.administration.move_identities(&old, &new, dry_run, at(50)).await.unwrap();
    for (number, subject) in [(1, "a"), (2, "b")] {
        add(&store, &account(number, &format!("{subject}@example.org")), &at_old(subject)).await;
    }
    add(&store, &account(3, "c@example.org"), &identity_at("https://elsewhere.example.org", "a")).await;
    add(&store, &account(4, "d@example.org"), &at_new("b")).await;
    begin_session(&store, &session(1, account_id(1))).await;

    // At the new issuer another person has one of the subjects: nothing moves.
    let blocked: Vec<_> = move_all(false).await.iter().map(IdentityMove::is_blocked).collect();
    assert_eq!(blocked, [false, true]);
    assert_eq!(whose(&other, &at_old("a")).await, Some(account_id(1)));

    assert_eq!(store.administration.delete(account_id(4)).await, Ok(AccountChange::Done));
    // A person who proved the account in the meantime has both.
    store.identities.link(account_id(2), &at_new("b"), None, at(40)).await.unwrap();
    let told = move_all(true).await;
    assert_eq!(whose(&other, &at_old("a")).await, Some(account_id(1)), "a dry run moves nothing");
    assert_eq!(move_all(false).await, told);
    for (number, subject) in [(1, "a"), (2, "b")] {
        assert_eq!(whose(&other, &at_old(subject)).await, None);
        assert_eq!(whose(&other, &at_new(subject)).await, Some(account_id(number)));
        assert_eq!(other.identities.identities(account_id(number)).await.unwrap().len(), 1);
    }
    assert_eq!(whose(&other, &identity_at("https://elsewhere.example.org", "a")).await, Some(account_id(3)));
    let session = other.sessions.find(session_id(1)).await.unwrap().unwrap();
    assert_eq!(session.ended_at, Some(at(50)));
    assert_eq!(move_all(false).await, []);
}
