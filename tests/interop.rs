//! The real program against providers that others wrote: a module each. `cargo xtask interop` brings the
//! providers, runs this and prints a table of it.
//!
//! The cases are the same for all (`cases`); a provider's module says which of them it can play.

mod browser;
mod cases;
mod keycloak;
mod oidc_provider;
mod oidc_provider_mock;
mod refresh;
mod running;
mod world;
