//! The ports of the domain, on either database.
//!
//! A rule about several rows is checked in the transaction that changes them, during which no other writer
//! changes accounts ([`Store::begin`](crate::Store::begin)): the unique indexes have nothing left to refuse.
//! Any other write is a single statement.

mod access_tokens;
mod accounts;
mod administration;
mod credentials;
mod identities;
mod services;
mod sessions;
mod spent_attempts;

pub use services::added_services;
