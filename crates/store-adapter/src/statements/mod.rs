//! The statements of the ports.

pub(crate) mod accounts;
pub(crate) mod changes;
pub(crate) mod credentials;
pub(crate) mod identities;
pub(crate) mod sessions;
pub(crate) mod spent_attempts;
