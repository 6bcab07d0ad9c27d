#![doc = include_str!("../README.md")]

mod cache;
mod choose;
mod claims;
pub mod derivation;
mod discovery;
pub mod endpoint;
mod exchange;
mod explain;
mod github;
mod graph;
mod id_token;
mod json;
mod jwt;
mod keys;
mod logout_token;
mod person;
mod provider;
mod published;
mod quirks;
mod settings;
mod tenants;
mod token;
mod transport;
mod userinfo;

pub use choose::{provider, provider_over};
pub use claims::identity_from_claims;
pub use derivation::ProviderKind;
pub use endpoint::{Endpoint, EndpointError, PlainHttpOrigins};
pub use exchange::{Exchange, ExchangeBody, ExchangeError};
pub use explain::{About, Explanation, explain};
pub use github::GitHubProvider;
pub use provider::OpenIdProvider;
pub use published::{Pkce, Published, published};
pub use settings::{Limits, Location, ProviderSettings, SettingsError, Userinfo};
