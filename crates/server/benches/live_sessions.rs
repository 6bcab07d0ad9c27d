//! Puts live sessions of one person into a lab that is not running, and writes their tokens into a file, one
//! a line. `cargo xtask bench` starts it: through the sign-in they would take an hour.
//!
//! Arguments: data directory, URL of a PostgreSQL database or `-` for the SQLite file, origin of the lab,
//! number of sessions, file for the tokens.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use labgate_domain::people::{AccountId, EmailAddress, Role, Username};
use labgate_domain::ports::TokenIssuer as _;
use labgate_domain::session::{SessionClaims, SessionId};
use labgate_domain::time::Timestamp;
use labgate_store::{Location, Store};
use labgate_token::{Algorithm, KeyDirectory, SessionTokens};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, raw_sql};

const ACCOUNT: &str = "01890000-0000-7000-8000-00000000cafe";
const EMAIL: &str = "ada@lab.example.org";

/// The sessions that one statement adds.
const CHUNK: u32 = 1000;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "the lab that reads the sessions has the system's clock")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let [data_dir, database, origin, size, tokens] = arguments.as_slice() else {
        println!("nothing to do: `cargo xtask bench` starts this with arguments");
        return Ok(());
    };
    let size: u32 = size.parse()?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let file = Path::new(data_dir).join("labgate.db");
    let script = script(size, now)?;
    if database == "-" {
        Store::open(&Location::Sqlite(file.clone())).await?.close().await;
        let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
        raw_sql(AssertSqlSafe(script)).execute(&mut connection).await?;
        connection.close().await?;
    } else {
        Store::open(&Location::Postgres(database.clone().into())).await?.close().await;
        let mut connection = PgConnection::connect(database).await?;
        raw_sql(AssertSqlSafe(script)).execute(&mut connection).await?;
        raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
        connection.close().await?;
    }

    let now = Timestamp::from_unix_seconds(now);
    let keys = KeyDirectory::new(&Path::new(data_dir).join("keys"), Algorithm::Es256).open_or_create(now)?;
    let issuer = SessionTokens::new(keys.ring, origin, origin);
    let mut lines = String::new();
    for number in 0..size {
        let claims = claims(origin, SessionId::parse(&session_id(number))?, now)?;
        writeln!(lines, "{}", issuer.issue(&claims)?.expose())?;
    }
    std::fs::write(tokens, lines)?;
    Ok(())
}

fn session_id(number: u32) -> String {
    format!("{number:08x}AAAAAAAAAAAAAA")
}

/// All of it in one transaction, understood by both databases.
fn script(size: u32, now: i64) -> Result<String, Box<dyn Error>> {
    let mut script = format!(
        "BEGIN;
         INSERT INTO accounts (id, username, email, role, status, created_at)
         VALUES ('{ACCOUNT}', '{EMAIL}', '{EMAIL}', 'user', 'active', {now});"
    );
    for first in (0..size).step_by(CHUNK as usize) {
        script.push_str(
            "INSERT INTO sessions (id, account_id, groups, authentication_methods, authenticated_at, created_at,
                last_seen_at, expires_at) VALUES ",
        );
        for number in first..size.min(first + CHUNK) {
            let separator = if number == first { "" } else { "," };
            let id = session_id(number);
            write!(
                script,
                "{separator}('{id}', '{ACCOUNT}', '[]', '[\"pwd\"]', {now}, {now}, {now}, {now} + 600000)"
            )?;
        }
        script.push(';');
    }
    script.push_str("COMMIT;");
    Ok(script)
}

fn claims(origin: &str, sid: SessionId, now: Timestamp) -> Result<SessionClaims, Box<dyn Error>> {
    let email = EmailAddress::parse(EMAIL)?;
    Ok(SessionClaims {
        iss: origin.to_owned(),
        aud: origin.to_owned(),
        sub: AccountId::parse(ACCOUNT)?,
        sid,
        exp: now.plus(Duration::from_mins(15)),
        iat: now,
        jti: "AAAAAAAAAAAAAAAA".to_owned(),
        username: Username::from(&email),
        email: Some(email),
        name: None,
        role: Role::User,
        groups: Vec::new(),
        groups_complete: true,
        amr: vec!["pwd".to_owned()],
        auth_time: now,
    })
}
