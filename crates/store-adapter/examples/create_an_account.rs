//! Opens a SQLite store, creates an account, and finds it by its name and after a restart.

use std::error::Error;

use labgate_domain::people::{Account, AccountId, AccountStatus, LocalGroups, Role, Username};
use labgate_domain::ports::{AccountCreation, AccountStore as _};
use labgate_domain::time::Timestamp;
use labgate_store::{Location, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // A `postgres://…` URL works as well, for several replicas.
    let location = Location::Sqlite(folder.path().join("labgate.db"));
    let store = Store::open(&location).await?;

    let ada = Account {
        id: AccountId::parse("01900000-0000-7000-8000-000000000001")?,
        username: Username::local("ada")?,
        email: None,
        name: None,
        role: Role::User,
        groups: LocalGroups::default(),
        status: AccountStatus::Active,
        accepted_terms: Vec::new(),
        created_at: Timestamp::from_unix_seconds(1_795_000_000),
    };
    println!("create ada: {:?}", store.create_local(&ada, None).await?);
    let other = Account { id: AccountId::parse("01900000-0000-7000-8000-000000000002")?, ..ada.clone() };
    let second = store.create_local(&other, None).await?;
    println!("create another ada: {second:?}");
    store.close().await;

    let store = Store::open(&location).await?;
    let found = store.find_by_name(&ada.username).await?;
    println!(
        "found after a restart: {}",
        found.as_ref().map_or("nothing", |account| account.username.as_str())
    );
    store.close().await;
    if second == AccountCreation::NameTaken && found == Some(ada) {
        Ok(())
    } else {
        Err("not as promised".into())
    }
}
