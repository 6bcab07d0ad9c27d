//! The real program against providers that others wrote: a module each. `cargo xtask interop` brings the
//! providers, runs this and prints a table of it.
//!
//! The cases are the same for all (`cases`); a provider's module says which of them it can play. `tokens` is
//! about services: it runs the code of `docs/tokens.md`.

mod browser;
mod canaille;
mod cases;
mod django_oauth_toolkit;
mod keycloak;
mod navikt_mock;
mod oauth2_mock_server;
mod oidc_provider;
mod oidc_provider_mock;
mod oidc_provider_settings;
mod refresh;
mod running;
mod spring;
mod tokens;
mod world;
