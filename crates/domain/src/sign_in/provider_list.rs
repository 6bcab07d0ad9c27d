use std::sync::Arc;

use crate::error::SignInError;
use crate::ports::IdentityProvider;
use crate::provider::ProviderId;

/// The identity providers of a lab; the first is the default.
#[derive(Clone, Copy)]
pub struct ProviderList<'a>(pub &'a [Arc<dyn IdentityProvider>]);

impl<'a> ProviderList<'a> {
    /// Returns the provider of this name, or the default one.
    pub(super) fn get(self, id: Option<&ProviderId>) -> Result<&'a dyn IdentityProvider, SignInError> {
        let mut providers = self.0.iter();
        let found = match id {
            None => providers.next(),
            Some(id) => providers.find(|provider| provider.description().id == *id),
        };
        found.map(|provider| &**provider).ok_or(SignInError::ProviderUnknown)
    }

    /// Returns the meaning of an error that the provider stated in a message of its own.
    pub(super) fn explanation(self, provider: &ProviderId, error: &SignInError) -> Option<&'static str> {
        let message = error.provider_message()?;
        self.get(Some(provider)).ok()?.explain(&message)
    }
}
