#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "what goes wrong here is a failed test"
)]

mod browser;
mod lab;
pub mod memory;
mod passwords;
mod provider;
mod world;

pub use browser::{Browser, Host, Page, StoredCookie};
pub use lab::{MemoryLog, TestLab, TestLabBuilder};
pub use world::{FixedClock, SeededEntropy};
