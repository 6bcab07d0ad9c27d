//! Finding the provider, and finding it again (Discovery section 4).

use std::sync::Arc;

use async_trait::async_trait;
use labgate_domain::ForeignText;
use labgate_domain::ports::{CallFailure, ProviderCall, ProviderError};
use labgate_domain::protocol::{EndSessionEndpoint, Issuer, PkceChallenge};
use serde_json::Value;

use crate::cache::Cache;
use crate::derivation::{
    self, Discovered, FetchError, MetadataSource, ProviderMetadata, RediscoveryError, document_of,
};
use crate::endpoint::{Endpoint, OperatorHosts};
use crate::ensure::ensure;
use crate::json;
use crate::keys::{KeySet, UnfitKeySet};
use crate::kind::{GENERIC, Kind};
use crate::settings::{Location, ProviderSettings, Userinfo};
use crate::token::ClientAuthentication;
use crate::transport::{JSON, Transport, TransportError, get};

/// A provider that Labgate can work with.
pub(crate) struct Provider {
    discovered: Discovered,
    pub(crate) kind: &'static Kind,
    pub(crate) client_authentication: ClientAuthentication,
    /// Outlives a refresh of the metadata that leaves the key set where it is.
    pub(crate) keys: Arc<Cache<KeySet>>,
}

impl Provider {
    /// Its metadata.
    pub(crate) fn metadata(&self) -> &ProviderMetadata {
        &self.discovered.metadata
    }

    /// The endpoint for a logout request (OpenID Connect RP-Initiated Logout section 2.1).
    pub(crate) fn end_session_endpoint(&self) -> Option<EndSessionEndpoint> {
        let url = self.metadata().end_session_endpoint.as_ref()?.url().clone();
        Some(EndSessionEndpoint { url, form: self.kind.quirks.logout })
    }
}

/// Finds the provider, or what has become of it when it was found before: the issuer that was accepted first
/// stays, and so does everything else that the operator's URLs vouch for.
pub(crate) async fn find(
    settings: &ProviderSettings,
    transport: &Transport,
    before: Option<&Provider>,
    new_keys: impl FnOnce() -> Cache<KeySet> + Send,
) -> Result<Provider, ProviderError> {
    let discovered = discover(settings, transport, before.map(|before| &before.discovered)).await?;
    let (kind, client_authentication) = usable(&discovered, settings)?;
    let keys = match before {
        Some(before) if before.metadata().jwks_uri == discovered.metadata.jwks_uri => {
            Arc::clone(&before.keys)
        }
        _ => {
            tell(&discovered, kind);
            Arc::new(new_keys())
        }
    };
    Ok(Provider { discovered, kind, client_authentication, keys })
}

/// Finds what the provider publishes, whether or not Labgate can work with it.
pub(crate) async fn discover(
    settings: &ProviderSettings,
    transport: &Transport,
    before: Option<&Discovered>,
) -> Result<Discovered, ProviderError> {
    let looking = look(settings, transport, before);
    let in_time = tokio::time::timeout(settings.limits.discovery_time, looking).await;
    in_time
        .unwrap_or_else(|_| Err(unavailable(CallFailure::Timeout, "it does not answer in time".to_owned())))
}

async fn look(
    settings: &ProviderSettings,
    transport: &Transport,
    before: Option<&Discovered>,
) -> Result<Discovered, ProviderError> {
    let source = Documents(transport);
    match (&settings.location, before) {
        (Location::Issuer { issuer, home, hosts }, _) => by_issuer(issuer, home, hosts, &source).await,
        (Location::Endpoints(urls), Some(before)) => {
            derivation::rediscover(urls, before, &source).await.map_err(|error| match &error {
                RediscoveryError::Fetch(fetch) => unavailable(fetch.cause(), error.to_string()),
                _ => ProviderError::Misconfigured(error.to_string()),
            })
        }
        (Location::Endpoints(urls), None) => {
            derivation::derive(urls, settings.kinds, &source).await.map_err(|error| match error.outage() {
                Some(cause) => unavailable(cause, error.to_string()),
                None => ProviderError::Misconfigured(error.to_string()),
            })
        }
    }
}

/// Fetches the provider's keys.
pub(crate) async fn fetch_keys(transport: &Transport, jwks_uri: &Endpoint) -> Result<KeySet, ProviderError> {
    const JWK_SET: &str = "application/jwk-set+json";
    let call = ProviderCall::Jwks;
    let unavailable = |cause, reason: String| ProviderError::unavailable(call, cause, format!("it {reason}"));
    let answer = transport.send(call, get(jwks_uri.url())).await.map_err(|error| error.of(call))?;
    let body = answer.ok_body(&[JSON, JWK_SET]).map_err(|it| unavailable(it.cause, it.text))?;
    KeySet::parse(&body).map_err(|unfit| match unfit {
        UnfitKeySet::Answer(reason) => unavailable(CallFailure::Content, reason),
        UnfitKeySet::Keys { .. } => ProviderError::Misconfigured(format!("{jwks_uri} {unfit}")),
    })
}

/// The document at the issuer itself, which must name that issuer byte for byte (section 4.3).
async fn by_issuer(
    issuer: &Issuer,
    home: &Endpoint,
    hosts: &OperatorHosts,
    source: &Documents<'_>,
) -> Result<Discovered, ProviderError> {
    let document = document_of(home);
    let fetched = source.fetch(&document).await;
    let fetched = fetched.map_err(|error| unavailable(error.cause(), format!("{document} {error}")))?;
    let metadata = ProviderMetadata::parse(&fetched, hosts)
        .map_err(|error| ProviderError::Misconfigured(format!("{document} cannot be used: {error}")))?;
    if metadata.issuer != *issuer {
        return Err(ProviderError::Misconfigured(format!(
            "the issuer is set to {issuer}, and {document} says {}: they must be equal in every character, also a slash \
             at the end",
            ForeignText::new(metadata.issuer.as_str())
        )));
    }
    Ok(Discovered { kind: &GENERIC, metadata, document, warnings: Vec::new() })
}

/// The kind of the provider and the way to authenticate to it, if Labgate can work with it at all.
fn usable(
    discovered: &Discovered,
    settings: &ProviderSettings,
) -> Result<(&'static Kind, ClientAuthentication), ProviderError> {
    let metadata = &discovered.metadata;
    let methods = &metadata.code_challenge_methods_supported;
    if excludes_pkce(methods) {
        return Err(ProviderError::Misconfigured(format!(
            "the provider states that it does not support PKCE with {}, which Labgate always uses",
            PkceChallenge::METHOD
        )));
    }
    let unfit = |reason: &str| ProviderError::Misconfigured(reason.to_owned());
    let can_be_asked = settings.userinfo != Userinfo::Always || metadata.userinfo_endpoint.is_some();
    let reason = "the userinfo endpoint is to be asked at every sign-in, and the provider has none";
    ensure(can_be_asked, unfit(reason))?;
    let kind = settings.kind_of(discovered.kind, &metadata.issuer);
    let accepted = &metadata.token_endpoint_auth_methods_supported;
    let authentication = ClientAuthentication::choose(accepted, kind.quirks.prefers_post);
    let reason =
        "the provider accepts neither client_secret_basic nor client_secret_post at its token endpoint";
    Ok((kind, authentication.ok_or_else(|| unfit(reason))?))
}

/// Returns whether the provider excludes the one PKCE method that Labgate uses. Silence excludes nothing.
pub(crate) fn excludes_pkce(methods: &[String]) -> bool {
    !methods.is_empty() && !methods.iter().any(|method| method == PkceChallenge::METHOD)
}

fn unavailable(cause: CallFailure, reason: String) -> ProviderError {
    ProviderError::unavailable(ProviderCall::Discovery, cause, reason)
}

fn tell(discovered: &Discovered, kind: &Kind) {
    let (issuer, kind) = (discovered.metadata.issuer.as_str(), kind.name);
    tracing::info!(issuer, kind, document = %discovered.document, "the provider is found");
    for warning in &discovered.warnings {
        tracing::warn!(%warning, "the provider works, but");
    }
}

/// Metadata documents, over the network.
struct Documents<'a>(&'a Transport);

#[async_trait]
impl MetadataSource for Documents<'_> {
    async fn fetch(&self, document: &Endpoint) -> Result<Value, FetchError> {
        let answer = self.0.send(ProviderCall::Discovery, get(document.url())).await;
        let answer = answer.map_err(|error| match error {
            TransportError::Unreachable(_) => FetchError::Unreachable(error.cause(), error.to_string()),
            TransportError::Redirect(status) => FetchError::from_status(status.as_u16()),
            TransportError::Compressed | TransportError::TooLarge { .. } => {
                FetchError::Unusable(error.cause(), error.to_string())
            }
        })?;
        if !answer.status.is_success() {
            return Err(FetchError::from_status(answer.status.as_u16()));
        }
        let body = answer.ok_body(&[JSON]).map_err(|it| FetchError::Unusable(it.cause, it.text))?;
        let text = "is not one JSON object with unique members";
        let unusable = || FetchError::Unusable(CallFailure::NotJson, text.to_owned());
        json::object(&body).map(Value::Object).ok_or_else(unusable)
    }
}
