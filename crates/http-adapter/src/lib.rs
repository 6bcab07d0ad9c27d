#![doc = include_str!("../README.md")]

mod app;
mod audience;
mod authorization;
mod client_addr;
mod connection;
mod content_security;
mod cookies;
mod device;
mod dialects;
mod failure;
mod form;
pub mod identity;
mod original;
mod pages;
pub mod paths;
mod reply;
mod request;
mod route_table;
mod routes;
mod seats;
mod serve;
mod service_fields;
mod site;
mod state;
mod terms;
#[cfg(test)]
mod testing;
mod texts;
mod times;
mod tls;
mod turns;

pub use app::App;
pub use client_addr::{NotANetwork, Peer, ProxyNetwork};
pub use cookies::{CookieName, UnfitCookieName};
pub use dialects::DropIn;
pub use failure::{HttpErrorCode, status_of};
pub use serve::{Listener, serve};
pub use state::AppInfo;
pub use terms::Terms;
pub use texts::person_text;
pub use tls::Tls;
