//! The ports: the domain's needs of the world outside. Each port is named for the need, not for a technology;
//! an adapter implements it.
//!
//! The rules of all ports: "not found" is `Ok(None)`, an error is a failure; times and ids are arguments; an
//! atomic method says so. With the feature `mocks` each has a `mockall` mock beside it.

#![cfg_attr(
    any(test, feature = "mocks"),
    expect(clippy::ref_option_ref, reason = "in what mockall generates")
)]

mod access_tokens;
mod accounts;
mod administration;
mod credentials;
mod identities;
mod identity_provider;
mod observer;
mod passwords;
mod provider_error;
mod services;
mod sessions;
mod sign_in_records;
mod source;
mod spent_attempts;
mod store_error;
mod throttle;
mod tokens;

pub use access_tokens::{AccessTokenCreation, AccessTokenStore};
pub use accounts::{AccountCreation, AccountStore};
pub use administration::{
    AccountChange, AccountPage, AccountRenaming, AdministrationStore, FirstAdministrator, GroupChange,
    IdentityMove, IdentitySuccession,
};
pub use credentials::CredentialStore;
pub use identities::{IdentityLink, IdentityRemoval, IdentityStore, ProfileUpdate};
pub use identity_provider::{CodeRedemption, IdentityProvider, LogoutToken, RefreshRequest, Refreshed};
pub use observer::{Author, IdentityChange, Observer, Person, RefusalKind, SignInEvent};
pub use passwords::{HashingError, PasswordHasher, PasswordJudge, PasswordVerdict, PasswordWeakness, Share};
pub use provider_error::{
    CallFailure, IdTokenFault, InvalidToken, LogoutTokenError, LogoutTokenFault, ProviderCall, ProviderError,
};
pub use services::{DefinitionDigest, ServiceStore, ServicesRevision, StoredService, StoredServices};
pub use sessions::{Changed, FeedPosition, SessionChanges, SessionStore, SessionTerms};
pub use sign_in_records::SignInRecords;
pub use source::Source;
pub use spent_attempts::{Consumption, SpentAttempts};
pub use store_error::StoreError;
pub use throttle::{LoginAttempt, LoginTarget, Permit, Throttle};
pub use tokens::{SigningError, TokenFault, TokenIssuer};

#[cfg(any(test, feature = "mocks"))]
pub use self::{
    access_tokens::MockAccessTokenStore,
    accounts::MockAccountStore,
    administration::MockAdministrationStore,
    credentials::MockCredentialStore,
    identities::MockIdentityStore,
    identity_provider::MockIdentityProvider,
    observer::MockObserver,
    passwords::{MockPasswordHasher, MockPasswordJudge},
    services::MockServiceStore,
    sessions::MockSessionStore,
    sign_in_records::MockSignInRecords,
    spent_attempts::MockSpentAttempts,
    throttle::MockThrottle,
    tokens::MockTokenIssuer,
};
