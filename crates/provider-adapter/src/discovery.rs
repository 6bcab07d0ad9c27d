//! Finding the provider, and finding it again (Discovery section 4).

use std::sync::Arc;

use async_trait::async_trait;
use labgate_domain::ForeignText;
use labgate_domain::ports::{CallFailure, ProviderCall, ProviderError};
use labgate_domain::protocol::{EndSessionEndpoint, Issuer, PkceChallenge};
use labgate_domain::public_url::is_loopback;
use serde_json::Value;

use crate::cache::Cache;
use crate::client_authentication::{AssertionAudience, ClientAuth};
use crate::derivation::{
    self, Discovered, FetchError, MetadataSource, ProviderMetadata, RediscoveryError, document_of,
};
use crate::endpoint::{Endpoint, OperatorHosts};
use crate::ensure::ensure;
use crate::internal_url::INTERNAL_URL_SETTING;
use crate::json;
use crate::keys::{KeySet, UnfitKeySet};
use crate::kind::{GENERIC, Kind};
use crate::settings::{Location, ProviderSettings, Userinfo};
use crate::transport::{JSON, Transport, TransportError, get};

/// A provider that Labgate can work with.
pub(crate) struct Provider {
    discovered: Discovered,
    pub(crate) kind: &'static Kind,
    pub(crate) client_authentication: ClientAuth,
    pub(crate) assertion_audience: AssertionAudience,
    pushes_requests: bool,
    /// Outlives a refresh of the metadata that leaves the key set where it is.
    pub(crate) keys: Arc<Cache<KeySet>>,
}

impl Provider {
    /// Its metadata.
    pub(crate) fn metadata(&self) -> &ProviderMetadata {
        &self.discovered.metadata
    }

    /// The token endpoint for this client: one with a certificate may have an endpoint of its own.
    pub(crate) fn token_endpoint(&self) -> &Endpoint {
        let metadata = self.metadata();
        let of_certificates = metadata.mtls_token_endpoint.as_ref();
        of_certificates
            .filter(|_| self.client_authentication == ClientAuth::Certificate)
            .unwrap_or(&metadata.token_endpoint)
    }

    /// The endpoint for pushed authorization requests, where they are wanted.
    pub(crate) fn push_endpoint(&self) -> Option<&Endpoint> {
        self.metadata().pushed_authorization_request_endpoint.as_ref().filter(|_| self.pushes_requests)
    }

    /// The audience of the client's assertions.
    pub(crate) fn audience(&self) -> &str {
        match self.assertion_audience {
            AssertionAudience::Issuer => self.metadata().issuer.as_str(),
            AssertionAudience::TokenEndpoint => self.metadata().token_endpoint.as_str(),
        }
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
    let assertion_audience = settings.credentials.audience.unwrap_or(kind.quirks.assertion_audience);
    let pushes_requests =
        settings.pushes_requests || discovered.metadata.require_pushed_authorization_requests;
    Ok(Provider { discovered, kind, client_authentication, assertion_audience, pushes_requests, keys })
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
        .map_err(|error| with_names(settings, error))
}

/// The same error with both names of a provider that seems to have two.
fn with_names(settings: &ProviderSettings, error: ProviderError) -> ProviderError {
    use CallFailure::{Connection, Dns, Refused};
    match (error, hint(settings)) {
        (ProviderError::Unavailable { call, cause, reason }, Some(hint))
            if hint.has_two_hosts || matches!(cause, Connection | Dns | Refused) =>
        {
            ProviderError::Unavailable { call, cause, reason: format!("{reason}; {}", hint.text) }
        }
        (ProviderError::Misconfigured(reason), Some(hint)) if hint.has_two_hosts => {
            ProviderError::Misconfigured(format!("{reason}; {}", hint.text))
        }
        (error, _) => error,
    }
}

struct Hint {
    text: String,
    /// The settings name two hosts, so that it may be meant even where both answer.
    has_two_hosts: bool,
}

/// The setting for a provider that browsers know by another name than this machine, where the URLs look so:
/// two hosts with plain http, or one that is the browser's own machine.
fn hint(settings: &ProviderSettings) -> Option<Hint> {
    let public = settings.location.public();
    let is_local = |endpoint: &Endpoint| endpoint.url().scheme() == "http" || is_loopback(endpoint.url());
    if settings.internal.is_some() || !is_local(public) {
        return None;
    }
    let public = public.origin();
    match &settings.location {
        Location::Endpoints(urls) if !urls.share_an_origin() => {
            let internal = urls.token().origin();
            let text = format!(
                "where {internal} is the provider's name in this network and {public} that in browsers, set \
                 {INTERNAL_URL_SETTING}={internal}"
            );
            Some(Hint { text, has_two_hosts: true })
        }
        _ => {
            let text = format!(
                "where {public} is the provider's name in browsers alone, set {INTERNAL_URL_SETTING} to its name in this \
                 network, such as http://keycloak:8080"
            );
            Some(Hint { text, has_two_hosts: false })
        }
    }
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
) -> Result<(&'static Kind, ClientAuth), ProviderError> {
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
    let can_be_pushed = metadata.pushed_authorization_request_endpoint.is_some();
    let reason = "pushed_authorization_requests is true, and the provider has no endpoint for them";
    ensure(!settings.pushes_requests || can_be_pushed, unfit(reason))?;
    let kind = settings.kind_of(discovered.kind, &metadata.issuer);
    let accepted = &metadata.token_endpoint_auth_methods_supported;
    let authentication = settings.credentials.choose(accepted, kind.quirks.prefers_post);
    Ok((kind, authentication.map_err(ProviderError::Misconfigured)?))
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
            TransportError::Unreachable(_) | TransportError::Inside { .. } | TransportError::Crowded => {
                FetchError::Unreachable(error.cause(), error.to_string())
            }
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
