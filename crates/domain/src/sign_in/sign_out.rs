use super::SignIn;
use crate::error::{Refusal, SignInError};
use crate::ports::SignInEvent;
use crate::return_to::ReturnTo;

impl SignIn {
    /// Ends the session that this token belongs to, here and now: neither this token nor another of the session opens
    /// anything any more. Without a session there is nothing to end, and that is no error.
    ///
    /// # Errors
    /// When the store failed: the session may still be there, and the person is told so.
    pub async fn sign_out(&self, token: &str) -> Result<(), Refusal> {
        self.end_session_of(token)
            .await
            .map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    pub(super) async fn end_session_of(&self, token: &str) -> Result<(), SignInError> {
        let Ok(claims) = self.ports.tokens.authenticate(token) else { return Ok(()) };
        let now = self.ports.clock.now();
        // First here: whoever gives up while the store is busy must not leave a token that memory vouches for.
        self.recent.mark_ended(claims.sid, now, now.plus(self.policy.token_lifetime));
        self.ports.sessions.end(claims.sid, now).await?;
        self.ports.log.record(SignInEvent::SignedOut { account: claims.sub, session: claims.sid });
        Ok(())
    }
}
