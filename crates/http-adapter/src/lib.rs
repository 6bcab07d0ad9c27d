#![doc = include_str!("../README.md")]

mod app;
mod audience;
mod cookies;
mod failure;
mod head;
mod pages;
mod paths;
mod routes;
mod serve;

pub use app::{App, AppInfo};
pub use failure::HttpErrorCode;
pub use serve::serve;
