#![doc = include_str!("../README.md")]

#[macro_use]
mod either;
#[macro_use]
mod sql;
mod administrators;
mod as_it_is;
mod backup;
mod connection;
mod copy;
mod in_time;
mod location;
mod malformed_location;
mod migrations;
mod open_error;
mod ports;
mod postgres;
mod replicas;
mod row;
mod rows;
mod sqlite;
mod statement;
mod statements;
mod store;
mod transaction;

pub use administrators::{StoredAdministrator, administrators};
pub use backup::{Backup, BackupError, back_up, restore};
pub use copy::{Copied, CopyError, copy};
pub use location::Location;
pub use malformed_location::MalformedLocation;
pub use open_error::OpenError;
pub use ports::added_services;
pub use replicas::{RunningReplica, running_replicas};
pub use store::Store;
