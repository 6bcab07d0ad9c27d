#![doc = include_str!("../README.md")]

pub mod access;
pub mod access_token;
pub mod admission;
pub mod attempt;
pub mod device;
pub mod error;
pub mod identity;
pub mod people;
pub mod ports;
pub mod protocol;
pub mod provider;
pub mod public_url;
pub mod rate_limit;
pub mod return_to;
pub mod sealed;
pub mod session;
pub mod sign_in;
mod text;
pub mod time;
pub mod world;

pub use text::ForeignText;
