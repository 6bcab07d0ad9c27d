//! Providers that deviate from the specifications by their data alone: Authelia, authentik, Hydra, Kanidm,
//! Pocket ID and Spring Authorization Server. They follow the providers' documentation and source, and but
//! for the last have not been compared with running ones.
//!
//! Compared with Spring Authorization Server 7.0.6 (Spring Boot 4.0.7) on 2026-11-27: the metadata, the
//! claims of the ID token and of userinfo, the members and the errors of the token endpoint, a scope that it
//! refuses, and sign-out with and without the ID token. There the answer to a refresh repeats the refresh
//! token.

use super::ProviderBehaviour;
use crate::user::User;

pub(super) struct Documented {
    /// The persona's own placeholder, if it has one.
    pub(super) placeholder: Option<(&'static str, String)>,
    /// Makes the `sub` of a user's name.
    pub(super) subject: fn(&str) -> String,
}

impl ProviderBehaviour for Documented {
    fn placeholders(&self) -> Vec<(&'static str, String)> {
        self.placeholder.iter().cloned().collect()
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        (self.subject)(user.subject())
    }
}
