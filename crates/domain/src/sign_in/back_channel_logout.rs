use super::SignIn;
use crate::error::{Refusal, SignInError};
use crate::ports::{LogoutToken, LogoutTokenError, SignInEvent};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::SealId;

impl SignIn {
    /// Ends the sessions that a provider says have ended there (OpenID Connect Back-Channel Logout section 2.5). A session
    /// that is not there, or ended before, is no error; neither is a token that was used before, which ends nothing more.
    ///
    /// # Errors
    /// When the logout token is not good, or the store failed: sessions may still be there.
    pub async fn end_sessions_from_provider(&self, logout_token: &str) -> Result<(), Refusal> {
        let ended = async {
            let (provider, token) = self.verified(logout_token).await?;
            let id = SealId::of_logout_token(&token.issuer, &token.id);
            if self.ports.spent_attempts.is_spent(id).await? {
                return Ok(());
            }
            let now = self.ports.clock.now();
            let (session, subject) = (token.session.as_ref(), token.subject.as_ref());
            let ended = self.ports.sessions.end_all_from(&token.issuer, session, subject, now).await?;
            self.forget_sessions(ended.iter().map(|(session, _)| *session));
            for (session, account) in ended {
                let provider = provider.clone();
                self.ports.log.record(SignInEvent::SignedOutByProvider { account, session, provider });
            }
            // Last: a provider that gets no answer comes again with the same token, and must find it good while there is
            // something left to end. To end the same twice at once does no harm.
            self.ports.spent_attempts.consume(id, token.refused_from).await?;
            Ok(())
        };
        ended.await.map_err(|error: SignInError| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    /// The token, verified by the provider whose it is. One that cannot be asked, or takes it for a bad one of its own, does
    /// not keep the others from it: two may share an issuer, each with a client of its own.
    async fn verified(&self, logout_token: &str) -> Result<(ProviderId, LogoutToken), LogoutTokenError> {
        let mut refusal = LogoutTokenError::OfAnotherIssuer;
        for provider in &self.ports.providers {
            match provider.verify_logout_token(logout_token).await {
                Ok(token) => return Ok((provider.description().id, token)),
                Err(LogoutTokenError::OfAnotherIssuer) => {}
                // Whoever could not be asked might have taken it, so this is what is answered: come again.
                Err(error @ LogoutTokenError::Provider(_)) => refusal = error,
                Err(error @ LogoutTokenError::Invalid(_)) => {
                    if !matches!(refusal, LogoutTokenError::Provider(_)) {
                        refusal = error;
                    }
                }
            }
        }
        Err(refusal)
    }
}

#[cfg(test)]
mod tests;
