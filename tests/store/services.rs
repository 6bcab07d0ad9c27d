//! `ServiceStore`: the services that administrators add.

use labgate_domain::ports::{ServicesRevision, StoredService};

use super::lab::{Replica, at_once};
use super::replicas;

fn service(id: &str, definition: &str) -> StoredService {
    StoredService { id: id.to_owned(), definition: definition.to_owned() }
}

/// Returns the revision that the feed tells.
async fn told(store: &Replica) -> ServicesRevision {
    store.sessions.changes_since(None).await.unwrap().services
}

#[tokio::test]
async fn services_are_written_changed_and_removed_for_every_replica() {
    let [store, other] = replicas().await;
    let first = store.services.list().await.unwrap();
    assert!(first.list.is_empty() && first.revision.is_first());
    assert_eq!(told(&other).await, first.revision);

    let (a, b) = (service("a", r#"{"id":"a","name":"Größe\n"}"#), service("b", "{}"));
    assert!(store.services.put(&b, &first.revision).await.unwrap());
    let one = other.services.list().await.unwrap();
    assert_eq!((one.list.as_slice(), told(&other).await), ([b.clone()].as_slice(), one.revision.clone()));
    assert!(!one.revision.is_first());
    assert!(other.services.put(&a, &one.revision).await.unwrap());
    let two = store.services.list().await.unwrap();
    assert_eq!(two.list, [a.clone(), b.clone()], "in the order of their ids");
    let changed = service("b", r#"{"x":1}"#);
    assert!(store.services.put(&changed, &two.revision).await.unwrap());
    let three = store.services.list().await.unwrap();
    assert_eq!(three.list, [a.clone(), changed]);
    assert!(store.services.remove("b", &three.revision).await.unwrap());
    let four = other.services.list().await.unwrap();
    assert_eq!((four.list.as_slice(), told(&store).await), ([a].as_slice(), four.revision.clone()));
    assert!(other.services.remove("a", &four.revision).await.unwrap());
    let none = store.services.list().await.unwrap();
    assert!(none.list.is_empty() && !none.revision.is_first(), "there were services");
    let revisions = [&first, &one, &two, &three, &four, &none].map(|it| &it.revision);
    for (number, revision) in revisions.iter().enumerate() {
        assert!(!revisions[..number].contains(revision), "{revision:?} twice");
    }
}

#[tokio::test]
async fn a_change_that_saw_another_revision_changes_nothing() {
    let [store, other] = replicas().await;
    let first = store.services.list().await.unwrap().revision;
    let a = service("a", "{}");
    assert!(store.services.put(&a, &first).await.unwrap());
    assert!(!other.services.put(&service("b", "{}"), &first).await.unwrap());
    assert!(!other.services.remove("a", &first).await.unwrap());
    assert_eq!(other.services.list().await.unwrap().list, [a]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_once_that_saw_one_revision_one_is_done() {
    let replicas = replicas().await;
    let first = replicas[0].services.list().await.unwrap().revision;
    let done = at_once(&replicas, 16, |store, number| {
        let first = first.clone();
        async move { store.services.put(&service(&format!("s{number}"), "{}"), &first).await.unwrap() }
    })
    .await;
    assert_eq!(done.into_iter().filter(|done| *done).count(), 1);
    assert_eq!(replicas[1].services.list().await.unwrap().list.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_and_removals_of_one_service_at_once_one_is_done() {
    let replicas = replicas().await;
    let before = replicas[0].services.list().await.unwrap().revision;
    assert!(replicas[0].services.put(&service("a", "{}"), &before).await.unwrap());
    let seen = replicas[0].services.list().await.unwrap().revision;
    let changed = |number: u8| service("a", &format!(r#"{{"number":{number}}}"#));
    let done = at_once(&replicas, 16, |store, number| {
        let seen = seen.clone();
        async move {
            match number % 2 {
                0 => (number, store.services.put(&changed(number), &seen).await.unwrap()),
                _ => (number, store.services.remove("a", &seen).await.unwrap()),
            }
        }
    })
    .await;
    let winners: Vec<_> = done.into_iter().filter(|(_, done)| *done).map(|(number, _)| number).collect();
    let [winner] = winners[..] else { panic!("{winners:?}") };
    let there = replicas[1].services.list().await.unwrap().list;
    assert_eq!(there, if winner % 2 == 0 { vec![changed(winner)] } else { Vec::new() });
}
