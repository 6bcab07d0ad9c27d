use super::local_account::{LocalAccounts, Registration};
use super::login_gate::LoginGate;
use super::open_session::PasswordSession;
use super::policy::Policy;
use super::trail::Way;
use super::trails::Trails;
use super::visitor::Visitor;
use crate::error::{Refusal, RegistrationError, SignInError};
use crate::people::Role;
use crate::ports::{AccountCreation, AccountStore, LoginTarget};

/// Self-registration.
#[derive(Clone, Copy)]
pub struct Registrar<'a> {
    /// Stores the accounts.
    pub accounts: &'a dyn AccountStore,
    /// Limits the rate at which names can be probed.
    pub gate: LoginGate<'a>,
    /// Makes the accounts.
    pub local: LocalAccounts<'a>,
    /// The lab has an identity provider.
    pub has_providers: bool,
    /// Says whether people register themselves.
    pub policy: &'a Policy,
    /// Keeps the trail of each registration.
    pub trails: Trails<'a>,
}

impl Registrar<'_> {
    /// Returns whether people can make an account with a password of their own. Not where a provider is set
    /// up: a person that it does not know must not get in past it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.policy.self_registration && self.policy.passwords && !self.has_providers
    }

    /// Makes an account for the visitor, and signs them in.
    ///
    /// # Errors
    /// When there is no account then that was not there before.
    pub async fn register(
        &self,
        registration: Registration,
        visitor: &Visitor<'_>,
    ) -> Result<PasswordSession, Refusal> {
        let mut trail = self.trails.begin(Way::Registration);
        let registered = async {
            self.policy.need_passwords()?;
            if !self.is_open() {
                return Err(RegistrationError::Off.into());
            }
            let (account, password) = self.local.draft(registration, Role::User)?;
            // Names can be probed here as they can at every registration; not quickly.
            let granted = self.gate.admit_stranger(LoginTarget::Registration, visitor, &mut trail).await?;
            let credential = self.local.credential(&account, password, visitor).await;
            if let Err(SignInError::Hashing(_)) = credential {
                self.gate.cancel(granted).await?;
            }
            let credential = credential?;
            if self.accounts.create_local(&account, Some(&credential)).await? != AccountCreation::Created {
                return Err(RegistrationError::NameTaken.into());
            }
            self.local.sign_in(&account, credential, visitor, &mut trail).await
        };
        let registered = registered.await;
        self.trails.end(trail, registered).await
    }
}

#[cfg(test)]
mod tests;
