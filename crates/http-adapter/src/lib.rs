#![doc = include_str!("../README.md")]

mod app;
mod audience;
mod connection;
mod cookies;
mod device;
mod failure;
mod form;
mod head;
mod origin;
mod pages;
mod paths;
mod routes;
mod serve;
#[cfg(test)]
mod testing;
mod times;

pub use app::{App, AppInfo};
pub use failure::{HttpErrorCode, status_of};
pub use origin::{NotANetwork, Peer, ProxyNetwork};
pub use serve::serve;
