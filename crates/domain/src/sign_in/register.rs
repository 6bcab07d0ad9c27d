use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::{SignIn, Visitor};
use crate::error::{PasswordError, Refusal, RegistrationError, SignInError};
use crate::people::{Account, AccountId, AccountStatus, Credential, DisplayName, Password, Role, Username};
use crate::ports::{
    AccountCreation, FirstAdministrator, LoginAttempt, LoginTarget, Permit, SignInEvent, StoreError,
};
use crate::return_to::ReturnTo;
use crate::session::SessionToken;
use crate::world::Entropy;

/// Somebody who wants an account.
pub struct Registration {
    /// What they want to be called when signing in, as typed.
    pub username: String,
    /// What they want to be called by people.
    pub name: Option<DisplayName>,
    /// The password, if what was typed can be one.
    pub password: Option<Password>,
}

/// Lets whoever holds it make the lab's first administrator. Never printed but into the setup link.
#[derive(Clone)]
pub struct SetupToken(SecretString);

impl SetupToken {
    /// A fresh token of 256 random bits.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// The token, for the setup link and nothing else.
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

impl SignIn {
    /// Lets whoever holds this token make the first administrator, as long as there is none.
    #[must_use]
    pub fn with_setup_token(self, token: SetupToken) -> Self {
        Self { setup_token: Some(token), ..self }
    }

    /// Whether the lab has an administrator.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn has_administrator(&self) -> Result<bool, StoreError> {
        self.ports.administration.has_administrator().await
    }

    /// Whether people can make an account with a password of their own. Not where a provider is set up: whom it does not
    /// know must not get in past it.
    #[must_use]
    pub fn people_can_register(&self) -> bool {
        self.policy.self_registration && self.passwords_are_on() && self.ports.providers.is_empty()
    }

    /// Makes an account for whoever asks, and signs them in.
    ///
    /// # Errors
    /// When there is no account then that was not there before.
    pub async fn register(
        &self,
        registration: Registration,
        visitor: &Visitor<'_>,
    ) -> Result<SessionToken, Refusal> {
        let registered = async {
            self.need_passwords()?;
            if !self.people_can_register() {
                return Err(RegistrationError::Off.into());
            }
            // Names can be probed here as they can at every registration; not quickly.
            let guess = LoginAttempt { target: LoginTarget::Registration, source: visitor.source };
            if let Permit::RetryAfter(wait) =
                self.ports.throttle.admit(guess.clone(), self.ports.clock.now()).await?
            {
                return Err(PasswordError::TooManyAttempts { retry_after: wait }.into());
            }
            let local_account = self.local_account(registration, Role::User).await;
            if let Err(SignInError::Hashing(_)) = local_account {
                self.ports.throttle.cancel(guess, self.ports.clock.now()).await?;
            }
            let (account, credential) = local_account?;
            match self.ports.accounts.create_local(&account, Some(&credential)).await? {
                AccountCreation::Created => self.created(&account, credential, visitor).await,
                AccountCreation::NameTaken | AccountCreation::IdentityTaken => {
                    Err(RegistrationError::NameTaken.into())
                }
            }
        };
        registered.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    /// Makes the lab's first administrator for whoever holds the setup token, and signs them in.
    ///
    /// # Errors
    /// When there is an administrator already, or the token is not the one.
    pub async fn set_up(
        &self,
        setup_token: &str,
        registration: Registration,
        visitor: &Visitor<'_>,
    ) -> Result<SessionToken, Refusal> {
        let set_up = async {
            self.need_setup_token(setup_token).await?;
            let (account, credential) = self.local_account(registration, Role::Admin).await?;
            match self.ports.administration.create_first_administrator(&account, &credential).await? {
                FirstAdministrator::Created => self.created(&account, credential, visitor).await,
                FirstAdministrator::AlreadyThere => Err(RegistrationError::SetupClosed.into()),
                FirstAdministrator::NameTaken => Err(RegistrationError::NameTaken.into()),
            }
        };
        set_up.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    /// Whether the setup link with this token can be used.
    ///
    /// # Errors
    /// When there is an administrator already, or the token is not the one.
    pub async fn check_setup_token(&self, setup_token: &str) -> Result<(), Refusal> {
        let checked = self.need_setup_token(setup_token).await;
        checked.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    async fn need_setup_token(&self, presented: &str) -> Result<(), SignInError> {
        let is_the_one = self.setup_token.as_ref().is_some_and(|token| token.is(presented));
        if !is_the_one || self.ports.administration.has_administrator().await? {
            return Err(RegistrationError::SetupClosed.into());
        }
        Ok(())
    }

    async fn local_account(
        &self,
        registration: Registration,
        role: Role,
    ) -> Result<(Account, Credential), SignInError> {
        let now = self.ports.clock.now();
        let account = Account {
            id: AccountId::fresh(now, &*self.ports.entropy),
            username: Username::local(registration.username.trim())
                .map_err(|_| RegistrationError::UsernameMalformed)?,
            email: None,
            name: registration.name,
            role,
            status: AccountStatus::Active,
            created_at: now,
        };
        let password = registration.password.ok_or(PasswordError::Length)?;
        self.judge(&password, &account)?;
        let credential = Credential { hash: self.ports.hasher.hash(password).await?, must_change: false };
        Ok((account, credential))
    }

    async fn created(
        &self,
        account: &Account,
        credential: Credential,
        visitor: &Visitor<'_>,
    ) -> Result<SessionToken, SignInError> {
        let change = if account.role == Role::Admin { "set up" } else { "registered" };
        self.ports.log.record(SignInEvent::Administered {
            account: account.id,
            change,
            by: Some(account.id),
        });
        self.signed_in(account, credential, visitor).await
    }
}

#[cfg(test)]
mod tests;
