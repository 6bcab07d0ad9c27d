use std::sync::Arc;

use labgate_domain::ports::IdentityProvider;
use labgate_domain::world::Clock;

use crate::exchange::{Exchange, Network};
use crate::github::GitHubProvider;
use crate::provider::OpenIdProvider;
use crate::settings::ProviderSettings;
use crate::unchecked::SettingsError;

/// Makes the provider of these settings, without a request: [`GitHubProvider`] where the URLs are GitHub's,
/// and [`OpenIdProvider`] for all others.
///
/// # Errors
/// [`SettingsError::ExtraCa`] or [`SettingsError::HttpClient`].
pub fn provider(
    settings: ProviderSettings,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn IdentityProvider>, SettingsError> {
    let network = Arc::new(Network::new(&settings)?);
    provider_over(settings, clock, network)
}

/// Makes the provider over another HTTP client: one that counts or records, or a provider in the same
/// process.
///
/// # Errors
/// See [`SettingsError`].
pub fn provider_over(
    settings: ProviderSettings,
    clock: Arc<dyn Clock>,
    exchange: Arc<dyn Exchange>,
) -> Result<Arc<dyn IdentityProvider>, SettingsError> {
    if settings.api.is_some() {
        Ok(Arc::new(GitHubProvider::over(settings, clock, exchange)?))
    } else {
        Ok(Arc::new(OpenIdProvider::over(settings, clock, exchange)))
    }
}
