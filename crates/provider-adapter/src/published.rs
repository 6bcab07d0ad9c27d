//! What a provider publishes, for an operator who wants to see it piece by piece.

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

/// What an OpenID provider publishes.
#[derive(Clone, Debug)]
pub struct Published {
    /// The kind of the provider.
    pub kind: &'static Kind,
    /// The document that names both endpoints of the settings.
    pub document: Endpoint,
    /// Where codes and the client's secret go.
    pub token_endpoint: Endpoint,
    /// Where its keys are.
    pub jwks_uri: Endpoint,
    /// What works, and should be known nevertheless.
    pub warnings: Vec<String>,
    /// The rules that nobody can meet, because this kind of provider says nothing about what they look at.
    pub rules_without_claim: Vec<Criterion>,
    /// Whether something depends on groups, and the scope is not asked for by which the provider names them.
    pub lacks_scope_for_groups: bool,
    /// What it says of PKCE.
    pub pkce: Pkce,
    /// The algorithms (JWA names) that it has usable keys for, and that Labgate accepts; or why its keys cannot be had.
    pub algorithms_of_keys: Result<Vec<&'static str>, ProviderError>,
    /// The algorithms that it says it signs identity tokens with; empty when it does not say.
    pub stated_algorithms: Vec<ForeignText>,
}

/// What a provider says of PKCE with S256 (RFC 7636).
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
    /// The algorithms that there is a usable key for, and that the provider does not say it never signs with. Empty means that
    /// no identity token of its can be accepted.
    #[must_use]
    pub fn usable_algorithms(&self) -> Vec<&'static str> {
        let is_stated = |name: &&str| {
            self.stated_algorithms.is_empty() || self.stated_algorithms.iter().any(|it| it.as_str() == *name)
        };
        let of_keys = self.algorithms_of_keys.iter().flatten().copied();
        of_keys.filter(is_stated).collect()
    }
}

/// Asks for the provider's metadata and its keys, once and afresh. `None` is a provider that publishes neither: GitHub.
///
/// # Errors
/// When the settings contradict each other, or no metadata can be accepted.
pub async fn published(settings: &ProviderSettings) -> Result<Option<Published>, ProviderError> {
    let unfit = |error: crate::SettingsError| ProviderError::Misconfigured(error.to_string());
    if settings.api.is_some() {
        return Ok(None);
    }
    let transport = Transport::new(Arc::new(Network::new(settings).map_err(unfit)?), settings.limits);
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
        algorithms_of_keys: keys.map(|keys| keys.algorithms().into_iter().map(Algorithm::as_str).collect()),
        stated_algorithms: metadata
            .id_token_signing_alg_values_supported
            .iter()
            .map(|name| ForeignText::new(name))
            .collect(),
        token_endpoint: metadata.token_endpoint,
        jwks_uri: metadata.jwks_uri,
    }))
}
