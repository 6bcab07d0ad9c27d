mod documents;
mod issuers;
mod outages;
mod presets;
mod rediscovery;
mod vectors;
mod vouching;

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::*;
use crate::endpoint::{EndpointError, PlainHttpOrigins};
use crate::kinds::KINDS;

/// Serves documents from memory and remembers what was asked; what it does not hold is a 404.
#[derive(Default)]
struct Shelf {
    answers: HashMap<String, Result<Value, FetchError>>,
    asked: Mutex<Vec<String>>,
}

impl Shelf {
    fn empty() -> Self {
        Self::default()
    }

    /// Puts a document under an issuer, or under a candidate for one.
    fn with(self, issuer: &str, document: Value) -> Self {
        self.answering(issuer, Ok(document))
    }

    fn failing(self, issuer: &str, error: FetchError) -> Self {
        self.answering(issuer, Err(error))
    }

    fn answering(mut self, issuer: &str, answer: Result<Value, FetchError>) -> Self {
        self.answers.insert(well_known(issuer), answer);
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn derive(&self, auth_url: &str, token_url: &str) -> Result<Discovered, DerivationError> {
        derive(&urls(auth_url, token_url, None), KINDS, self).await
    }

    async fn confirm(
        &self,
        auth_url: &str,
        token_url: &str,
        issuer: &str,
    ) -> Result<Discovered, DerivationError> {
        derive(&urls(auth_url, token_url, Some(issuer)), KINDS, self).await
    }
}

#[async_trait]
impl MetadataSource for Shelf {
    async fn fetch(&self, document: &Endpoint) -> Result<Value, FetchError> {
        let url = document.as_str();
        self.asked.lock().unwrap().push(url.to_owned());
        self.answers.get(url).cloned().unwrap_or_else(|| Err(FetchError::from_status(404)))
    }
}

fn well_known(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

fn urls(auth_url: &str, token_url: &str, issuer: Option<&str>) -> OperatorUrls {
    parse_urls(auth_url, token_url, issuer, &PlainHttpOrigins::default()).unwrap()
}

/// The operator's URLs as the settings make them.
fn parse_urls(
    auth_url: &str,
    token_url: &str,
    issuer: Option<&str>,
    plain_http: &PlainHttpOrigins,
) -> Result<OperatorUrls, EndpointError> {
    let [auth, token] = [auth_url, token_url].map(|url| Endpoint::parse(url, plain_http));
    let issuer = issuer.map(|value| ConfiguredIssuer::parse(value, plain_http)).transpose()?;
    Ok(OperatorUrls::new(auth?, token?, issuer, None, plain_http))
}

/// A document with the four required members.
fn document(issuer: &str, authorization: &str, token: &str, jwks: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": authorization,
        "token_endpoint": token,
        "jwks_uri": jwks,
    })
}

const AUTH: &str = "https://op.example/o/auth";
const TOKEN: &str = "https://op.example/o/token";

/// The document of the provider with the endpoints [`AUTH`] and [`TOKEN`].
fn op(issuer: &str) -> Value {
    document(issuer, AUTH, TOKEN, "https://op.example/keys")
}

/// The reason for which each place was not accepted.
fn tried(error: &DerivationError) -> &[Tried] {
    match error {
        DerivationError::NeedIssuer { tried, .. }
        | DerivationError::NotConfirmed { tried, .. }
        | DerivationError::OtherEndpoints { tried, .. }
        | DerivationError::Unavailable { tried } => tried,
        other => panic!("{other}"),
    }
}
