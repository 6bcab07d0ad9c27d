//! The real program against providers that others wrote: a module each. `cargo xtask interop` brings the providers,
//! runs this and prints a table of it.

mod browser;
mod oidc_provider;
mod running;
