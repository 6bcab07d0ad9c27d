//! The handlers, by family. A handler parses nothing that [`ParsedRequest`](crate::request::ParsedRequest)
//! has not parsed, calls one use case, and renders its result.
#![expect(clippy::unused_async, reason = "all handlers have one shape")]

pub(crate) mod administration;
pub(crate) mod external;
pub(crate) mod identities;
pub(crate) mod operations;
pub(crate) mod own_account;
pub(crate) mod pages;
pub(crate) mod passwords;
pub(crate) mod session;
