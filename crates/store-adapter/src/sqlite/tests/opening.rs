//! Opening, creating, migrating and closing the file.

use std::fs;
use std::path::Path;

use labgate_domain::ports::AccountStore;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::task::JoinSet;

use super::{account, file, folder, open, run, store_with_ada};
use crate::OpenError;
use crate::sqlite::file::prepare;

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_what_is_created() {
    use std::os::unix::fs::PermissionsExt as _;

    let (folder, _) = folder();
    let path = folder.path().join("data/lab/labgate.db");
    let _store = store_with_ada(&path).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("data")), 0o700);
    assert_eq!(mode(&folder.path().join("data/lab")), 0o700);
    for file in ["labgate.db", "labgate.db-wal", "labgate.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn f10_what_is_created_has_the_owner_of_its_folder() {
    use std::os::unix::fs::{MetadataExt as _, chown};

    let (folder, path) = folder();
    // Only root can give files away; another user's folder is their own in any case.
    if fs::metadata(folder.path()).unwrap().uid() == 0 {
        chown(folder.path(), Some(12345), Some(23456)).unwrap();
    }
    let _store = store_with_ada(&path).await;
    let owner = |path: &Path| {
        let about = fs::metadata(path).unwrap();
        (about.uid(), about.gid())
    };
    for file in ["labgate.db", "labgate.db-wal", "labgate.db-shm"] {
        assert_eq!(owner(&path.with_file_name(file)), owner(folder.path()), "{file}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_that_others_can_read_or_write_is_refused_by_name_and_mode() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_folder, path) = folder();
    store_with_ada(&path).await.close().await;
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for bits in [0o604, 0o602, 0o601, 0o666] {
        chmod(&path, bits);
        let error = open(&path).await.unwrap_err();
        assert!(matches!(error, OpenError::Exposed { mode, .. } if mode == bits), "{error}");
        let error = error.to_string();
        let expected = format!("labgate.db is open to everybody (mode {bits:04o}): `chmod o= ");
        assert!(error.contains(&expected), "{error}");
    }
    // A group of its own is how containers share a volume.
    chmod(&path, 0o660);
    let store = open(&path).await.unwrap();
    // SQLite itself sets the mode of a log that is empty.
    run(&store, "INSERT INTO spent_attempts VALUES (zeroblob(16), 0)").await;
    for beside in ["labgate.db-wal", "labgate.db-shm"] {
        chmod(&path.with_file_name(beside), 0o644);
        let error = open(&path).await.unwrap_err();
        assert!(error.to_string().contains(&format!("{beside} is open to everybody")), "{error}");
        chmod(&path.with_file_name(beside), 0o600);
    }
    let again = open(&path).await.unwrap();
    assert_eq!(AccountStore::find(&again, account().id).await, Ok(Some(account())));
    store.check().await.unwrap();
}

#[tokio::test]
async fn every_connection_has_the_settings_that_the_store_counts_on() {
    let (_folder, path) = folder();
    let store = open(&path).await.unwrap();
    for pool in [&file(&store).writer, &file(&store).readers] {
        for (sql, expected) in
            [("PRAGMA foreign_keys", 1), ("PRAGMA synchronous", 2), ("PRAGMA busy_timeout", 5000)]
        {
            let value: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
            assert_eq!(value, expected, "{sql}");
        }
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await.unwrap();
        assert_eq!(journal, "wal");
    }
    let refused = sqlx::query("DELETE FROM accounts").execute(&file(&store).readers).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused_by_name_and_left_alone() {
    let (_folder, path) = folder();
    for garbage in ["x", "# notes\n", &"not a database\n".repeat(1000)] {
        fs::write(&path, garbage).unwrap();
        let error = open(&path).await.unwrap_err();
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
        assert!(error.to_string().contains("labgate.db"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), garbage);
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused_by_name() {
    let (_folder, path) = folder();
    store_with_ada(&path).await.close().await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("labgate.db"), "{error}");
}

#[tokio::test]
async fn f10_a_database_that_was_cut_short_is_refused_and_is_not_ready() {
    let (folder, path) = folder();
    store_with_ada(&path).await.close().await;
    let whole = fs::read(&path).unwrap();
    let copy = folder.path().join("copy.db");
    for tenths in [1, 5, 9] {
        // Within a page.
        let len = whole.len() * tenths / 10 / 4096 * 4096 + 100;
        fs::write(&copy, &whole[..len]).unwrap();
        let error = open(&copy).await.unwrap_err();
        assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
        assert!(error.to_string().contains("copy.db"), "{error}");
        fs::remove_file(&copy).unwrap();

        // Under a running server: an error, and no signal that ends the process.
        fs::write(&path, &whole).unwrap();
        let store = open(&path).await.unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(len.try_into().unwrap()).unwrap();
        assert!(store.check().await.is_err(), "{tenths}");
        assert!(store.check().await.is_err(), "{tenths}");
        store.close().await;
        // The file itself keeps its mode.
        for beside in ["labgate.db-wal", "labgate.db-shm"] {
            let _ = fs::remove_file(path.with_file_name(beside));
        }
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_a_file_is_refused_by_name() {
    let (folder, path) = folder();
    fs::write(&path, "").unwrap();
    for bad in [folder.path(), &path.join("below-a-file.db"), Path::new("/"), Path::new("")] {
        let error = open(bad).await.unwrap_err();
        assert!(matches!(error, OpenError::File { .. }), "{error}");
        assert!(error.to_string().contains(&bad.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn names_that_sqlite_takes_for_something_else_are_files() {
    let (folder, _) = folder();
    for name in [":memory:", "file:x?mode=memory", "a?b#c%20"] {
        store_with_ada(&folder.path().join(name)).await;
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, "INSERT INTO _sqlx_migrations VALUES (99, 'from the future', 0, TRUE, x'00', 0)").await;
    store.close().await;
    let before = fs::read(&path).unwrap();

    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 13, .. }), "{error}");
    assert!(error.to_string().contains("labgate.db"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_changed_history_is_refused() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    store.close().await;
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { version: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let (_folder, path) = folder();
    let foreign = SqliteConnectOptions::new().filename(prepare(&path).unwrap());
    let mut connection = foreign.connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE sessions (mine TEXT)").execute(&mut connection).await.unwrap();

    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema").fetch_all(&mut connection).await.unwrap();
    assert_eq!(tables, ["sessions"]);
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_agree_on_one_schema() {
    for _ in 0..5 {
        let (_folder, path) = folder();
        let mut starting = JoinSet::new();
        for _ in 0..8 {
            let path = path.clone();
            starting.spawn(async move { open(&path).await });
        }
        for store in starting.join_all().await {
            store.unwrap().check().await.unwrap();
        }
    }
}

#[tokio::test]
async fn closing_leaves_one_file_with_everything_in_it() {
    let (folder, path) = folder();
    let store = store_with_ada(&path).await;
    store.check().await.unwrap();
    store.close().await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(store.check().await.is_err());

    let copy = folder.path().join("copy.db");
    fs::rename(&path, &copy).unwrap();
    let store = open(&copy).await.unwrap();
    assert_eq!(AccountStore::find(&store, account().id).await, Ok(Some(account())));
}
