//! `AdministrationStore`: the local groups of accounts.

use labgate_domain::people::{Account, GroupPatch, LocalGroups, Role};
use labgate_domain::ports::GroupChange;

use super::lab::{
    Replica, account, account_id, add, add_ada, added, at, at_once, begin_session, credential, email, groups,
    identity, session, session_id,
};
use super::replicas;

async fn groups_of(store: &Replica, number: u8) -> String {
    store.accounts.find(account_id(number)).await.unwrap().unwrap().groups.to_string()
}

#[tokio::test]
async fn local_groups_change_and_nothing_else_does() {
    let [store, other] = replicas().await;
    let (ada, bob) = (add_ada(&store).await, account(2, "bob@example.com"));
    add(&store, &bob, &identity("bob")).await;
    begin_session(&store, &session(1, bob.id)).await;

    let change = |add: &str, remove: &str| {
        let patch = GroupPatch { add: added(add).add, remove: added(remove).add };
        let store = store.clone();
        async move { store.administration.change_groups(account_id(2), &patch).await.unwrap() }
    };
    let done = |before: &str, after: &str| {
        let parsed = |list: &str| if list.is_empty() { LocalGroups::default() } else { groups(list) };
        GroupChange::Done { before: parsed(before), after: parsed(after) }
    };
    assert_eq!(change("gpu, staff", "none").await, done("", "gpu, staff"));
    let expected = Account { groups: groups("gpu, staff"), ..bob.clone() };
    assert_eq!(other.accounts.find(bob.id).await, Ok(Some(expected.clone())));
    assert_eq!(other.accounts.find_by_name(&bob.username).await, Ok(Some(expected)));
    assert_eq!(change("staff", "none").await, done("gpu, staff", "gpu, staff"), "or so already");
    assert_eq!(change("größe", "gpu, staff").await, done("gpu, staff", "größe"));
    assert_eq!(change("a", "größe, a").await, done("größe", "a"));

    let his = other.sessions.find(session_id(1)).await.unwrap().unwrap();
    assert_eq!(his, session(1, bob.id), "his session goes on, and its groups are the provider's");
    assert_eq!(other.accounts.find(ada.id).await, Ok(Some(ada)), "nobody else's");
}

#[tokio::test]
async fn an_account_that_is_missing_or_full_gets_no_group() {
    let [store, _] = replicas().await;
    let change =
        async |list: &str| store.administration.change_groups(account_id(2), &added(list)).await.unwrap();
    assert_eq!(change("gpu").await, GroupChange::NotFound);
    add(&store, &account(2, "bob@example.com"), &identity("bob")).await;
    let longest: Vec<String> = (10..74).map(|number| format!("{number}{}", "ü".repeat(62))).collect();
    assert!(matches!(change(&longest.join(",")).await, GroupChange::Done { .. }));
    assert!(matches!(change("one more").await, GroupChange::TooMany(_)));
    assert_eq!(groups_of(&store, 2).await, longest.join(", "));
}

#[tokio::test]
async fn no_sign_in_and_no_other_change_touches_local_groups() {
    let [store, _] = replicas().await;
    let (bob, mut his) = (account(2, "bob@example.com"), identity("bob"));
    add(&store, &bob, &his).await;
    store.administration.change_groups(bob.id, &added("gpu")).await.unwrap();
    his.groups = vec!["from the provider".to_owned()];
    let new = email("robert@example.com");
    store.identities.record_sign_in(bob.id, &his, Some(&new), at(2000)).await.unwrap();
    store.credentials.reset_credential(bob.id, &credential("$bob"), at(2000)).await.unwrap();
    store.administration.set_role(bob.id, Role::Admin, at(2000)).await.unwrap();
    assert_eq!(groups_of(&store, 2).await, "gpu");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_of_groups_at_once_none_is_lost() {
    let replicas = replicas().await;
    add(&replicas[0], &account(2, "bob@example.com"), &identity("bob")).await;
    at_once(&replicas, 32, |store, number| async move {
        let patch = added(&format!("g{number:02}"));
        store.administration.change_groups(account_id(2), &patch).await.unwrap()
    })
    .await;
    let all: Vec<String> = (0..32).map(|number| format!("g{number:02}")).collect();
    assert_eq!(groups_of(&replicas[1], 2).await, all.join(", "));
}
