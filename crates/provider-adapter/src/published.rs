//! The metadata and keys of a provider, for an operator to see piece by piece.

use std::sync::Arc;

use labgate_domain::ForeignText;
use labgate_domain::admission::{Criterion, Rule};
use labgate_domain::ports::ProviderError;

use crate::discovery;
use crate::endpoint::Endpoint;
use crate::exchange::Network;
use crate::keys::Algorithm;
use crate::kind::Kind;
use crate::settings::ProviderSettings;
use crate::transport::Transport;

/// The scope by which Dex, Okta and others name groups.
const GROUPS: &str = "groups";

/// The published metadata and keys of an OpenID provider.
#[derive(Clone, Debug)]
pub struct Published {
    /// The kind of the provider.
    pub kind: &'static Kind,
    /// The document that names both endpoints of the settings.
    pub document: Endpoint,
    /// The token endpoint, which receives codes and the client's secret.
    pub token_endpoint: Endpoint,
    /// The key set.
    pub jwks_uri: Endpoint,
    /// Warnings about a provider that works.
    pub warnings: Vec<String>,
    /// The rules that no person can meet, because this kind of provider has no claim for them.
    pub rules_without_claim: Vec<Criterion>,
    /// Groups matter, and the scope by which the provider names them is not requested.
    pub lacks_scope_for_groups: bool,
    /// The statement about PKCE.
    pub pkce: Pkce,
    /// The algorithms (JWA names) that it has usable keys for, and that Labgate accepts; or why its keys
    /// cannot be had.
    pub algorithms_of_keys: Result<Vec<&'static str>, ProviderError>,
    /// The algorithms that it says it signs ID tokens with; empty when it does not say.
    pub stated_algorithms: Vec<ForeignText>,
}

/// The statement of a provider about PKCE with S256 (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkce {
    /// That it supports it.
    Stated,
    /// Nothing.
    Unsaid,
    /// That it does not.
    Excluded,
}

impl Published {
    /// The algorithms that there is a usable key for, and that the provider does not say it never signs with.
    /// Empty means that no ID token of its can be accepted.
    #[must_use]
    pub fn usable_algorithms(&self) -> Vec<&'static str> {
        let is_stated = |name: &&str| {
            let is_it = |stated: &ForeignText| {
                Algorithm::parse(stated.as_str()).is_some_and(|algorithm| algorithm.name == *name)
            };
            self.stated_algorithms.is_empty() || self.stated_algorithms.iter().any(is_it)
        };
        let of_keys = self.algorithms_of_keys.iter().flatten().copied();
        of_keys.filter(is_stated).collect()
    }
}

/// Asks for the provider's metadata and its keys, once and afresh. `None` is a provider that publishes
/// neither: GitHub.
///
/// # Errors
/// If the settings contradict each other, or no metadata can be accepted.
pub async fn published(settings: &ProviderSettings) -> Result<Option<Published>, ProviderError> {
    let unfit = |error: crate::SettingsError| ProviderError::Misconfigured(error.to_string());
    if settings.api.is_some() {
        return Ok(None);
    }
    let transport = Transport::new(Arc::new(Network::new(settings).map_err(unfit)?), settings);
    let discovered = discovery::discover(settings, &transport, None).await?;
    let metadata = discovered.metadata;
    let kind = settings.kind_of(discovered.kind, &metadata.issuer);
    let claims = kind.quirks.claims;
    let admission = &settings.description.admission;
    let says_nothing = |criterion| match criterion {
        Criterion::Tenant => claims.tenant.is_none(),
        Criterion::HostedDomain => claims.hosted_domain.is_none(),
        Criterion::Organization => true,
        Criterion::EmailDomain | Criterion::Group | Criterion::Account => false,
    };
    let rules = admission.rules().iter().map(Rule::criterion);
    let asked = settings.scopes.to_parameter();
    let asks_for_groups = asked.split(' ').any(|scope| scope == GROUPS);
    let keys = discovery::fetch_keys(&transport, &metadata.jwks_uri).await;
    let methods = &metadata.code_challenge_methods_supported;
    Ok(Some(Published {
        kind,
        document: discovered.document,
        warnings: discovered.warnings,
        rules_without_claim: rules.filter(|criterion| says_nothing(*criterion)).collect(),
        lacks_scope_for_groups: admission.depend_on_groups()
            && metadata.scopes_supported.iter().any(|scope| scope == GROUPS)
            && !asks_for_groups,
        pkce: match methods.is_empty() {
            true => Pkce::Unsaid,
            false if discovery::excludes_pkce(methods) => Pkce::Excluded,
            false => Pkce::Stated,
        },
        algorithms_of_keys: keys.map(|keys| keys.algorithms().map(|algorithm| algorithm.name).collect()),
        stated_algorithms: metadata
            .id_token_signing_alg_values_supported
            .iter()
            .map(|name| ForeignText::new(name))
            .collect(),
        token_endpoint: metadata.token_endpoint,
        jwks_uri: metadata.jwks_uri,
    }))
}
