//! Providers that deviate from the specifications by their data alone: Authelia, authentik, Hydra, Kanidm, Pocket
//! ID and Spring Authorization Server. They follow the providers' documentation and source, and have not been
//! compared with running ones.

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
