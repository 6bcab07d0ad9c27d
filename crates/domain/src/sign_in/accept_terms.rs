use super::own_account::OwnAccounts;
use super::visitor::Visitor;
use crate::error::{AccessError, Refusal};
use crate::people::{AcceptedTerms, Account, RequiredTerms};
use crate::ports::{Person, SignInEvent};
use crate::session::SessionToken;

impl OwnAccounts<'_> {
    /// Returns the visitor's account, as the store has it now.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the store failed.
    pub async fn account(&self, visitor: &Visitor<'_>) -> Result<Account, Refusal> {
        self.refusals.from(visitor.source).run(self.requests.account_of(visitor)).await
    }

    /// Accepts the terms of service for the visitor. `version` and `digest` are those of what was shown to them. To
    /// accept a version once more changes nothing. Returns a new token of the session, which no replica remembers as one whose person
    /// has yet to accept; `None` if there is none just now: the present one does, too, within a second.
    ///
    /// # Errors
    /// When the visitor is not signed in, something else was shown than the present terms, or the store failed.
    pub async fn accept_terms(
        &self,
        version: &str,
        digest: &str,
        visitor: &Visitor<'_>,
    ) -> Result<Option<SessionToken>, Refusal> {
        let accepted = async {
            let account = self.requests.account_of(visitor).await?;
            let is_shown =
                |it: &&RequiredTerms| it.version.as_str() == version && it.digest.as_str() == digest;
            let present = self.requests.policy.terms.as_ref().filter(is_shown);
            let RequiredTerms { version, digest } = present.ok_or(AccessError::TermsChanged)?.clone();
            let terms = AcceptedTerms { version, digest: Some(digest), at: self.ender.clock.now() };
            let is_new = self.requests.accounts.accept_terms(account.id, &terms).await?;
            self.ender.forget_account(account.id);
            if is_new {
                let (person, version) = (Person::of(&account, visitor.source), terms.version);
                self.ender.observer.observe(&SignInEvent::TermsAccepted { person, version });
            }
            // They are accepted, whatever comes after that.
            Ok(self.requests.reissue(visitor).await.ok())
        };
        self.refusals.from(visitor.source).run(accepted).await
    }
}

#[cfg(test)]
mod tests;
