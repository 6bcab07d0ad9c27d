use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::administer::{Administration, NewAccount};
use super::administrator::Administrator;
use super::local_account::{LocalAccounts, Registration};
use super::open_session::PasswordSession;
use super::policy::Policy;
use super::trail::Way;
use super::trails::Trails;
use super::visitor::Visitor;
use crate::error::{PasswordError, Refusal, RegistrationError, SignInError};
use crate::people::{Password, Role, Username};
use crate::ports::{AdministrationStore, FirstAdministrator, Share, Source, StoreError};
use crate::world::{Entropy, random_base64url};

/// Lets its bearer make the lab's first administrator. Never printed but into the setup link.
#[derive(Clone, Debug)]
pub struct SetupToken(SecretString);

impl SetupToken {
    /// Returns a fresh token of 256 random bits.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_base64url::<32>(entropy).into())
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

/// The first administrator as the operator's settings name it.
#[derive(Clone, Debug)]
pub struct GivenAdministrator {
    /// The local name.
    pub username: Username,
    /// The initial password, which must be changed at the first sign-in.
    pub password: Password,
}

/// The way in which a lab gets its first administrator.
#[derive(Clone, Debug)]
pub enum FirstAdministratorWay {
    /// There is one.
    Done,
    /// The operator invites one: without passwords, it has to be a person of a provider.
    ByInvitation,
    /// The operator creates one. Replicas share the store, and a setup link of one would open nothing at the
    /// others.
    ByOperator,
    /// The bearer of this token becomes it.
    ByLink(SetupToken),
}

/// The reason for which the first administrator could not be ensured.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FirstAdministratorError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The administrator of the settings was refused.
    #[error("{username} cannot be made the first administrator: {error}")]
    Refused {
        /// The name.
        username: Username,
        /// The reason.
        error: SignInError,
    },
}

/// The setup of a lab that has no administrator yet.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// Says whether there is an administrator, and stores the first one.
    pub administration: &'a dyn AdministrationStore,
    /// The token of the setup link, if there is one.
    pub token: Option<&'a SetupToken>,
    /// Makes the account of the bearer.
    pub local: LocalAccounts<'a>,
    /// Makes the account of the settings.
    pub accounts: Administration<'a>,
    /// Says whether passwords are on.
    pub policy: &'a Policy,
    /// Keeps the trail of the setup.
    pub trails: Trails<'a>,
}

impl Setup<'_> {
    /// Returns whether the lab has an administrator.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn has_administrator(&self) -> Result<bool, StoreError> {
        self.administration.has_administrator().await
    }

    /// Makes the administrator that the settings name, if there is none yet; without one says how the lab
    /// gets it. `replicated` is a lab of several processes over one store.
    ///
    /// # Errors
    /// See [`FirstAdministratorError`].
    pub async fn ensure_first_administrator(
        &self,
        given: Option<&GivenAdministrator>,
        replicated: bool,
    ) -> Result<FirstAdministratorWay, FirstAdministratorError> {
        if !self.has_administrator().await?
            && let Some(given) = given
        {
            self.create(given).await?;
        }
        Ok(if self.has_administrator().await? {
            FirstAdministratorWay::Done
        } else if !self.policy.passwords {
            FirstAdministratorWay::ByInvitation
        } else if replicated {
            FirstAdministratorWay::ByOperator
        } else {
            FirstAdministratorWay::ByLink(SetupToken::fresh(self.trails.entropy))
        })
    }

    async fn create(&self, given: &GivenAdministrator) -> Result<(), FirstAdministratorError> {
        // An administrator may choose any initial password for another person. This one opens the whole lab
        // to the first who guesses it, and stands in a file that may be copied from somewhere.
        let refused = |error| FirstAdministratorError::Refused { username: given.username.clone(), error };
        let (judge, name) = (self.accounts.new_passwords.judge, given.username.to_string());
        let share = Share::of_name(&name, Source::default());
        match judge.weakness(given.password.clone(), vec![name], share).await {
            Ok(None) => {}
            Ok(Some(weakness)) => return Err(refused(SignInError::from(PasswordError::Weak(weakness)))),
            Err(error) => return Err(refused(error.into())),
        }
        let new = NewAccount {
            username: Some(given.username.to_string()),
            email: None,
            name: None,
            role: Role::Admin,
            password: Some(given.password.clone()),
        };
        match self.accounts.create(&Administrator::local_operator(), new).await {
            Ok(_) => Ok(()),
            // Another process that started at the same time was faster.
            Err(_) if self.has_administrator().await? => Ok(()),
            Err(refusal) => Err(refused(refusal.error)),
        }
    }

    /// Checks that the setup link with this token can be used.
    ///
    /// # Errors
    /// When there is an administrator already, or the token is not the one.
    pub async fn check_token(&self, token: &str) -> Result<(), Refusal> {
        let trail = self.trails.begin(Way::Setup);
        self.trails.end(trail, self.need_token(token).await).await
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
    ) -> Result<PasswordSession, Refusal> {
        let mut trail = self.trails.begin(Way::Setup);
        let set_up = async {
            self.need_token(token).await?;
            let (account, password) = self.local.draft(registration, Role::Admin)?;
            let credential = self.local.credential(&account, password, visitor).await?;
            match self.administration.create_first_administrator(&account, &credential).await? {
                FirstAdministrator::Created => {
                    self.local.sign_in(&account, credential, visitor, &mut trail).await
                }
                FirstAdministrator::AlreadyThere => Err(RegistrationError::SetupClosed.into()),
                FirstAdministrator::NameTaken => Err(RegistrationError::NameTaken.into()),
            }
        };
        let set_up = set_up.await;
        self.trails.end(trail, set_up).await
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
