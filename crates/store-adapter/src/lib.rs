#![doc = include_str!("../README.md")]

mod copy;
mod location;
mod open_error;
mod postgres;
mod sqlite;
mod store;

pub use copy::{Copied, CopyError, copy};
pub use location::{Location, MalformedLocation};
pub use open_error::OpenError;
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use store::Store;
