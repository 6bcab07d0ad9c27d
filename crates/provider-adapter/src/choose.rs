use std::sync::Arc;

use labgate_domain::ports::{Clock, IdentityProvider};

use crate::github::{self, GitHubProvider};
use crate::provider::OpenIdProvider;
use crate::settings::{ProviderSettings, SettingsError};

/// Makes the provider that the settings are for, without asking anybody: [`GitHubProvider`] where the URLs are GitHub's, and
/// [`OpenIdProvider`] for all others.
///
/// # Errors
/// See [`SettingsError`].
pub fn provider(
    settings: ProviderSettings,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn IdentityProvider>, SettingsError> {
    if github::is_at(&settings.location) {
        Ok(Arc::new(GitHubProvider::new(settings, clock)?))
    } else {
        Ok(Arc::new(OpenIdProvider::new(settings, clock)?))
    }
}
