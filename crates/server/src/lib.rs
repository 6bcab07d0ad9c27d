#![doc = include_str!("../README.md")]

pub mod cli;
pub mod configuration;
pub mod doctor;
mod key_list;
pub mod logging;
pub mod remedies;
mod systemd;
pub mod wiring;
pub mod world;
