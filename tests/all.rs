//! The tests that cross crates, as one binary; each module is one subject.

#![cfg(test)]

mod adapter_alone;
mod arrows;
#[cfg(all(feature = "program", unix))]
mod backup;
#[cfg(feature = "browser")]
mod browser;
#[cfg(feature = "cluster")]
mod cluster;
mod docs;
mod doctor;
mod flows;
#[cfg(feature = "front")]
mod front;
#[cfg(feature = "program")]
mod guides;
mod interleavings;
#[cfg(feature = "interop")]
mod interop;
mod personas;
#[cfg(feature = "postgres")]
mod replicas;
mod store;
