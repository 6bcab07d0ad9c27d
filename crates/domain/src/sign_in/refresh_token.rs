use serde::{Deserialize, Serialize};

use super::ticket::{Ticket, Tickets};
use crate::error::{AttemptError, SignInError};
use crate::protocol::RefreshToken;
use crate::sealed::{SealError, SealId};
use crate::session::{ExternalSession, NextRevalidation, SessionId};
use crate::time::Timestamp;

const REFRESH_TOKEN: &str = "refresh token";

/// The longest that both tokens can be together, in bytes: more does not fit under one seal. Providers with one
/// token for each person have short ones.
const MAX_BOTH: usize = 2400;

/// The refresh tokens as they are sealed beside a session: its own, and the newest of the person where that is
/// another session's. Some providers keep one token for each session, and some one for each person, of which
/// a later sign-in elsewhere makes the session's own worthless.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeptRefreshToken {
    refresh_token: String,
    /// The last time at which the provider said who the person is.
    pub(super) told_at: Timestamp,
    /// The time of the session's own token. An older version did not keep it.
    #[serde(default)]
    given_at: Option<Timestamp>,
    #[serde(default)]
    newest: Option<OtherToken>,
}

/// A token that came to another session of the person.
#[derive(Clone, Serialize, Deserialize)]
struct OtherToken {
    refresh_token: String,
    given_at: Timestamp,
}

impl KeptRefreshToken {
    pub(super) fn new(token: &RefreshToken, told_at: Timestamp) -> Self {
        let refresh_token = token.as_str().to_owned();
        Self { refresh_token, told_at, given_at: Some(told_at), newest: None }
    }

    /// The tokens with the times at which they were given.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        let own = (self.refresh_token.as_str(), self.given_at());
        let newest = self.newest.iter().map(|newest| (newest.refresh_token.as_str(), newest.given_at));
        std::iter::once(own).chain(newest)
    }

    /// The time of the session's own token.
    pub(super) fn given_at(&self) -> Timestamp {
        self.given_at.unwrap_or(self.told_at)
    }

    /// Returns whether this is the session's own token.
    pub(super) fn owns(&self, token: &RefreshToken) -> bool {
        self.refresh_token == token.as_str()
    }

    /// Puts the next token in the place of one that is spent, and returns whether it was there.
    pub(super) fn replace(&mut self, spent: &RefreshToken, next: &RefreshToken, now: Timestamp) -> bool {
        if self.owns(spent) {
            next.as_str().clone_into(&mut self.refresh_token);
            self.given_at = Some(now);
            return true;
        }
        let is_newest = self.newest.as_ref().is_some_and(|newest| newest.refresh_token == spent.as_str());
        if is_newest {
            self.keep_newest(next, now);
        }
        is_newest
    }

    /// Notes that the provider said who the person is, by this token.
    pub(super) fn note_answer(&mut self, by: &RefreshToken, given_at: Timestamp, told_at: Timestamp) {
        self.told_at = told_at;
        self.newest = None;
        if !self.owns(by) {
            self.keep_newest(by, given_at);
        }
    }

    /// Keeps a token of another session beside its own, where there is room for both.
    fn keep_newest(&mut self, token: &RefreshToken, given_at: Timestamp) {
        let newest = OtherToken { refresh_token: token.as_str().to_owned(), given_at };
        let fits = self.refresh_token.len() + newest.refresh_token.len() <= MAX_BOTH;
        self.newest = fits.then_some(newest);
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
