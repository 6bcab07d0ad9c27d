//! The handlers, by family. A handler parses nothing that [`ParsedRequest`](crate::request::ParsedRequest)
//! has not parsed, calls one use case, and renders its result.
#![expect(clippy::unused_async, reason = "all handlers have one shape")]

pub(crate) mod access;
pub(crate) mod administration;
pub(crate) mod drop_in;
pub(crate) mod external;
pub(crate) mod hand_over;
pub(crate) mod identities;
pub(crate) mod operations;
pub(crate) mod own_account;
mod own_act;
pub(crate) mod pages;
pub(crate) mod passwords;
mod proof;
pub(crate) mod services;
pub(crate) mod session;
pub(crate) mod terms;
pub(crate) mod tokens;
