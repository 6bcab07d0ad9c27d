use super::end_sessions::SessionEnder;
use super::provider_list::ProviderList;
use super::refusals::Refusals;
use crate::error::Refusal;
use crate::ports::{LogoutToken, LogoutTokenError, SignInEvent, SpentAttempts};
use crate::provider::ProviderId;
use crate::sealed::SealId;

/// Back-channel logout: providers end sessions that ended there.
#[derive(Clone, Copy)]
pub struct BackChannel<'a> {
    /// Verify logout tokens.
    pub providers: ProviderList<'a>,
    /// Makes logout tokens single-use.
    pub spent_attempts: &'a dyn SpentAttempts,
    /// Ends the sessions.
    pub ender: SessionEnder<'a>,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

impl BackChannel<'_> {
    /// Ends the sessions that a provider says have ended there (OpenID Connect Back-Channel Logout section 2.5). A session
    /// that is not there, or ended before, is no error; neither is a token that was used before, which ends nothing more.
    ///
    /// # Errors
    /// When the logout token is not good, or the store failed: sessions may still be there.
    pub async fn end_sessions(&self, logout_token: &str) -> Result<(), Refusal> {
        let ended = async {
            let (provider, token) = self.verified(logout_token).await?;
            let id = SealId::of_logout_token(&token.issuer, &token.id);
            if self.spent_attempts.is_spent(id).await? {
                return Ok(());
            }
            let now = self.ender.clock.now();
            let (session, subject) = (token.session.as_ref(), token.subject.as_ref());
            let ended = self.ender.sessions.end_all_from(&token.issuer, session, subject, now).await?;
            self.ender.forget(ended.iter().map(|(session, _)| *session));
            for (session, account) in ended {
                let provider = provider.clone();
                self.ender.observer.observe(&SignInEvent::SignedOutByProvider { account, session, provider });
            }
            // Last: a provider that gets no answer comes again with the same token, and must find it good while there is
            // something left to end. To end the same twice at once does no harm.
            self.spent_attempts.consume(id, token.refused_from).await?;
            Ok(())
        };
        self.refusals.run(ended).await
    }

    /// Returns the token, verified by the provider that issued it. A provider that cannot be asked, or finds the token
    /// invalid, does not keep the others from it: two may share an issuer, each with a client of its own.
    async fn verified(&self, logout_token: &str) -> Result<(ProviderId, LogoutToken), LogoutTokenError> {
        let mut refusal = LogoutTokenError::OfAnotherIssuer;
        for provider in self.providers.0 {
            match provider.verify_logout_token(logout_token).await {
                Ok(token) => return Ok((provider.description().id, token)),
                Err(LogoutTokenError::OfAnotherIssuer) => {}
                // A provider that could not be asked might have taken it, so the answer is to come again.
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
