//! A sign-in by a provider's adapter alone, without the lab around it.

use labgate::world::{OsEntropy, SystemClock};
use labgate_domain::ports::{CodeRedemption, IdentityProvider, ProviderError};
use labgate_domain::protocol::{
    AuthorizationCode, AuthorizationRequest, Nonce, PkceVerifier, RedirectUri, State,
};
use labgate_domain::world::Clock as _;
use url::Url;

/// A sign-in that has begun.
pub(crate) struct Begun {
    /// The URL of the authorization request.
    pub(crate) url: Url,
    redemption: Box<dyn FnOnce(AuthorizationCode) -> CodeRedemption>,
}

impl Begun {
    pub(crate) async fn at(provider: &dyn IdentityProvider, callback: &str) -> Result<Self, ProviderError> {
        let server = provider.authorization_server().await?;
        let (nonce, verifier) = (Nonce::fresh(&OsEntropy), PkceVerifier::fresh(&OsEntropy));
        let redirect_uri = RedirectUri::parse(callback).unwrap();
        let started_at = SystemClock.now();
        let request = AuthorizationRequest {
            client_id: server.client_id,
            redirect_uri: redirect_uri.clone(),
            scopes: server.scopes,
            state: State::fresh(&OsEntropy),
            nonce: nonce.clone(),
            code_challenge: verifier.challenge(),
            extra: server.extra_parameters,
        };
        let url = request.to_url(&server.authorization_endpoint);
        let issuer = server.issuer;
        let redemption =
            move |code| CodeRedemption { code, verifier, nonce, redirect_uri, issuer, started_at };
        Ok(Self { url, redemption: Box::new(redemption) })
    }

    /// Returns the code redemption for a browser that came back to this URL.
    pub(crate) fn redemption(self, back_at: &Url) -> CodeRedemption {
        let code = back_at.query_pairs().find(|(name, _)| name == "code").expect("no code").1.into_owned();
        (self.redemption)(AuthorizationCode::parse(&code).unwrap())
    }
}
