//! Moving a lab from one database to the other and back.

use labgate_domain::ports::{AdministrationStore, Consumption, ServiceStore, SpentAttempts, StoredService};
use labgate_store::{CopyError, Location, Store, copy};
use secrecy::ExposeSecret as _;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use super::{Database, fresh, open};
use crate::store::lab::{self, account_id, at, attempt, begin_session, identity_at, session, session_id};

async fn sqlite(folder: &TempDir, name: &str) -> Store {
    Store::open(&Location::Sqlite(folder.path().join(name))).await.unwrap()
}

/// A lab with more than a page of accounts, and everything else that there is.
async fn fill(store: &Store) {
    let store = lab::Replica::new(store.clone());
    let ada = lab::add_ada(&store).await;
    lab::add_local(&store, &lab::local(2, "bob"), Some(&lab::credential("$bob"))).await;
    store
        .identities
        .link(ada.id, &identity_at("https://other.example", "ada"), None, at(1500))
        .await
        .unwrap();
    for number in 1..=5 {
        begin_session(&store, &session(number, ada.id)).await;
    }
    store.sessions.end(session_id(5), at(2000)).await.unwrap();
    lab::add_access_token(&store, ada.id, session_id(1)).await;
    let first = store.services.list().await.unwrap().revision;
    store.services.put(&wiki(), &first).await.unwrap();
    store.spent_attempts.consume(attempt(1), at(2000)).await.unwrap();
}

fn wiki() -> StoredService {
    StoredService { id: "wiki".to_owned(), definition: "{}".to_owned() }
}

async fn assert_is_whole(store: &Store) {
    let store = lab::Replica::new(store.clone());
    let (ada, _) = lab::ada();
    assert_eq!(store.accounts.find(ada.id).await, Ok(Some(ada.clone())));
    let identities = store.identities.identities(ada.id).await.unwrap();
    let subjects: Vec<_> = identities.iter().map(|it| it.issuer.as_str()).collect();
    assert_eq!(subjects, ["https://op.example", "https://other.example"]);
    assert_eq!(store.credentials.credential(account_id(2)).await, Ok(Some(lab::credential("$bob"))));
    assert_eq!(store.sessions.find(session_id(1)).await, Ok(Some(session(1, ada.id))));
    assert_eq!(store.sessions.find(session_id(5)).await, Ok(Some(lab::ended(session(5, ada.id), 2000))));
    assert_eq!(store.access_tokens.list_of(ada.id).await, Ok(vec![lab::access_token(ada.id)]));
    let services = store.services.list().await.unwrap();
    assert!(services.list == [wiki()] && !services.revision.is_first(), "{services:?}");
    assert_eq!(store.spent_attempts.consume(attempt(1), at(2000)).await, Ok(Consumption::Again));
}

#[tokio::test]
async fn a_lab_moves_to_the_server_and_back_whole() {
    let (folder, database) = (tempfile::tempdir().unwrap(), fresh().await);
    let before = sqlite(&folder, "before.db").await;
    let server = open(&database).await;
    let after = sqlite(&folder, "after.db").await;
    fill(&before).await;

    let mut progress = Vec::new();
    let copied = copy(&before, &server, |done, total| progress.push((done, total))).await.unwrap();
    let expected = [
        ("accounts", 2),
        ("terms_acceptances", 2),
        ("credentials", 1),
        ("external_identities", 2),
        ("sessions", 5),
        ("services", 1),
        ("access_tokens", 1),
        ("spent_attempts", 1),
    ];
    assert_eq!(copied.rows, expected);
    assert_eq!(
        progress,
        [(0, 15), (2, 15), (4, 15), (5, 15), (7, 15), (12, 15), (13, 15), (14, 15), (15, 15)]
    );
    assert_is_whole(&server).await;
    assert_eq!(copy(&server, &after, |_, _| {}).await.unwrap().rows, expected);
    assert_is_whole(&after).await;
    assert_is_whole(&before).await;
}

#[tokio::test]
async fn a_lab_whose_services_were_all_removed_is_no_lab_without_services_after_the_copy() {
    let (folder, database) = (tempfile::tempdir().unwrap(), fresh().await);
    let before = sqlite(&folder, "before.db").await;
    let server = open(&database).await;
    let after = sqlite(&folder, "after.db").await;
    let first = ServiceStore::list(&before).await.unwrap().revision;
    assert!(first.is_first() && before.put(&wiki(), &first).await.unwrap());
    let second = ServiceStore::list(&before).await.unwrap().revision;
    assert!(ServiceStore::remove(&before, "wiki", &second).await.unwrap());
    let mut revisions = vec![ServiceStore::list(&before).await.unwrap().revision];
    for (from, to) in [(&before, &server), (&server, &after)] {
        copy(from, to, |_, _| {}).await.unwrap();
        let copied = ServiceStore::list(to).await.unwrap();
        assert!(copied.list.is_empty() && !copied.revision.is_first(), "{copied:?}");
        assert!(!revisions.contains(&copied.revision), "each database has one of its own");
        revisions.push(copied.revision);
    }
    let (bare, target) = (sqlite(&folder, "bare.db").await, sqlite(&folder, "target.db").await);
    copy(&bare, &target, |_, _| {}).await.unwrap();
    assert!(ServiceStore::list(&target).await.unwrap().revision.is_first(), "none was ever added");
}

#[tokio::test]
async fn more_than_a_page_is_copied_page_by_page_in_both_directions() {
    let (folder, database) = (tempfile::tempdir().unwrap(), fresh().await);
    let server = open(&database).await;
    let many = "
        INSERT INTO accounts SELECT '01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), 'person' || n, NULL, NULL,
            'user', 'active', 0 FROM generate_series(1, 1201) AS n;
        INSERT INTO external_identities SELECT 'https://op' || n % 3 || '.example', 'S' || n, id, NULL, false, NULL, '[]',
            '[]', NULL, 0, 0 FROM (SELECT id, substr(username, 7)::int AS n FROM accounts) AS people;
        INSERT INTO spent_attempts SELECT decode(md5(n::text), 'hex'), n FROM generate_series(1, 1000) AS n";
    sqlx::raw_sql(many).execute(&mut database.connect().await).await.unwrap();
    let file = sqlite(&folder, "file.db").await;
    let mut steps = 0;
    let copied = copy(&server, &file, |_, total| {
        assert_eq!(total, 3402);
        steps += 1;
    })
    .await
    .unwrap();
    assert_eq!(steps, 1 + 3 + 3 + 2);

    let other_database = fresh().await;
    let other = open(&other_database).await;
    assert_eq!(copy(&file, &other, |_, _| {}).await, Ok(copied));
    let everything =
        "SELECT md5(string_agg(rows::text, ' ' ORDER BY rows::text)) FROM external_identities AS rows";
    let mut sums = Vec::new();
    for database in [&database, &other_database] {
        let sum: String =
            sqlx::query_scalar(everything).fetch_one(&mut database.connect().await).await.unwrap();
        sums.push(sum);
    }
    assert_eq!(sums[0], sums[1]);
}

#[tokio::test]
async fn a_target_that_is_not_empty_is_refused_and_left_alone() {
    let (folder, database) = (tempfile::tempdir().unwrap(), fresh().await);
    let file = sqlite(&folder, "file.db").await;
    let server = open(&database).await;
    fill(&file).await;
    server.consume(attempt(9), at(2000)).await.unwrap();
    let refused = Err(CopyError::NotEmpty { table: "spent_attempts" });
    assert_eq!(copy(&file, &server, |_, _| {}).await, refused);
    assert_eq!(AdministrationStore::list(&server, None, None, 1).await.unwrap().accounts, []);
    let refused = Err(CopyError::NotEmpty { table: "accounts" });
    assert_eq!(copy(&server, &file, |_, _| {}).await, refused);
    assert_is_whole(&file).await;
}

#[tokio::test]
async fn a_copy_that_fails_or_is_given_up_leaves_the_target_empty_and_free() {
    let (folder, database) = (tempfile::tempdir().unwrap(), fresh().await);
    let file = sqlite(&folder, "file.db").await;
    let server = open(&database).await;
    fill(&file).await;

    let forbid = "ALTER TABLE spent_attempts ADD CONSTRAINT none CHECK (false)";
    sqlx::raw_sql(forbid).execute(&mut database.connect().await).await.unwrap();
    let error = copy(&file, &server, |_, _| {}).await.unwrap_err();
    assert!(matches!(error, CopyError::Target(_)), "{error}");
    assert_eq!(AdministrationStore::list(&server, None, None, 1).await.unwrap().accounts, []);
    let allow = "ALTER TABLE spent_attempts DROP CONSTRAINT none";
    sqlx::raw_sql(allow).execute(&mut database.connect().await).await.unwrap();

    // Given up in the middle: somebody stops waiting for it.
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let mut copying = Box::pin(copy(&file, &server, |done, _| told.send(done).unwrap()));
    tokio::select! {
        biased;
        () = async { while hears.recv().await != Some(5) {} } => {}
        copied = &mut copying => panic!("{copied:?}"),
    }
    drop(copying);
    assert_eq!(AdministrationStore::list(&server, None, None, 1).await.unwrap().accounts, []);

    copy(&file, &server, |_, _| {}).await.unwrap();
    assert_is_whole(&server).await;
}

/// Runs a statement at the first progress of a copy.
fn meanwhile(database: &Database, sql: &'static str) -> impl FnMut(u64, u64) + Send {
    let url = database.direct().clone();
    move |done, _| {
        if done == 0 {
            let url = url.clone();
            let running = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let mut connection = PgConnection::connect(url.expose_secret()).await.unwrap();
                    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                });
            });
            running.join().unwrap();
        }
    }
}

const SPEND_ANOTHER: &str = "INSERT INTO spent_attempts VALUES (decode(md5('another'), 'hex'), 0)";

#[tokio::test]
async fn the_lab_is_copied_as_it_was_at_the_beginning() {
    let (folder, database) = (tempfile::tempdir().unwrap(), fresh().await);
    let server = open(&database).await;
    let file = sqlite(&folder, "file.db").await;
    fill(&server).await;
    let copied = copy(&server, &file, meanwhile(&database, SPEND_ANOTHER)).await.unwrap();
    assert_eq!(copied.rows.last(), Some(&("spent_attempts", 1)));
    assert_is_whole(&file).await;
}

#[tokio::test]
async fn a_target_that_another_process_writes_to_gets_nothing() {
    let (folder, database) = (tempfile::tempdir().unwrap(), fresh().await);
    let server = open(&database).await;
    let file = sqlite(&folder, "file.db").await;
    fill(&file).await;
    let refused = CopyError::Incomplete { table: "spent_attempts", there: 1, written: 2 };
    assert_eq!(copy(&file, &server, meanwhile(&database, SPEND_ANOTHER)).await, Err(refused));
    assert_eq!(AdministrationStore::list(&server, None, None, 1).await.unwrap().accounts, []);
}
