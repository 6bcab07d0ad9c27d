//! Reads that every check waits for.

use std::time::Duration;

use labgate_domain::ports::StoreError;
use tokio::time::{Instant, timeout_at};

use crate::connection::{Pooled, Read};
use crate::statement::Statement;

/// The longest wait for such a read: every check of that second waits along.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads rows by this connection, or fails in a moment.
pub(crate) async fn in_time<T>(
    connection: impl Future<Output = Result<Pooled, StoreError>>,
    statement: Statement,
    read: Read<T>,
) -> Result<Vec<T>, StoreError> {
    let late = |_| StoreError(format!("the database did not answer within {} s", PATIENCE.as_secs()));
    let until = Instant::now() + PATIENCE;
    let mut connection = timeout_at(until, connection).await.map_err(late)??;
    let answer = timeout_at(until, connection.list(statement, read)).await;
    if answer.is_err() {
        // It may never answer again; the pool would wait for it.
        connection.close();
    }
    answer.map_err(late)?
}
