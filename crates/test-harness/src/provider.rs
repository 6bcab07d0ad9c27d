//! The provider adapter that ships, wired to the mock provider without sockets.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use labgate_domain::ForeignText;
use labgate_domain::ports::{CallFailure, IdentityProvider};
use labgate_domain::provider::ProviderDescription;
use labgate_domain::world::Clock;
use labgate_mock_idp::{MockIdp, MockIssuer};
use labgate_provider::{
    Exchange, ExchangeBody, ExchangeError, Field, Kinds, UncheckedSettings, provider_over,
};

/// A network with one host, which is the mock provider.
struct MockNetwork(Arc<MockIdp>);

#[async_trait]
impl Exchange for MockNetwork {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ExchangeBody>, ExchangeError> {
        if request.uri().authority().map(Authority::as_str) != Some(self.0.base_url().authority()) {
            return Err(ExchangeError::Unreachable(
                CallFailure::Connection,
                ForeignText::new("no such host"),
            ));
        }
        let answer = self.0.handle(request).await;
        Ok(answer.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()))
    }
}

/// Connects the lab to an issuer of the mock, by its two endpoints and its name, as an operator configures a
/// provider.
pub(crate) fn connect(
    idp: &Arc<MockIdp>,
    issuer: &MockIssuer,
    description: ProviderDescription,
    kinds: Kinds,
    clock: Arc<dyn Clock>,
) -> Arc<dyn IdentityProvider> {
    let (authorization, token) = (issuer.authorization_endpoint(), issuer.token_endpoint());
    let mut settings = UncheckedSettings::default()
        .with(Field::Id, [description.id.as_str()])
        .with(Field::Name, [description.name])
        .with(Field::EmailTrust, [description.email_trust.as_str()])
        .with(Field::AuthUrl, [authorization])
        .with(Field::TokenUrl, [token])
        .with(Field::Issuer, [issuer.issuer().as_str()])
        .with(Field::ClientId, ["lab"])
        .with(Field::ClientSecret, ["lab-secret"])
        .with(Field::Scopes, ["profile email groups"])
        .with(Field::Userinfo, ["always"])
        .with_admission(description.admission);
    settings.kinds = kinds;
    if let Some(interval) = description.revalidation {
        settings.set(Field::Recheck, [format!("{}s", interval.as_secs())]);
    }
    let exchange = Arc::new(MockNetwork(Arc::clone(idp)));
    provider_over(settings.parse().expect("settings of a provider"), clock, exchange)
        .expect("settings that fit")
}
