use super::recent_checks::RecentChecks;
use crate::access_token::AccessToken;
use crate::people::{AccountId, Username};
use crate::ports::{Author, Changed, Observer, Person, SessionStore, SignInEvent, Source, StoreError};
use crate::session::{SessionClaims, SessionId};
use crate::world::Clock;

/// Ends sessions, in the store and in the memory of recent checks.
#[derive(Clone, Copy)]
pub struct SessionEnder<'a> {
    /// Holds the sessions.
    pub sessions: &'a dyn SessionStore,
    /// Answers the next checks.
    pub recent: &'a RecentChecks,
    /// Sees each sign-out.
    pub observer: &'a dyn Observer,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl SessionEnder<'_> {
    /// Ends one session. From the first moment on, memory does not answer for it: a caller that gives up
    /// while the store is busy leaves no token that a recent check vouches for.
    pub(super) async fn end(self, session: SessionId) -> Result<(), StoreError> {
        self.forget([session]);
        self.sessions.end(session, self.clock.now()).await
    }

    /// Ends the session of a person who signs out.
    pub(super) async fn sign_out(self, claims: &SessionClaims, source: Source) -> Result<(), StoreError> {
        self.end(claims.sid).await?;
        let person =
            Person { account: claims.sub, name: claims.username.clone(), source, access_token: None };
        self.observer.observe(&SignInEvent::SignedOut { person, session: claims.sid });
        Ok(())
    }

    /// Ends all sessions of an account but `except`, and returns their number.
    pub(super) async fn end_all_of(
        self,
        account: AccountId,
        except: Option<SessionId>,
    ) -> Result<usize, StoreError> {
        let ended = self.sessions.end_all_of(account, except, self.clock.now()).await?;
        let count = ended.len();
        self.forget(ended);
        Ok(count)
    }

    /// Stops answering from memory for an access token that was revoked in the store, and tells who did it.
    pub(super) fn revoked(self, token: &AccessToken, name: Option<Username>, by: Author) {
        self.forget([token.id.in_checks()]);
        let (account, token) = (token.account, token.id);
        self.observer.observe(&SignInEvent::AccessTokenRevoked { account, name, token, by });
    }

    /// Stops answering from memory for an account that has changed in the store.
    pub(super) fn forget_account(self, account: AccountId) {
        self.recent.forget(Changed::Account(account));
    }

    /// Stops answering from memory for sessions that the store has ended.
    pub(super) fn forget(self, ended: impl IntoIterator<Item = SessionId>) {
        self.recent.mark_ended(ended, self.clock.now());
    }
}
