//! What the core needs of the world. Each port is named for the need, not for a technology; an adapter implements it.
//!
//! The rules of all ports: "not found" is `Ok(None)`, an error is a failure; times and ids are arguments; whatever must be
//! atomic says so. With the feature `mocks` each has a `mockall` mock beside it.

mod accounts;
mod attempts;
mod identity_provider;
mod log;
mod passwords;
mod sessions;
mod throttle;
mod tokens;
mod world;

pub use accounts::{
    AccountChange, AccountCreation, AccountPage, AccountStore, FirstAdministrator, IdentityLink,
    IdentityRemoval, ProfileUpdate,
};
pub use attempts::{Consumption, SealError, Sealer, SpentAttempts};
pub use identity_provider::{
    CodeRedemption, IdTokenFault, IdentityProvider, LogoutToken, LogoutTokenError, LogoutTokenFault,
    ProviderCall, ProviderError, RefreshRequest, Refreshed,
};
pub use log::{IdentityChange, SignInEvent, SignInLog};
pub use passwords::{HashingError, PasswordHasher, PasswordJudge, PasswordVerdict, PasswordWeakness};
pub use sessions::SessionStore;
pub use throttle::{Admission, LoginAttempt, LoginTarget, Source, Throttle};
pub use tokens::{SigningError, TokenFault, TokenIssuer};
pub use world::{Clock, Entropy};

#[cfg(any(test, feature = "mocks"))]
pub use self::{
    accounts::MockAccountStore,
    attempts::{MockSealer, MockSpentAttempts},
    identity_provider::MockIdentityProvider,
    log::MockSignInLog,
    passwords::{MockPasswordHasher, MockPasswordJudge},
    sessions::MockSessionStore,
    throttle::MockThrottle,
    tokens::MockTokenIssuer,
    world::{MockClock, MockEntropy},
};

/// A store that could not answer. The text is for the operator's log; it carries no secrets and no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);
