//! The adapter against a provider that behaves, and misbehaves, as each rule needs it. The numbers are those
//! of the relying party checklist.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its helpers too"
)]

mod acme;
mod authorization_parameters;
mod client_authentication;
mod discovery;
mod entra;
mod exchange;
mod github;
mod id_token_claims;
mod id_token_signature;
mod internal_url;
mod keys;
mod logout_token;
mod metadata_changes;
mod person;
mod presets;
mod refresh;
mod secrets;
mod support;
mod tls;
mod token;
mod transport;
mod userinfo;
