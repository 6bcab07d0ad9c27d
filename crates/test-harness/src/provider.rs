//! The provider adapter that ships, wired to the mock provider without sockets.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use labgate_domain::ForeignText;
use labgate_domain::ports::IdentityProvider;
use labgate_domain::protocol::{ClientId, Scopes};
use labgate_domain::provider::ProviderDescription;
use labgate_domain::world::Clock;
use labgate_mock_idp::{MockIdp, MockIssuer};
use labgate_provider::{
    Exchange, ExchangeBody, ExchangeError, Location, PlainHttpOrigins, ProviderSettings, Userinfo,
    provider_over,
};

/// A network with one host, which is the mock provider.
struct MockNetwork(Arc<MockIdp>);

#[async_trait]
impl Exchange for MockNetwork {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ExchangeBody>, ExchangeError> {
        if request.uri().authority().map(Authority::as_str) != Some(self.0.base_url().authority()) {
            return Err(ExchangeError::Connection(ForeignText::new("no such host")));
        }
        let answer = self.0.handle(request).await;
        Ok(answer.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()))
    }
}

/// Connects the lab to an issuer of the mock, by its two endpoints and its name, as an operator configures a provider.
pub(crate) fn connect(
    idp: &Arc<MockIdp>,
    issuer: &MockIssuer,
    description: ProviderDescription,
    clock: Arc<dyn Clock>,
) -> Arc<dyn IdentityProvider> {
    let (authorization, token) = (issuer.authorization_endpoint(), issuer.token_endpoint());
    let name = issuer.issuer().as_str();
    let location = Location::endpoints(&authorization, &token, Some(name), &PlainHttpOrigins::default());
    let settings = ProviderSettings::new(
        description,
        location.expect("the URLs of a provider"),
        ClientId::parse("lab").expect("a client id"),
        "lab-secret".to_owned().into(),
    );
    let settings = ProviderSettings {
        scopes: Scopes::with_openid(["profile", "email", "groups"]).expect("scopes"),
        userinfo: Userinfo::Always,
        ..settings
    };
    let exchange = Arc::new(MockNetwork(Arc::clone(idp)));
    provider_over(settings, clock, exchange).expect("settings that fit")
}
