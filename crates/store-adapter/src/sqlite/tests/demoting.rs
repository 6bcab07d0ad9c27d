//! A person who loses something is signed out by the same transaction.

use labgate_domain::people::{AccountStatus, Role};
use labgate_domain::ports::{AccountChange, AdministrationStore as _, SessionStore};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;

use super::{account, folder, run, store_with_ada};

const SESSION: &str = "
    INSERT INTO sessions VALUES ('AAAAAAAAAAAAAAAAAAAAAA', '01890000-0000-7000-8000-000000000001', 'external',
        'https://op.example', 'ada', 'sid', 'hint', 'browser', '::1', '[]', '[]', 0, 0, 0, 100, NULL, NULL, NULL);
    INSERT INTO accounts VALUES
        ('01890000-0000-7000-8000-000000000002', 'root', NULL, NULL, 'admin', 'active', 0, '[]')";

#[tokio::test]
async fn f50_a_change_ends_the_sessions_exactly_if_it_takes_something_away() {
    let (id, at) = (account().id, Timestamp::from_unix_seconds(50));
    for (before, role, status, ends) in [
        ("user", Some(Role::Admin), None, false),
        ("admin", Some(Role::User), None, true),
        ("user", None, Some(AccountStatus::Disabled), true),
        ("user", None, Some(AccountStatus::Active), false),
    ] {
        let (_folder, path) = folder();
        let store = store_with_ada(&path).await;
        run(&store, SESSION).await;
        if before == "admin" {
            run(&store, "UPDATE accounts SET role = 'admin'").await;
        }
        let change = match (role, status) {
            (Some(role), _) => store.set_role(id, role, at).await,
            (None, Some(status)) => store.set_status(id, status, at).await,
            (None, None) => unreachable!(),
        };
        assert_eq!(change, Ok(AccountChange::Done));
        let session = SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let ended_at = SessionStore::find(&store, session).await.unwrap().unwrap().ended_at;
        assert_eq!(ended_at, ends.then_some(at), "{before} {role:?} {status:?}");
    }
}
