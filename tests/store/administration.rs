//! `AccountStore`: the list of accounts, and what administrators change.

use labgate_domain::identity::ExternalIdentity;
use labgate_domain::people::{Account, AccountId, AccountStatus, Role, Username};
use labgate_domain::ports::{
    AccountChange, AccountPage, AccountRenaming, IdentityLink, IdentityMove, ProfileUpdate,
};
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

#[tokio::test]
async fn f22_an_identity_gives_way_once_and_until_its_time() {
    let replicas = replicas().await;
    let [store, other] = &replicas;
    let issuer = |text: &str| Issuer::parse(text).unwrap();
    let (old, new) = (issuer("https://old.example"), issuer("https://new.example"));
    let let_give_way = async |until, dry_run| {
        let listed = store.administration.let_give_way(&old, &new, at(until), dry_run).await.unwrap();
        listed.iter().map(|it| (it.name.to_string(), it.is_claimable())).collect::<Vec<_>>()
    };
    let claim = async |number, address: &str, identity: ExternalIdentity, seconds| {
        other.identities.claim(account_id(number), &identity, &email(address), at(seconds)).await.unwrap()
    };
    let at_old = |subject: &str| identity_at(old.as_str(), subject);
    let at_new = |subject: &str| identity_at(new.as_str(), subject);
    for (number, name) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        add(store, &account(number, &format!("{name}@example.org")), &at_old(name)).await;
    }
    let elsewhere = identity_at("https://elsewhere.example", "a");
    store.identities.link(account_id(2), &elsewhere, None, at(1001)).await.unwrap();
    store.credentials.reset_credential(account_id(3), &credential("$c"), at(1001)).await.unwrap();
    add(store, &local(5, "e"), &at_old("e")).await;
    let root = Account { role: Role::Admin, ..account(6, "f@example.org") };
    add(store, &root, &at_old("f")).await;
    begin_session(store, &session(1, account_id(1))).await;

    let expected = [("a@example.org", true), ("b@example.org", false), ("c@example.org", false)];
    let expected = expected.iter().chain(&[("d@example.org", true), ("e", false), ("f@example.org", false)]);
    let expected: Vec<_> = expected.map(|(name, claimable)| ((*name).to_owned(), *claimable)).collect();
    assert_eq!(let_give_way(3000, true).await, expected);
    assert_eq!(claim(1, "a@example.org", at_new("1"), 2000).await, IdentityLink::Refused, "a dry run");
    assert_eq!(let_give_way(3000, false).await, expected);

    for (number, address, identity, seconds, why) in [
        (1, "a@example.org", elsewhere.clone(), 2000, "another issuer than the one that was named"),
        (1, "a@example.org", at_new("1"), 3000, "it is too late"),
        (1, "former@example.org", at_new("1"), 2000, "it is not the account's address"),
        (2, "b@example.org", at_new("2"), 2000, "an identity elsewhere opens it, too"),
        (3, "c@example.org", at_new("3"), 2000, "a password opens it, too"),
        (6, "f@example.org", at_new("6"), 2000, "it is an administrator's"),
    ] {
        assert_eq!(claim(number, address, identity, seconds).await, IdentityLink::Refused, "{why}");
    }
    // An identity of a second issuer that gives way, too, asks for no proof, and the list says so.
    let third = issuer("https://third.example");
    let listed = async || {
        let listed = store.administration.let_give_way(&old, &new, at(3000), true).await.unwrap();
        listed.into_iter().find(|it| it.account == account_id(1)).unwrap().is_claimable()
    };
    store.identities.link(account_id(1), &identity_at(third.as_str(), "a"), None, at(1002)).await.unwrap();
    assert!(!listed().await);
    store.administration.let_give_way(&third, &new, at(3000), false).await.unwrap();
    assert!(listed().await);

    let id = account_id(4);
    store.administration.set_status(id, AccountStatus::Disabled, at(1500)).await.unwrap();
    assert_eq!(claim(4, "d@example.org", at_new("4"), 2000).await, IdentityLink::Refused, "it is disabled");
    assert_eq!(whose(store, &at_old("a")).await, Some(account_id(1)), "the old identity opens it until then");

    let claims = at_once(&replicas, 6, |store, number| async move {
        let (identity, email) =
            (identity_at("https://new.example", &number.to_string()), email("a@example.org"));
        store.identities.claim(account_id(1), &identity, &email, at(2000)).await.unwrap()
    })
    .await;
    let count = |how| claims.iter().filter(|it| **it == how).count();
    assert_eq!((count(IdentityLink::Linked), count(IdentityLink::Refused)), (1, 5));
    assert_eq!(whose(store, &at_old("a")).await, None);
    assert_eq!(store.identities.identities(account_id(1)).await.unwrap().len(), 1);
    assert_eq!(store.sessions.find(session_id(1)).await.unwrap().unwrap().ended_at, Some(at(2000)));

    // A time that has passed takes it back, and so does a move to where the subjects are the same.
    store.administration.set_status(id, AccountStatus::Active, at(1500)).await.unwrap();
    let_give_way(2000, false).await;
    assert_eq!(claim(4, "d@example.org", at_new("4"), 2000).await, IdentityLink::Refused);
    let_give_way(3000, false).await;
    store.administration.move_identities(&old, &new, false, at(2000)).await.unwrap();
    assert_eq!(claim(4, "d@example.org", at_new("4"), 2000).await, IdentityLink::Refused);
}

#[tokio::test]
async fn f22_an_account_is_renamed_unless_the_name_is_anothers() {
    let [store, other] = replicas().await;
    add_local(&store, &local(1, "ada"), Some(&credential("$ada"))).await;
    add_local(&store, &account(2, "bob@example.org"), None).await;
    add_local(&store, &Account { email: Some(email("eve@example.org")), ..local(3, "eve") }, None).await;
    begin_session(&store, &session(1, account_id(1))).await;
    let username = |text: &str| Username::parse(text).unwrap();
    let rename = async |number, text: &str| {
        other.administration.rename(account_id(number), &username(text)).await.unwrap()
    };
    for taken in ["eve", "eve@example.org", "bob@example.org"] {
        assert_eq!(rename(1, taken).await, AccountRenaming::NameTaken, "{taken}");
    }
    assert_eq!(rename(9, "nobody").await, AccountRenaming::NotFound);
    assert_eq!(rename(1, "lovelace").await, AccountRenaming::Renamed);
    assert_eq!(rename(2, "bob").await, AccountRenaming::Renamed);
    assert_eq!(rename(2, "bob@example.org").await, AccountRenaming::Renamed, "its own address");
    assert_eq!(store.accounts.find_by_name(&username("ada")).await, Ok(None));
    let named = store.accounts.find_by_name(&username("lovelace")).await.unwrap().unwrap();
    assert_eq!(named, local(1, "lovelace"));
    let open = store.sessions.find(session_id(1)).await.unwrap().unwrap();
    assert_eq!(open.ended_at, None);
    assert!(store.credentials.credential(account_id(1)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_of_simultaneous_renamings_to_one_name_one_succeeds() {
    let replicas = replicas().await;
    for number in 0..8 {
        add_local(&replicas[0], &local(number, &format!("person-{number}")), None).await;
    }
    let renamings = at_once(&replicas, 8, |store, number| async move {
        let name = Username::parse("lovelace").unwrap();
        store.administration.rename(account_id(number), &name).await.unwrap()
    })
    .await;
    let count = |how| renamings.iter().filter(|it| **it == how).count();
    assert_eq!((count(AccountRenaming::Renamed), count(AccountRenaming::NameTaken)), (1, 7));
}

#[tokio::test]
async fn f22_a_username_that_is_the_former_address_follows_it_if_free() {
    let [store, other] = replicas().await;
    add(&store, &account(1, "ada@old.example"), &identity("ada")).await;
    add_local(&store, &local(2, "bob"), None).await;
    add(&store, &Account { email: Some(email("eve@old.example")), ..local(3, "eve") }, &identity("eve"))
        .await;
    add_local(&store, &account(4, "taken@new.example"), None).await;
    let sign_in = async |number, subject, address| {
        let (identity, email) = (identity(subject), email(address));
        let update = other
            .identities
            .record_sign_in(account_id(number), &identity, Some(&email), at(3000))
            .await
            .unwrap();
        let account = store.accounts.find(account_id(number)).await.unwrap().unwrap();
        (update, account.username.to_string(), account.email.unwrap().to_string())
    };
    let told = |update, name: &str, address: &str| (update, name.to_owned(), address.to_owned());
    let [old, new] = ["ada@old.example", "ada@new.example"];
    assert_eq!(sign_in(1, "ada", "taken@new.example").await, told(ProfileUpdate::EmailTaken, old, old));
    assert_eq!(sign_in(1, "ada", new).await, told(ProfileUpdate::Done, new, new));
    let eve = told(ProfileUpdate::Done, "eve", "eve@new.example");
    assert_eq!(sign_in(3, "eve", "eve@new.example").await, eve, "a name that was chosen stays");
    // The next owner of the address is another person, with an account of their own.
    add(&store, &account(5, old), &identity("next-owner")).await;
}
