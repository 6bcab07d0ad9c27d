#![doc = include_str!("../README.md")]

pub mod cli;
pub mod configuration;
mod key_list;
pub mod logging;
pub mod wiring;
pub mod world;
