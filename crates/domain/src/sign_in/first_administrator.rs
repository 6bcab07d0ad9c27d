use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::local_account::{LocalAccounts, Registration};
use super::refusals::Refusals;
use super::visitor::Visitor;
use crate::error::{Refusal, RegistrationError, SignInError};
use crate::people::Role;
use crate::ports::{AdministrationStore, FirstAdministrator, StoreError};
use crate::session::SessionToken;
use crate::world::Entropy;

/// Lets its bearer make the lab's first administrator. Never printed but into the setup link.
#[derive(Clone)]
pub struct SetupToken(SecretString);

impl SetupToken {
    /// Returns a fresh token of 256 random bits.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Returns the token, for the setup link and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn is(&self, presented: &str) -> bool {
        self.expose().as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl fmt::Debug for SetupToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetupToken([redacted])")
    }
}

/// The setup of a lab that has no administrator yet.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// Says whether there is an administrator, and stores the first one.
    pub administration: &'a dyn AdministrationStore,
    /// The token of the setup link, if there is one.
    pub token: Option<&'a SetupToken>,
    /// Makes the account.
    pub local: LocalAccounts<'a>,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

impl Setup<'_> {
    /// Returns whether the lab has an administrator.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn has_administrator(&self) -> Result<bool, StoreError> {
        self.administration.has_administrator().await
    }

    /// Checks that the setup link with this token can be used.
    ///
    /// # Errors
    /// When there is an administrator already, or the token is not the one.
    pub async fn check_token(&self, token: &str) -> Result<(), Refusal> {
        self.refusals.run(self.need_token(token)).await
    }

    /// Makes the lab's first administrator for the bearer of the setup token, and signs them in.
    ///
    /// # Errors
    /// When there is an administrator already, or the token is not the one.
    pub async fn complete(
        &self,
        token: &str,
        registration: Registration,
        visitor: &Visitor<'_>,
    ) -> Result<SessionToken, Refusal> {
        let set_up = async {
            self.need_token(token).await?;
            let (account, credential) = self.local.draft(registration, Role::Admin).await?;
            match self.administration.create_first_administrator(&account, &credential).await? {
                FirstAdministrator::Created => self.local.sign_in(&account, credential, visitor).await,
                FirstAdministrator::AlreadyThere => Err(RegistrationError::SetupClosed.into()),
                FirstAdministrator::NameTaken => Err(RegistrationError::NameTaken.into()),
            }
        };
        self.refusals.run(set_up).await
    }

    async fn need_token(&self, presented: &str) -> Result<(), SignInError> {
        let is_the_one = self.token.is_some_and(|token| token.is(presented));
        if !is_the_one || self.administration.has_administrator().await? {
            return Err(RegistrationError::SetupClosed.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
