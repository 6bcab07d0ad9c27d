//! Many accounts at once, by SQL of their own: one by one through the ports they would take an hour.

use labgate_store::Location;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, raw_sql};
use url::Url;

use crate::Result;

/// The issuer of all identities.
pub(crate) const ISSUER: &str = "https://idp.example.org";

/// The time at which all sessions were last seen.
pub(crate) const NOW: i64 = 1_800_000_000;

/// An odd factor: modulo 2³² it scatters the numbers, and no two meet.
const SCATTER: u64 = 2_654_435_761;

/// The keys of the account with a number. Names, subjects and sessions are in no order, as in a real lab; ids
/// are in that of their making.
pub(crate) struct Key(u64);

impl Key {
    pub(crate) fn of(number: u32) -> Self {
        Self(u64::from(number) * SCATTER % (1 << 32))
    }

    pub(crate) fn username(&self) -> String {
        format!("p{:08x}", self.0)
    }

    pub(crate) fn subject(&self) -> String {
        format!("{:08x}-58cc-4372-a567-0e02b2c3d479", self.0)
    }

    pub(crate) fn session(&self) -> String {
        format!("{:08x}AAAAAAAAAAAAAA", self.0)
    }
}

/// The numbers of the accounts, and their keys, in hexadecimal. SIZE and SCATTER are put in.
const SQLITE_NUMBERS: &str = "
    CREATE TEMP TABLE numbers AS
    WITH RECURSIVE counted (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < SIZE)
    SELECT printf('%08x', n) AS number, printf('%08x', n * SCATTER % 4294967296) AS key FROM counted";

const POSTGRES_NUMBERS: &str = "
    CREATE TEMP TABLE numbers AS
    SELECT lpad(to_hex(n), 8, '0') AS number, lpad(to_hex(n * SCATTER % 4294967296), 8, '0') AS key
    FROM generate_series(0::bigint, SIZE - 1) AS counted (n)";

/// Of each account one of everything, about as long as it is in a real lab. Understood by both databases.
/// ISSUER and NOW are put in.
const FILL: &str = "
    INSERT INTO accounts (id, username, email, name, role, status, created_at)
    SELECT number || '-0000-7000-8000-' || key || '0000', 'p' || key, 'p' || key || '@lab.example.org',
        'Person ' || key, 'user', 'active', NOW - 1000000
    FROM numbers;

    INSERT INTO credentials (account_id, hash, must_change)
    SELECT number || '-0000-7000-8000-' || key || '0000',
        '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAA' || key
            || '$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
        FALSE
    FROM numbers;

    INSERT INTO external_identities (issuer, subject, account_id, email, email_verified, name, groups,
        authentication_methods, first_sign_in_at, last_sign_in_at)
    SELECT 'ISSUER', key || '-58cc-4372-a567-0e02b2c3d479', number || '-0000-7000-8000-' || key || '0000',
        'p' || key || '@lab.example.org', TRUE, 'Person ' || key, '[\"students\",\"physics\"]', '[\"pwd\"]',
        NOW - 1000000, NOW
    FROM numbers;

    INSERT INTO sessions (id, account_id, provider, issuer, subject, provider_session, user_agent, address, groups,
        authentication_methods, authenticated_at, created_at, last_seen_at, expires_at)
    SELECT key || 'AAAAAAAAAAAAAA', number || '-0000-7000-8000-' || key || '0000', 'external', 'ISSUER',
        key || '-58cc-4372-a567-0e02b2c3d479', 'sid-' || key, 'Firefox on Linux', '192.0.2.1',
        '[\"students\",\"physics\"]', '[\"pwd\"]', NOW - 1000, NOW - 1000, NOW, NOW + 2000000
    FROM numbers";

/// Puts this many accounts into a database that has its tables and nothing else.
pub(crate) async fn fill(location: &Location, size: u32) -> Result<()> {
    match location {
        Location::Sqlite(path) => {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .synchronous(SqliteSynchronous::Off)
                // The rows fit each other, and a large cache spares the indexes many a trip to the disk.
                .foreign_keys(false)
                .pragma("cache_size", "-1000000");
            let mut connection: SqliteConnection = options.connect().await?;
            raw_sql(AssertSqlSafe(script(SQLITE_NUMBERS, size))).execute(&mut connection).await?;
            // The last connection that closes brings the write-ahead log into the file.
            connection.close().await?;
        }
        Location::Postgres(url) => {
            let mut connection = PgConnection::connect(url.expose_secret()).await?;
            raw_sql(AssertSqlSafe(script(POSTGRES_NUMBERS, size))).execute(&mut connection).await?;
            // What autovacuum does within minutes.
            raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
            raw_sql("CHECKPOINT").execute(&mut connection).await?;
            connection.close().await?;
        }
    }
    Ok(())
}

/// All of it in one transaction.
fn script(numbers: &str, size: u32) -> String {
    let script = format!("BEGIN; {numbers}; {FILL}; DROP TABLE numbers; COMMIT");
    let script = script.replace("SIZE", &size.to_string()).replace("SCATTER", &SCATTER.to_string());
    script.replace("ISSUER", ISSUER).replace("NOW", &NOW.to_string())
}

/// Makes an empty database on the server of this URL.
pub(crate) async fn make_database(server: &str, name: &str) -> Result<Location> {
    drop_database(server, name).await?;
    let mut connection = PgConnection::connect(server).await?;
    raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
    connection.close().await?;
    let mut url = Url::parse(server)?;
    url.set_path(name);
    Ok(Location::Postgres(SecretString::from(url.as_str())))
}

/// Drops the database, if it is there.
pub(crate) async fn drop_database(server: &str, name: &str) -> Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    raw_sql(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
