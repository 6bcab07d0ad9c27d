use async_trait::async_trait;
use labgate_domain::ports::{ServiceStore, ServicesRevision, StoreError, StoredService, StoredServices};

use crate::in_time::in_time;
use crate::rows;
use crate::statement::Statement;
use crate::statements::access_tokens;
use crate::{Location, OpenError, Store, as_it_is};

/// One statement, so that the services are those of the revision.
const LIST: &str = "
    SELECT 'the services' AS place, r.revision, s.id, s.definition
    FROM services_revision AS r LEFT JOIN services AS s ON TRUE ORDER BY s.id";

const IS_OF_REVISION: &str = "
    SELECT EXISTS (SELECT 1 FROM services_revision WHERE revision = $1)";

const PUT: &str = "
    INSERT INTO services (id, definition) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET definition = excluded.definition";

const REMOVE: &str = "
    DELETE FROM services WHERE id = $1";

#[async_trait]
impl ServiceStore for Store {
    async fn list(&self) -> Result<StoredServices, StoreError> {
        let rows = in_time(self.reader(), Statement::new(LIST), rows::revision_and_service).await?;
        together(rows).ok_or_else(|| StoreError("services_revision is empty".to_owned()))
    }

    async fn put(&self, service: &StoredService, revision: &ServicesRevision) -> Result<bool, StoreError> {
        let put = Statement::new(PUT).bind(&*service.id).bind(&*service.definition);
        let [delete, forget] = access_tokens::forget_unless_added(&service.id);
        change(self, [delete, forget, put], revision).await
    }

    async fn remove(&self, id: &str, revision: &ServicesRevision) -> Result<bool, StoreError> {
        let [delete, forget] = access_tokens::forget_service(id);
        change(self, [Statement::new(REMOVE).bind(id), delete, forget], revision).await
    }
}

/// Returns the services that administrators added to the lab of a database. The database is left as it is, its schema
/// too; one that does not exist has none.
///
/// # Errors
/// When the database cannot be reached or read. No error repeats a password.
pub async fn added_services(location: &Location) -> Result<StoredServices, OpenError> {
    match location {
        Location::Sqlite(path) if !path.exists() => Ok(StoredServices::default()),
        location => {
            let rows = as_it_is::list(location, Statement::new(LIST), rows::revision_and_service).await?;
            Ok(together(rows).unwrap_or_default())
        }
    }
}

fn together(rows: Vec<(ServicesRevision, Option<StoredService>)>) -> Option<StoredServices> {
    let revision = rows.first()?.0.clone();
    Some(StoredServices { revision, list: rows.into_iter().filter_map(|row| row.1).collect() })
}

async fn change(
    store: &Store,
    statements: impl IntoIterator<Item = Statement, IntoIter: Send> + Send,
    revision: &ServicesRevision,
) -> Result<bool, StoreError> {
    let mut transaction = store.begin().await?;
    if !transaction.holds(Statement::new(IS_OF_REVISION).bind(&*revision.0)).await? {
        return transaction.undo(false).await;
    }
    for statement in statements {
        transaction.execute(statement).await?;
    }
    transaction.commit(true).await
}
