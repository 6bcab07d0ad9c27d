#![doc = include_str!("../README.md")]

mod authorize;
mod builder;
mod callback;
mod capture;
mod client;
mod cookie;
mod faults;
mod id_token;
mod in_process;
mod issuer;
mod jws;
mod keys;
mod ledger;
mod login;
mod logout;
mod mock_idp;
mod mock_issuer;
mod pages;
mod parameters;
mod reply;
mod routes;
mod server;
mod token;
mod user;
mod userinfo;
mod world;

pub use authorize::UnanswerableRequest;
pub use builder::{BuildError, MockIdpBuilder, StartError};
pub use capture::CapturedRequest;
pub use client::Client;
pub use faults::{Fault, UnknownFault};
pub use labgate_token::{Algorithm, KeyError};
pub use mock_idp::MockIdp;
pub use mock_issuer::{ArmFault, MockIssuer};
pub use user::User;
