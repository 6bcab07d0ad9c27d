//! Throwaway databases.

use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process, thread};

use labgate_store::Location;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

/// Names a database on a throwaway server, as a user who may create schemas there.
const SERVER: &str = "LABGATE_TEST_POSTGRES_URL";

/// Names a PgBouncer before that server, through which the stores are to reach it. Each of its databases `lab_0`,
/// `lab_1` … is a schema of that name.
const POOLER: &str = "LABGATE_TEST_PGBOUNCER_URL";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// An empty database, dropped with this. It is a schema of its own in one database: a hundred times as fast
/// as a database of its own, and the store sees nothing else.
pub(crate) struct Database {
    schema: String,
    url: SecretString,
    /// Leads to the server itself.
    direct: SecretString,
}

/// Creates an empty database.
///
/// # Panics
/// When there is no server.
pub(crate) async fn fresh() -> Database {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let pooler = env::var(POOLER).ok();
    let schema = match pooler {
        Some(_) => format!("lab_{number}"),
        None => format!("labgate_test_{}_{number}", process::id()),
    };
    // One of an earlier run that was killed may have the name.
    on_server(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).await;
    let mut direct = server();
    direct
        .query_pairs_mut()
        .append_pair("options[search_path]", &schema)
        .append_pair("application_name", &schema);
    let mut url = direct.clone();
    if let Some(pooler) = pooler {
        url = Url::parse(&pooler).unwrap_or_else(|_| panic!("{POOLER} is no URL"));
        url.set_path(&schema);
        url.query_pairs_mut()
            .append_pair("application_name", &schema)
            .append_pair("pool_mode", "transaction");
    }
    Database { schema, url: String::from(url).into(), direct: String::from(direct).into() }
}

impl Database {
    pub(crate) fn url(&self) -> &SecretString {
        &self.url
    }

    pub(crate) fn location(&self) -> Location {
        Location::Postgres(self.url.clone())
    }

    /// Returns the URL of the server itself.
    pub(crate) fn direct(&self) -> &SecretString {
        &self.direct
    }

    /// Opens a connection beside the store's.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.direct.expose_secret()).await.unwrap()
    }
}

impl Drop for Database {
    /// Works in a thread and a runtime of its own: the current runtime must not be blocked.
    fn drop(&mut self) {
        let schema = &self.schema;
        let drop_it = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{schema}';
             DROP SCHEMA {schema} CASCADE"
        );
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(on_server(&drop_it));
        });
        if dropping.join().is_err() {
            eprintln!("the schema {} is left behind", self.schema);
        }
    }
}

async fn on_server(sql: &str) {
    let mut connection = PgConnection::connect(server().as_str()).await.expect(SERVER);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn server() -> Url {
    let url = env::var(SERVER).unwrap_or_else(|_| {
        panic!("{SERVER} is not set: name a PostgreSQL server to throw away, or run `cargo xtask test`, which brings one")
    });
    Url::parse(&url).unwrap_or_else(|_| panic!("{SERVER} is no URL"))
}
