#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "what goes wrong here is a failed test"
)]

mod browser;
mod lab;
mod log;
pub mod memory;
mod passwords;
mod provider;
mod proxy;
mod world;

pub use browser::{Browser, Host, Page, StoredCookie};
pub use lab::{TestLab, TestLabBuilder};
pub use log::MemoryLog;
pub use world::{FixedClock, SeededEntropy};
