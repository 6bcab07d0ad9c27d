use url::Url;

use super::end_sessions::SessionEnder;
use super::policy::Policy;
use super::provider_list::ProviderList;
use super::refusals::Refusals;
use super::ticket::{Ticket, Tickets};
use super::visitor::Visitor;
use crate::error::{Refusal, SignInError};
use crate::ports::TokenIssuer;
use crate::protocol::{EndSessionRequest, State};
use crate::provider::{ProviderDescription, ProviderHealth, ProviderId};
use crate::session::ExternalSession;
use crate::world::Entropy;

/// Sign-out: the end of a session by its person.
#[derive(Clone, Copy)]
pub struct Sessions<'a> {
    /// Recognises session tokens.
    pub tokens: &'a dyn TokenIssuer,
    /// Ends the sessions.
    pub ender: SessionEnder<'a>,
    /// Have sessions of their own.
    pub providers: ProviderList<'a>,
    /// Makes up the `state` of a sign-out at a provider.
    pub entropy: &'a dyn Entropy,
    /// The address to come back to.
    pub policy: &'a Policy,
    /// Keep what is left to do while the browser leaves the hosts of services.
    pub tickets: Tickets<'a>,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// The provider where the person signed in, which has a session of its own.
    pub provider: Option<LeftProvider>,
}

/// A provider that still knows the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftProvider {
    /// Its id.
    pub id: ProviderId,
    /// Its name for people.
    pub name: String,
    /// The URL that signs the browser out there, too; `None` when the provider has none, or would answer with
    /// an error page.
    pub end_session_url: Option<Url>,
}

/// The purpose of a ticket that keeps a [`LeftProvider`].
const LEFT_PROVIDER: &str = "left provider";

impl Sessions<'_> {
    /// Ends the visitor's session, here and now, with all its tokens. The answer names the provider that
    /// keeps a session of its own, and the URL that ends it (OpenID Connect RP-Initiated Logout section 2).
    /// Without a session there is nothing to end, and that is no error.
    ///
    /// # Errors
    /// When the store failed: the session may still be there, and the person is told so.
    pub async fn sign_out(&self, visitor: &Visitor<'_>) -> Result<SignedOut, Refusal> {
        self.refusals.from(visitor.source).run(self.try_sign_out(visitor)).await
    }

    /// Keeps what is left to do at the provider, for a browser that leaves the hosts of services first; `None` when
    /// there is nothing, or it does not fit into a cookie.
    #[must_use]
    pub fn keep(&self, signed_out: &SignedOut) -> Option<Ticket> {
        let left = signed_out.provider.as_ref()?;
        let content = (left.id.as_str(), left.end_session_url.as_ref().map(Url::as_str));
        self.tickets.seal(LEFT_PROVIDER, content).ok()
    }

    /// Returns what is left to do, from what was kept.
    #[must_use]
    pub fn kept(&self, ticket: &Ticket) -> SignedOut {
        let left = self.tickets.open::<(String, Option<String>)>(LEFT_PROVIDER, ticket).ok();
        let provider = left.and_then(|(id, url)| {
            let provider = self.providers.get(Some(&ProviderId::parse(&id).ok()?)).ok()?;
            let ProviderDescription { id, name, .. } = provider.description();
            Some(LeftProvider { id, name, end_session_url: url.and_then(|url| Url::parse(&url).ok()) })
        });
        SignedOut { provider }
    }

    async fn try_sign_out(&self, visitor: &Visitor<'_>) -> Result<SignedOut, SignInError> {
        let Some(token) = visitor.session_token else { return Ok(SignedOut { provider: None }) };
        let Ok(claims) = self.tokens.authenticate(token) else {
            return Ok(SignedOut { provider: None });
        };
        // Read before it ends, for with its end the store forgets the hint.
        let session = self.ender.sessions.find(claims.sid).await;
        self.ender.sign_out(&claims, visitor.source).await?;
        let external = session?.and_then(|session| session.external);
        Ok(SignedOut {
            provider: match external {
                Some(external) => self.left_provider(external).await,
                None => None,
            },
        })
    }

    /// Returns the provider of a session that has just ended here; `None` when it is configured no more. One
    /// that cannot be asked at the moment counts as one without a URL to sign out: sign-out does not wait for
    /// it.
    async fn left_provider(&self, external: ExternalSession) -> Option<LeftProvider> {
        let provider = self.providers.get(Some(&external.provider)).ok()?;
        let ProviderDescription { id, name, .. } = provider.description();
        let server = match provider.health() {
            ProviderHealth::Unavailable { .. } => None,
            _ => provider.authorization_server().await.ok(),
        };
        let end_session_url =
            server.filter(|server| server.issuer.stands_for(&external.issuer)).and_then(|server| {
                let request = EndSessionRequest {
                    id_token_hint: external.id_token_hint,
                    client_id: server.client_id,
                    post_logout_redirect_uri: self.policy.public_url.signed_out_page()?,
                    state: State::fresh(self.entropy),
                };
                server.end_session_endpoint.and_then(|endpoint| request.to_url(&endpoint))
            });
        Some(LeftProvider { id, name, end_session_url })
    }
}

#[cfg(test)]
mod tests;
