//! What an authorization request asks for, as this provider wants it.

use labgate_domain::protocol::Scopes;

use super::OpenIdProvider;
use crate::discovery::Provider;
use crate::graph;
use crate::quirks::Offline;

/// Asks for a refresh token (OpenID Connect Core section 11).
const OFFLINE_ACCESS: &str = "offline_access";

impl OpenIdProvider {
    /// The scopes to ask for.
    pub(super) fn scopes(&self, offline: Offline) -> Scopes {
        let configured = self.settings.scopes.to_parameter();
        let graph = self.settings.fetch_groups.then_some(graph::SCOPE);
        let offline = match offline {
            Offline::Scope | Offline::ScopeWithConsent => Some(OFFLINE_ACCESS),
            Offline::Always | Offline::Parameters(_) => None,
        };
        let further: Vec<&str> = [graph, offline].into_iter().flatten().collect();
        let all =
            configured.split(' ').filter(|scope| !further.contains(scope)).chain(further.iter().copied());
        Scopes::with_openid(all).unwrap_or_else(|_| self.settings.scopes.clone())
    }

    /// The parameters of the operator's hint, and those that bring a refresh token.
    pub(super) fn extra_parameters(&self, offline: Offline) -> Vec<(String, String)> {
        let mut parameters = self.settings.extra_parameters();
        let offline: &[(&str, &str)] = match offline {
            Offline::Scope | Offline::Always => &[],
            Offline::ScopeWithConsent => &[("prompt", "consent")],
            Offline::Parameters(parameters) => parameters,
        };
        for (name, value) in offline {
            // The operator's word about a parameter is the last one.
            if !parameters.iter().any(|(known, _)| known == name) {
                parameters.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        parameters
    }

    /// The demand for a refresh token, where one is wanted. A provider that lists its scopes without the one
    /// for that would refuse the whole request for it.
    pub(super) fn offline(&self, provider: &Provider) -> Offline {
        let scopes = &provider.metadata().scopes_supported;
        let knows_scope = scopes.is_empty() || scopes.iter().any(|scope| scope == OFFLINE_ACCESS);
        match provider.kind.quirks.offline {
            _ if !self.asks_again() => Offline::Always,
            Offline::Scope | Offline::ScopeWithConsent if !knows_scope => Offline::Always,
            offline => offline,
        }
    }

    /// Returns whether sessions are revalidated at the provider.
    pub(super) fn asks_again(&self) -> bool {
        self.settings.description.revalidation.is_some()
    }
}
