use std::sync::Arc;

use super::check_request::{CheckedRequest, Requests};
use super::claims::all_groups;
use super::recent_checks::{Checked, TokenDigest};
use crate::access_token::{AccessToken, AccessTokenId, AccessTokenText, TokenScope};
use crate::error::{AccessError, PasswordError, SignInError};
use crate::people::{Account, Role};
use crate::ports::{LoginAttempt, Permit, Source, StoreError};
use crate::session::SessionPerson;
use crate::time::Timestamp;

impl Requests<'_> {
    /// Checks an access token, and returns the person it acts for, with its scope: what it opens is for the
    /// caller to judge.
    ///
    /// # Errors
    /// When the token opens nothing, its owner has yet to accept the terms of service, or the store cannot answer.
    pub(super) async fn check_access_token(
        &self,
        text: &str,
        source: Source,
    ) -> Result<CheckedRequest, SignInError> {
        let now = self.trails.clock.now();
        self.catch_up(now).await;
        let remembered = self.recent.find(TokenDigest::of_access_token(text));
        let vouched =
            remembered.filter(|checked| self.recent.vouches(checked, now, self.policy.database_grace));
        let Checked { person, scope, .. } = match vouched {
            Some(checked) => checked,
            None => self.check_token_thoroughly(text, source, now).await?,
        };
        self.policy.need_terms(&person.accepted_terms)?;
        Ok(CheckedRequest { person, renewed: None, scope })
    }

    async fn check_token_thoroughly(
        &self,
        text: &str,
        source: Source,
        now: Timestamp,
    ) -> Result<Checked, SignInError> {
        let turn = self.recent.turn();
        let (token, account) = self.valid_token(text, source, now).await?;
        let opens_until = token.opens_until(self.policy.session_absolute_limit);
        let checked = Checked {
            // Once more within the hour, so that its use is noted.
            until: opens_until.min(now.plus(AccessToken::USE_NOTED)),
            session_until: opens_until,
            person: Arc::new(person(&token, account)),
            scope: Some(Arc::new(token.scope)),
            renewed: None,
            at: now,
            turn,
        };
        self.recent.remember(TokenDigest::of_access_token(text), checked.clone());
        Ok(checked)
    }

    /// Returns the administrator whose access token has the administration API in its scope, all of it as the
    /// store has it now, and the token's id.
    pub(super) async fn administrator_of_token(
        &self,
        text: &str,
        source: Source,
    ) -> Result<(Account, AccessTokenId), SignInError> {
        let (token, account) = self.valid_token(text, source, self.trails.clock.now()).await?;
        if !token.scope.has_admin() {
            return Err(AccessError::InsufficientScope { needed: TokenScope::ADMIN.to_owned() }.into());
        }
        self.policy.need_terms(&account.accepted_terms)?;
        if account.role == Role::Admin {
            Ok((account, token.id))
        } else {
            Err(AccessError::NotAdministrator.into())
        }
    }

    /// Returns a valid token and its account, as the store has them now, and notes that it is used.
    async fn valid_token(
        &self,
        text: &str,
        source: Source,
        now: Timestamp,
    ) -> Result<(AccessToken, Account), SignInError> {
        // What no token can be costs nothing, and is not counted.
        let text = AccessTokenText::parse(text).map_err(|_| AccessError::AccessTokenInvalid)?;
        let Some(token) = self.access_tokens.find(&text.hash()).await? else {
            return Err(self.count_unknown(source, now).await?);
        };
        let account = self.accounts.find(token.account).await?;
        let is_valid = token.is_valid(now, self.policy.session_absolute_limit);
        let account = account.filter(|account| account.is_active() && is_valid);
        let account = account.ok_or(AccessError::AccessTokenInvalid)?;
        if token.last_used_at.is_none_or(|at| at.plus(AccessToken::USE_NOTED) <= now) {
            // For the owner's information alone: that the store cannot note it is no reason to refuse.
            let _ = self.access_tokens.touch(token.id, now).await;
        }
        Ok((token, account))
    }

    /// Counts an unknown token as a failed sign-in of its source. A valid one is never held up by it: nobody
    /// guesses 256 bits, and a neighbour must not be able to shut a script out.
    async fn count_unknown(&self, source: Source, now: Timestamp) -> Result<SignInError, StoreError> {
        Ok(match self.throttle.admit(LoginAttempt::AccessToken { source }, now).await? {
            Permit::Granted => AccessError::AccessTokenInvalid.into(),
            Permit::RetryAfter(retry_after) => {
                PasswordError::TooManyAttempts { retry_after, turn: None }.into()
            }
        })
    }
}

/// Returns the person that a token acts for.
fn person(token: &AccessToken, account: Account) -> SessionPerson {
    SessionPerson {
        account: account.id,
        session: token.id.in_checks(),
        groups: all_groups(&account.groups, &token.groups),
        username: account.username,
        email: account.email,
        name: account.name,
        role: account.role,
        local_groups: account.groups,
        accepted_terms: account.accepted_terms,
        authenticated_at: token.made_at,
    }
}

#[cfg(test)]
mod tests;
