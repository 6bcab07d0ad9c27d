use std::sync::Arc;
use std::time::Duration;

use crate::access::Services;
use crate::access_token::AccessToken;
use crate::error::{AccessError, PasswordError, SignInError};
use crate::people::{AcceptedTerms, PasswordLength, RequiredTerms};
use crate::public_url::PublicUrl;

/// The operator's decisions about signing in.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The address of this lab.
    pub public_url: PublicUrl,
    /// Password sign-in is on. Without a provider [`SignIn::new`](super::SignIn::new) turns it on: there is
    /// no other way in.
    pub passwords: bool,
    /// The length of a new password.
    pub password_length: PasswordLength,
    /// People can register themselves, and the first external sign-in creates an account (JIT provisioning).
    pub self_registration: bool,
    /// The life of a token before it must be renewed. A sign-out on this replica is effective at once
    /// regardless.
    pub token_lifetime: Duration,
    /// The life of a session that is not used.
    pub session_idle_limit: Duration,
    /// The longest life of a session.
    pub session_absolute_limit: Duration,
    /// The most live sessions of an account: the oldest ends when one more opens. At least one.
    pub max_sessions_per_account: u32,
    /// The time for which a session that was live goes on while the database does not answer; zero for none.
    pub database_grace: Duration,
    /// The longest life of an access token, in days: from 1 to [`AccessToken::MAX_DAYS`].
    pub access_token_days: u32,
    /// The services of the lab.
    pub services: Arc<Services>,
    /// The terms of service that every user must have accepted to use the lab; `None` for none.
    pub terms: Option<RequiredTerms>,
}

impl Policy {
    /// The default of [`Policy::token_lifetime`].
    pub const TOKEN_LIFETIME: Duration = Duration::from_mins(15);
    /// The default of [`Policy::session_idle_limit`].
    pub const SESSION_IDLE_LIMIT: Duration = Duration::from_hours(12);
    /// The default of [`Policy::session_absolute_limit`].
    pub const SESSION_ABSOLUTE_LIMIT: Duration = Duration::from_hours(7 * 24);

    /// The default of [`Policy::max_sessions_per_account`].
    pub const MAX_SESSIONS_PER_ACCOUNT: u32 = 50;
    /// The default of [`Policy::database_grace`].
    pub const DATABASE_GRACE: Duration = Duration::from_mins(5);

    /// Returns the defaults, for a lab at this address.
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
            max_sessions_per_account: Self::MAX_SESSIONS_PER_ACCOUNT,
            database_grace: Self::DATABASE_GRACE,
            access_token_days: AccessToken::MAX_DAYS,
            services: Arc::default(),
            terms: None,
        }
    }

    /// Returns the terms of service that a person still has to accept, who has accepted these.
    #[must_use]
    pub fn terms_due(&self, accepted: &[AcceptedTerms]) -> Option<&RequiredTerms> {
        self.terms.as_ref().filter(|due| accepted.iter().all(|accepted| accepted.version != due.version))
    }

    /// Refuses a person who still has to accept the terms of service.
    pub(super) fn need_terms(&self, accepted: &[AcceptedTerms]) -> Result<(), SignInError> {
        self.terms_due(accepted).map_or(Ok(()), |_| Err(AccessError::TermsDue.into()))
    }

    pub(super) fn need_passwords(&self) -> Result<(), SignInError> {
        if self.passwords { Ok(()) } else { Err(PasswordError::Off.into()) }
    }
}
