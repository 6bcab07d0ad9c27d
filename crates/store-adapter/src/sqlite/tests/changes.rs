//! Where the feed of changes cannot tell what has changed, it says so.

use labgate_domain::ports::{FeedPosition, SessionChanges, SessionStore};

use super::*;

/// Returns what the feed tells since a position at which it stands, or stood, after `sql`.
async fn told_after(sql: &'static str, moved: impl FnOnce(FeedPosition) -> FeedPosition) -> SessionChanges {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    let before = store.changes_since(None).await.unwrap();
    assert_eq!(before.changed, None, "without a position");
    run(&store, sql).await;
    store.changes_since(Some(&moved(before.position))).await.unwrap()
}

#[tokio::test]
async fn a_change_is_told_and_too_many_are_not() {
    let one = told_after("UPDATE accounts SET role = 'admin'", |position| position).await;
    assert_eq!(one.changed.map(|changed| changed.len()), Some(1));
    let many = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
        INSERT INTO changes (account_id) SELECT '01890000-0000-7000-8000-000000000001' FROM n";
    assert_eq!(told_after(many, |position| position).await.changed, None);
    let most = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
        INSERT INTO changes (account_id) SELECT '01890000-0000-7000-8000-000000000001' FROM n";
    let most = told_after(most, |position| position).await;
    assert_eq!(most.changed.map(|changed| changed.len()), Some(SessionChanges::MOST));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_passed_over_and_said() {
    let store = told_after("INSERT INTO changes (session_id) VALUES ('no id')", |position| position).await;
    assert_eq!(store.changed, None);
}

#[tokio::test]
async fn a_position_that_is_old_or_of_another_file_is_said() {
    for moved in ["[0,1000]", "[99,4000000000]"] {
        let told = told_after("SELECT 1", |_| FeedPosition(moved.to_owned())).await;
        assert_eq!(told.changed, None, "{moved}");
    }
    let present = told_after("SELECT 1", |position| position).await;
    assert_eq!(present.changed, Some(Vec::new()));
}

#[tokio::test]
async fn a_deleted_live_session_and_a_deleted_account_are_told() {
    let live = "INSERT INTO sessions (id, account_id, groups, authentication_methods, authenticated_at, created_at,
            last_seen_at, expires_at)
        VALUES ('AAAAAAAAAAAAAAAAAAAAAA', '01890000-0000-7000-8000-000000000001', '[]', '[]', 0, 0, 0, 9000000000);
        DELETE FROM sessions; DELETE FROM accounts";
    assert_eq!(told_after(live, |position| position).await.changed.map(|changed| changed.len()), Some(2));
}
