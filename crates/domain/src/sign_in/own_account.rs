use super::check_request::Requests;
use super::end_sessions::SessionEnder;
use super::provider_list::ProviderList;
use super::refusals::Refusals;
use super::visitor::Visitor;
use crate::error::Refusal;
use crate::identity::LinkedIdentity;
use crate::people::{Account, DisplayName};
use crate::ports::{CredentialStore, IdentityStore, Person, SignInEvent};
use crate::provider::ProviderHealth;
use crate::session::{Session, SessionId};

/// A person's own account and sessions.
#[derive(Clone, Copy)]
pub struct OwnAccounts<'a> {
    /// Says which account the visitor has.
    pub requests: Requests<'a>,
    /// Lists the identities that open it.
    pub identities: &'a dyn IdentityStore,
    /// Says whether a password opens it.
    pub credentials: &'a dyn CredentialStore,
    /// Name the identities.
    pub providers: ProviderList<'a>,
    /// Ends sessions.
    pub ender: SessionEnder<'a>,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

/// A person's own account, as its page shows it.
#[derive(Clone, Debug)]
pub struct OwnAccount {
    /// The account.
    pub account: Account,
    /// A password opens it.
    pub has_password: bool,
    /// The identities that open it, oldest first, with the name of the provider, where that is known.
    pub identities: Vec<(LinkedIdentity, Option<String>)>,
    /// Its live sessions, newest first.
    pub sessions: Vec<Session>,
    /// The session that asks.
    pub this_session: SessionId,
}

impl OwnAccounts<'_> {
    /// Returns the visitor's account.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the store failed.
    pub async fn own(&self, visitor: &Visitor<'_>) -> Result<OwnAccount, Refusal> {
        let found = async {
            let this_session = self.requests.session_of(visitor).await?.person.session;
            let account = self.requests.account_of(visitor).await?;
            let now = self.ender.clock.now();
            let mut sessions = self.ender.sessions.list_of(account.id, now).await?;
            sessions.retain(|session| session.is_live(now, self.requests.policy.session_idle_limit));
            Ok(OwnAccount {
                has_password: self.credentials.credential(account.id).await?.is_some(),
                identities: self.with_providers(self.identities.identities(account.id).await?).await,
                sessions,
                this_session,
                account,
            })
        };
        self.refusals.from(visitor.source).run(found).await
    }

    /// Returns the identities with the names of the providers that are at hand: it needs no network.
    async fn with_providers(&self, identities: Vec<LinkedIdentity>) -> Vec<(LinkedIdentity, Option<String>)> {
        let mut known = Vec::new();
        for provider in self.providers.0 {
            if provider.health() == ProviderHealth::Ready
                && let Ok(server) = provider.authorization_server().await
            {
                known.push((server.issuer, provider.description().name));
            }
        }
        let named = |identity: LinkedIdentity| {
            let provider = known.iter().find(|(issuer, _)| issuer.stands_for(&identity.issuer));
            (identity, provider.map(|(_, name)| name.clone()))
        };
        identities.into_iter().map(named).collect()
    }

    /// Changes the visitor's name for other people. Tokens say so from their next renewal on.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the store failed.
    pub async fn rename(&self, name: Option<&DisplayName>, visitor: &Visitor<'_>) -> Result<(), Refusal> {
        let renamed = async {
            let account = self.requests.account_of(visitor).await?;
            Ok(self.requests.accounts.set_name(account.id, name).await?)
        };
        self.refusals.from(visitor.source).run(renamed).await
    }

    /// Ends another session of the visitor, or this one. One that is not theirs, or not there, is left alone
    /// without saying so.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the store failed: the session may still be there.
    pub async fn sign_out_session(&self, handle: &str, visitor: &Visitor<'_>) -> Result<(), Refusal> {
        let ended = async {
            let account = self.requests.account_of(visitor).await?;
            let own = self.ender.sessions.list_of(account.id, self.ender.clock.now()).await?;
            let Some(session) = own.into_iter().find(|session| session.id.handle() == handle) else {
                return Ok(());
            };
            self.ender.end(session.id).await?;
            let person = Person::of(&account, visitor.source);
            self.ender.observer.observe(&SignInEvent::SignedOutElsewhere { person, sessions: 1 });
            Ok(())
        };
        self.refusals.from(visitor.source).run(ended).await
    }

    /// Ends all sessions of the visitor, this one included.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the store failed: sessions may still be there.
    pub async fn sign_out_everywhere(&self, visitor: &Visitor<'_>) -> Result<(), Refusal> {
        let ended = async {
            let account = self.requests.account_of(visitor).await?;
            let sessions = self.ender.end_all_of(account.id, None).await?;
            let person = Person::of(&account, visitor.source);
            self.ender.observer.observe(&SignInEvent::SignedOutElsewhere { person, sessions });
            Ok(())
        };
        self.refusals.from(visitor.source).run(ended).await
    }
}

#[cfg(test)]
mod tests;
