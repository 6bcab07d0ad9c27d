//! The statements of transactions. One that a port's method runs by itself stands with the method.

pub(crate) mod access_tokens;
pub(crate) mod accounts;
pub(crate) mod changes;
pub(crate) mod credentials;
pub(crate) mod identities;
pub(crate) mod sessions;
