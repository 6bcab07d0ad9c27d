//! The mock as a relying party meets it: request by request, without sockets except in `socket`.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, as the test does"
)]

mod authorization;
mod faults;
mod issuers;
mod lab;
mod logout;
mod logout_tokens;
mod pages;
mod personas;
mod socket;
mod tokens;
