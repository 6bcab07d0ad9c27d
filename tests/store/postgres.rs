//! The suite on a real server, and the peculiarities of PostgreSQL.

mod copying;
mod keeping;
mod migrating;
mod opening;
#[cfg(feature = "cluster")]
mod pooler;
mod searching;
mod server;
mod throttling;

use std::sync::Arc;

use labgate_domain::ports::Throttle;
use labgate_store::Store;
use sqlx::PgConnection;

use super::lab::{self, Replica, Tampering};

pub(crate) use server::{Database, fresh};

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
#[path = "failing_commits.rs"]
mod failing_commits;
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

/// The throttle of two replicas, on one database, which lives as long as it is kept.
async fn throttles() -> (Database, [Arc<dyn Throttle>; 2]) {
    let database = fresh().await;
    let replicas = [open(&database).await.throttle().unwrap(), open(&database).await.throttle().unwrap()];
    (database, replicas)
}

async fn replicas() -> [Replica; 2] {
    let database = Arc::new(fresh().await);
    [replica(&database).await, replica(&database).await]
}

async fn replica(database: &Arc<Database>) -> Replica {
    Replica::new(open(database).await).keeping(database.clone())
}

/// A store, and a connection of its own to the same database.
async fn tampered() -> (Replica, Tampering<PgConnection>) {
    let database = Arc::new(fresh().await);
    let mut tampering = Tampering::new(database.connect().await);
    let fail = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'the commit fails'; END $$";
    tampering.run(fail).await;
    (replica(&database).await, tampering)
}

/// Lets no commit of a change of this table succeed.
fn break_commits(table: &str) -> String {
    format!(
        "CREATE CONSTRAINT TRIGGER broken AFTER INSERT OR UPDATE OR DELETE ON {table}
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
    )
}

fn mend_commits(table: &str) -> String {
    format!("DROP TRIGGER broken ON {table}")
}

async fn open(database: &Database) -> Store {
    Store::open(&database.location()).await.unwrap()
}
