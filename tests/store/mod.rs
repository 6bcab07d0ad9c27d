//! The contract of the stores' ports, tested for every store: the suite is written once and imported once per
//! backend, so the output reads `store::memory::accounts::…`, `store::sqlite::accounts::…` and
//! `store::postgres::accounts::…`.
//!
//! A backend is a module with a function `replicas()`: two replicas of a lab that share one empty store.

// Tells clippy that the helpers are tests too.
#![cfg(test)]

mod lab;
#[expect(clippy::duplicate_mod, reason = "the suite is imported once per backend")]
mod memory;
#[expect(clippy::duplicate_mod, reason = "the suite is imported once per backend")]
mod one_process;
#[cfg(feature = "postgres")]
#[expect(clippy::duplicate_mod, reason = "the suite is imported once per backend")]
pub(crate) mod postgres;
#[expect(clippy::duplicate_mod, reason = "the suite is imported once per backend")]
mod sqlite;

#[cfg(not(feature = "postgres"))]
#[test]
#[ignore = "needs a server: `cargo xtask test` brings one; or --features labgate-tests/postgres and LABGATE_TEST_POSTGRES_URL"]
fn postgres() {}
