use serde::{Deserialize, Serialize};

use super::ticket::{Ticket, Tickets};
use crate::error::{AttemptError, SignInError};
use crate::protocol::RefreshToken;
use crate::sealed::{SealError, SealId};
use crate::session::{ExternalSession, NextRevalidation, SessionId};
use crate::time::Timestamp;

const REFRESH_TOKEN: &str = "refresh token";

/// A refresh token as it is sealed beside a session.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptRefreshToken {
    refresh_token: String,
    /// The last time at which the provider said who the person is.
    pub(super) told_at: Timestamp,
}

impl KeptRefreshToken {
    pub(super) fn new(token: &RefreshToken, told_at: Timestamp) -> Self {
        Self { refresh_token: token.as_str().to_owned(), told_at }
    }

    pub(super) fn token(&self) -> Result<RefreshToken, SignInError> {
        RefreshToken::parse(&self.refresh_token).map_err(|_| AttemptError::Unknown.into())
    }

    /// Seals it for one session: in the row of another session the seal opens nothing.
    pub(super) fn seal(
        self,
        tickets: Tickets<'_>,
        session: SessionId,
        until: Timestamp,
        due_at: Timestamp,
    ) -> Result<NextRevalidation, SealError> {
        let sealed = tickets.seal_under(SealId::of_session(session), REFRESH_TOKEN, until, self)?;
        Ok(NextRevalidation { refresh_token: sealed.into_sealed(), due_at })
    }

    pub(super) fn open(
        tickets: Tickets<'_>,
        session: SessionId,
        external: &ExternalSession,
    ) -> Result<Self, SignInError> {
        let revalidation = external.revalidation.as_ref().ok_or(AttemptError::Unknown)?;
        let ticket = Ticket::of(SealId::of_session(session), revalidation.refresh_token.clone());
        tickets.open(REFRESH_TOKEN, &ticket)
    }
}
