use std::sync::Arc;
use std::time::Duration;

use labgate_domain::ports::Throttle;
use labgate_test_harness::memory::MemoryStore;

use super::lab::{self, Replica, at, begin_session};

#[path = "access_tokens.rs"]
mod access_tokens;
#[path = "accounts.rs"]
mod accounts;
#[path = "administration.rs"]
mod administration;
#[path = "changes.rs"]
mod changes;
#[path = "credentials.rs"]
mod credentials;
#[path = "linking.rs"]
mod linking;
#[path = "local_accounts.rs"]
mod local_accounts;
#[path = "local_groups.rs"]
mod local_groups;
#[path = "rate_limits.rs"]
mod rate_limits;
#[path = "revalidation.rs"]
mod revalidation;
#[path = "services.rs"]
mod services;
#[path = "sessions.rs"]
mod sessions;
#[path = "sessions_from_provider.rs"]
mod sessions_from_provider;
#[path = "sessions_of_account.rs"]
mod sessions_of_account;
#[path = "sign_ins.rs"]
mod sign_ins;
#[path = "spent_attempts.rs"]
mod spent_attempts;

async fn throttles() -> ((), [Arc<dyn Throttle>; 2]) {
    let store = MemoryStore::new();
    ((), [Arc::new(store.clone()), Arc::new(store)])
}

async fn replicas() -> [Replica; 2] {
    let store = MemoryStore::new();
    [Replica::new(store.clone()), Replica::new(store)]
}

#[tokio::test]
async fn a_failing_store_answers_nothing_and_keeps_everything() {
    let memory = MemoryStore::new();
    let store = Replica::new(memory.clone());
    let ada = lab::add_ada(&store).await;
    begin_session(&store, &lab::session(1, ada.id)).await;

    memory.set_failing(true);
    let (account, identity) = lab::ada();
    assert!(store.accounts.check().await.is_err());
    assert!(store.accounts.find(ada.id).await.is_err());
    assert!(store.identities.create(&account, &identity).await.is_err());
    assert!(store.administration.list(None, None, 1).await.is_err());
    assert!(store.administration.delete(ada.id).await.is_err());
    assert!(
        store.credentials.reset_credential(ada.id, &lab::credential("$new"), ada.created_at).await.is_err()
    );
    assert!(store.sessions.find(lab::session_id(1)).await.is_err());
    assert!(store.sessions.end_all_of(ada.id, None, at(2000)).await.is_err());
    assert!(store.sessions.end(lab::session_id(1), at(2000)).await.is_err());
    assert!(store.spent_attempts.consume(lab::attempt(1), at(2000)).await.is_err());

    memory.set_failing(false);
    assert_eq!(store.accounts.find(ada.id).await, Ok(Some(ada.clone())));
    assert_eq!(store.credentials.credential(ada.id).await, Ok(None));
    assert_eq!(store.sessions.find(lab::session_id(1)).await, Ok(Some(lab::session(1, ada.id))));
}

#[tokio::test]
async fn a_test_can_look_inside() {
    let memory = MemoryStore::new();
    let store = Replica::new(memory.clone());
    let ada = lab::add_ada(&store).await;
    begin_session(&store, &lab::session(1, ada.id)).await;
    begin_session(&store, &lab::session(2, ada.id)).await;
    store.sessions.end(lab::session_id(2), at(1001)).await.unwrap();

    assert_eq!((memory.account_count(), memory.session_count()), (1, 2));
    let idle_limit = Duration::from_secs(10);
    assert_eq!(memory.live_sessions(at(1002), idle_limit), [lab::session(1, ada.id)]);
    assert_eq!(memory.live_sessions(at(1010), idle_limit), []);
    memory.disable(ada.id);
    assert_eq!(store.accounts.find(ada.id).await, Ok(Some(lab::disabled(ada))));
}
