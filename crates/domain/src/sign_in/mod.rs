//! The product: how a person signs in, stays signed in, and signs out.
//!
//! One file per use case, each reading top to bottom like its sequence diagram:
//!
//! | file | use case |
//! | --- | --- |
//! | `offer_providers` | say where somebody can sign in, and put first what they chose |
//! | `begin_external` | send a browser to a provider |
//! | `complete_external` | take it back with a code, and open a session |
//! | `link_identity` | let a further identity open an account, on proof that both are one person's |
//! | `check_request` | say who is asking, on every request of the lab |
//! | `recheck` | ask a provider again whether somebody may still come in |
//! | `sign_out` | end a session, here and at the provider |
//! | `back_channel_logout` | end the sessions that a provider says have ended |
//! | `own_account` | look after one's own account and sessions |
//! | `passwords` | sign in with a password, change it |
//! | `register` | make one's own account; make the lab's first administrator |
//! | `administer` | look after other people's accounts |
//! | `import` | take over the accounts of another system |
//! | `housekeeping` | forget what has expired, and say whether we can work |

mod administer;
mod back_channel_logout;
mod begin_external;
mod check_request;
mod complete_external;
mod housekeeping;
mod import;
mod link_identity;
mod offer_providers;
mod open_session;
mod own_account;
mod passwords;
mod recent_checks;
mod recheck;
mod register;
mod sign_out;
#[cfg(test)]
mod testing;
mod ticket;
mod visitor;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

pub use administer::{AccountPatch, Administrator, CreatedAccount, NewAccount};
pub use begin_external::{BegunSignIn, PendingCookie};
pub use check_request::{CheckedRequest, NotSignedIn};
pub use complete_external::CompletedSignIn;
pub use import::{ImportFault, ImportProblem, ImportRow, Imported, ValidRow};
pub use link_identity::{LinkedSignIn, PendingLink};
pub use offer_providers::{Offer, OfferedProvider};
pub use own_account::OwnAccount;
pub use passwords::{PasswordSignIn, PasswordSignedIn};
pub use register::{Registration, SetupToken};
pub use sign_out::{LeftProvider, SignedOut};
pub use ticket::Ticket;
pub use visitor::Visitor;

use self::recent_checks::RecentChecks;
use self::recheck::LastAnswers;
use crate::error::{AccessError, Reference, Refusal, SignInError};
use crate::people::PasswordLength;
use crate::ports::{
    AccountStore, AdministrationStore, CredentialStore, IdentityProvider, IdentityStore, PasswordHasher,
    PasswordJudge, SessionStore, SignInEvent, SignInLog, SpentAttempts, Throttle, TokenIssuer,
};
use crate::provider::{ProviderDescription, ProviderHealth, ProviderId};
use crate::public_url::PublicUrl;
use crate::return_to::ReturnTo;
use crate::sealed::SealId;
use crate::sealed::Sealer;
use crate::world::{Clock, Entropy};

/// Everything that the use cases need of the world.
#[derive(Clone)]
pub struct Ports {
    /// Who can say who somebody is; the first is the default.
    pub providers: Vec<Arc<dyn IdentityProvider>>,
    /// Accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The external identities that open them.
    pub identities: Arc<dyn IdentityStore>,
    /// The passwords that open them.
    pub credentials: Arc<dyn CredentialStore>,
    /// What administrators do with them.
    pub administration: Arc<dyn AdministrationStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// Makes attempts single-use.
    pub spent_attempts: Arc<dyn SpentAttempts>,
    /// Seals attempts.
    pub sealer: Arc<dyn Sealer>,
    /// Signs session tokens.
    pub tokens: Arc<dyn TokenIssuer>,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Judges new passwords.
    pub judge: Arc<dyn PasswordJudge>,
    /// Slows guessing down.
    pub throttle: Arc<dyn Throttle>,
    /// Keeps what happened.
    pub log: Arc<dyn SignInLog>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The address of this lab.
    pub public_url: PublicUrl,
    /// Whether people can sign in with a password. Without a provider they always can: nobody could get in otherwise.
    pub passwords: bool,
    /// How long a new password must be.
    pub password_length: PasswordLength,
    /// Whether people can register themselves, and the first external sign-in creates an account.
    pub self_registration: bool,
    /// How long a token holds before it must be renewed. A sign-out on this replica is effective at once regardless.
    pub token_lifetime: Duration,
    /// How long a session lives without being used.
    pub session_idle_limit: Duration,
    /// How long a session lives at most.
    pub session_absolute_limit: Duration,
}

impl Policy {
    /// The default of [`Policy::token_lifetime`].
    pub const TOKEN_LIFETIME: Duration = Duration::from_mins(15);
    /// The default of [`Policy::session_idle_limit`].
    pub const SESSION_IDLE_LIMIT: Duration = Duration::from_hours(12);
    /// The default of [`Policy::session_absolute_limit`].
    pub const SESSION_ABSOLUTE_LIMIT: Duration = Duration::from_hours(7 * 24);

    /// The defaults, for a lab at this address.
    #[must_use]
    pub fn for_lab_at(public_url: PublicUrl) -> Self {
        Self {
            public_url,
            passwords: true,
            password_length: PasswordLength::default(),
            self_registration: true,
            token_lifetime: Self::TOKEN_LIFETIME,
            session_idle_limit: Self::SESSION_IDLE_LIMIT,
            session_absolute_limit: Self::SESSION_ABSOLUTE_LIMIT,
        }
    }
}

/// The sign-in of one lab: one method per use case.
pub struct SignIn {
    ports: Ports,
    policy: Policy,
    recent: RecentChecks,
    last_answers: LastAnswers,
    setup_token: Option<SetupToken>,
}

impl SignIn {
    /// Puts the sign-in together.
    #[must_use]
    pub fn new(ports: Ports, policy: Policy) -> Self {
        Self {
            ports,
            policy,
            recent: RecentChecks::new(),
            last_answers: LastAnswers::default(),
            setup_token: None,
        }
    }

    /// What the operator decided.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The providers and whether they can be used right now, without asking them; the default one first.
    #[must_use]
    pub fn providers(&self) -> Vec<(ProviderDescription, ProviderHealth)> {
        self.ports.providers.iter().map(|provider| (provider.description(), provider.health())).collect()
    }

    /// The public keys of the session tokens, as a JWK set in JSON.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.ports.tokens.jwks()
    }

    /// A reference for an error that is not a refused sign-in.
    #[must_use]
    pub fn fresh_reference(&self) -> Reference {
        Reference::fresh(&*self.ports.entropy)
    }

    /// 128 random bits in base64url, for the forms of a browser that has no session yet.
    #[must_use]
    pub fn fresh_form_secret(&self) -> String {
        let mut bytes = [0; 16];
        self.ports.entropy.fill(&mut bytes);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Refuses a state-changing request that another site made a browser send.
    #[must_use]
    pub fn refuse_cross_site(&self) -> Refusal {
        self.refuse(SignInError::from(AccessError::CsrfFailed), None, None, ReturnTo::main_page())
    }

    /// The provider of this name, or the default one.
    fn provider(&self, id: Option<&ProviderId>) -> Result<&Arc<dyn IdentityProvider>, SignInError> {
        let mut providers = self.ports.providers.iter();
        match id {
            None => providers.next(),
            Some(id) => providers.find(|provider| provider.description().id == *id),
        }
        .ok_or(SignInError::ProviderUnknown)
    }

    /// Records a refusal under a fresh reference.
    fn refuse(
        &self,
        error: SignInError,
        attempt: Option<SealId>,
        provider: Option<ProviderId>,
        return_to: ReturnTo,
    ) -> Refusal {
        let reference = self.fresh_reference();
        let explanation = provider.as_ref().and_then(|provider| self.explanation(provider, &error));
        self.ports.log.record(SignInEvent::Refused {
            reference: reference.clone(),
            provider: provider.clone(),
            error: error.clone(),
            explanation,
        });
        Refusal { reference, error, attempt, provider, explanation, return_to }
    }

    /// What an error means that a provider has told in its own words.
    fn explanation(&self, provider: &ProviderId, error: &SignInError) -> Option<&'static str> {
        let words = error.provider_message()?;
        self.provider(Some(provider)).ok()?.explain(&words)
    }
}
