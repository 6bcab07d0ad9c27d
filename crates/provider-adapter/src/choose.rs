use std::sync::Arc;

use labgate_domain::ports::IdentityProvider;
use labgate_domain::world::Clock;

use crate::github::GitHubProvider;
use crate::provider::OpenIdProvider;
use crate::settings::ProviderSettings;
use crate::unchecked::SettingsError;

/// Makes the provider of these settings, without a request: [`GitHubProvider`] where the URLs are GitHub's, and
/// [`OpenIdProvider`] for all others.
///
/// # Errors
/// [`SettingsError::ExtraCa`] or [`SettingsError::HttpClient`].
pub fn provider(
    settings: ProviderSettings,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn IdentityProvider>, SettingsError> {
    if settings.api.is_some() {
        Ok(Arc::new(GitHubProvider::new(settings, clock)?))
    } else {
        Ok(Arc::new(OpenIdProvider::new(settings, clock)?))
    }
}
