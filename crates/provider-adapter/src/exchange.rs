//! The seam to the network, and the client that goes over it.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use labgate_domain::ForeignText;
use labgate_domain::ports::CallFailure;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder, Identity};
use secrecy::ExposeSecret as _;
use tokio_rustls::rustls;

use crate::client_authentication::ClientCertificate;
use crate::ensure::ensure;
use crate::proxy;
use crate::settings::ProviderSettings;
use crate::unchecked::SettingsError;

/// An HTTP client: the seam under every call to a provider.
///
/// It sends what it is given exactly once and passes the answer on as it came: it follows no redirect,
/// repeats nothing, adds no cookies and decompresses nothing. All judgement is the adapter's: limits of time
/// and size, statuses, redirects and headers.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// Sends a request to the absolute URL in its URI. The body of the answer may still be arriving.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ExchangeBody>, ExchangeError>;
}

/// The body of an answer, as it arrives.
pub type ExchangeBody = UnsyncBoxBody<Bytes, ExchangeError>;

/// A failure to get an answer. Reads after the name of what was asked; the reasons name no URL, which may
/// have a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// No connection, or no answer, within the time limit.
    #[error("does not answer in time")]
    TimedOut,
    /// No connection, or no TLS: a host name that does not resolve, a host that refuses, a certificate that
    /// is not trusted, or another cause.
    #[error("cannot be reached ({1})")]
    Unreachable(CallFailure, ForeignText),
    /// A request that cannot be sent.
    #[error("cannot be asked ({0})")]
    Request(ForeignText),
    /// A connection that breaks off, or an answer that is not HTTP.
    #[error("breaks off ({0})")]
    Broken(ForeignText),
}

impl ExchangeError {
    /// The reason alone, to read after a colon.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::TimedOut => "it does not answer in time",
            Self::Unreachable(_, text) | Self::Request(text) | Self::Broken(text) => text.as_str(),
        }
    }

    /// The kind of failure.
    #[must_use]
    pub fn cause(&self) -> CallFailure {
        match self {
            Self::TimedOut => CallFailure::Timeout,
            Self::Unreachable(cause, _) => *cause,
            Self::Request(_) | Self::Broken(_) => CallFailure::Connection,
        }
    }
}

/// The network.
///
/// A connection is used once: a code is never sent a second time because a kept connection was just closing.
/// The proxy that the environment names (`HTTPS_PROXY`, `NO_PROXY`) is used for https, where it sees only the
/// host name. Plain http, which is allowed for this machine and for named origins of its own network, never
/// goes through a proxy: it would read the client secret.
pub(crate) struct Network {
    secure: Result<Client, ExchangeError>,
    plain: Client,
    /// The proxy on the way of https, for messages.
    proxy: Option<String>,
}

impl Network {
    /// A client that trusts the system's certification authorities and those that the settings add.
    ///
    /// A system without any is no error here: the provider may do without TLS. An https call says so then.
    pub(crate) fn new(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let extra = settings.extra_ca_pem.as_deref();
        let builder = || builder().connect_timeout(settings.limits.connect);
        let certificates = extra.map_or(Ok(Vec::new()), certificates)?;
        let secure = builder().https_only(true).tls_certs_merge(certificates);
        let secure = match &settings.credentials.certificate {
            Some(certificate) => secure.identity(identity(certificate)?),
            None => secure,
        };
        // HTTP/2 has no place for the name of a host other than the one that is asked.
        let secure = if settings.internal.is_some() { secure.http1_only() } else { secure };
        let secure = secure.build();
        let plain = builder().no_proxy().tls_certs_only([]).build();
        ensure(extra.is_none() || secure.is_ok(), SettingsError::ExtraCa)?;
        let unreachable = |error| ExchangeError::Unreachable(CallFailure::Connection, cause(&error));
        Ok(Self {
            secure: secure.map_err(unreachable),
            plain: plain.map_err(|error| SettingsError::HttpClient(cause(&error).to_string()))?,
            proxy: proxy::of_environment(|name| std::env::var(name).ok()),
        })
    }
}

#[async_trait]
impl Exchange for Network {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ExchangeBody>, ExchangeError> {
        let (client, proxy) = match request.uri().scheme_str() {
            Some("https") => (self.secure.as_ref().map_err(Clone::clone)?, self.proxy.as_deref()),
            _ => (&self.plain, None),
        };
        let request = reqwest::Request::try_from(request).map_err(ExchangeError::from)?;
        let response = client.execute(request).await.map_err(ExchangeError::from);
        let response = Response::from(response.map_err(|error| proxy::named(error, proxy))?);
        Ok(response.map(|body: reqwest::Body| body.map_err(ExchangeError::from).boxed_unsync()))
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(Resolver))
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, SettingsError> {
    match Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(SettingsError::ExtraCa),
    }
}

/// The client's certificate with its key, for a provider that asks for one.
fn identity(certificate: &ClientCertificate) -> Result<Identity, SettingsError> {
    Identity::from_pem(certificate.identity.expose_secret().as_bytes())
        .map_err(|_| SettingsError::Certificate)
}

/// The system's resolver, with errors of a type of their own.
struct Resolver;

/// A host name that does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve")]
struct Unresolved(#[source] io::Error);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(Unresolved)?;
            let addresses: Vec<_> = found.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl From<reqwest::Error> for ExchangeError {
    fn from(error: reqwest::Error) -> Self {
        let text = cause(&error);
        match typed(&error) {
            _ if error.is_timeout() => Self::TimedOut,
            Some(cause) => Self::Unreachable(cause, text),
            _ if error.is_connect() => Self::Unreachable(CallFailure::Connection, text),
            _ if error.is_builder() => Self::Request(text),
            _ => Self::Broken(text),
        }
    }
}

/// The cause of a failed connection, by the types in the chain of errors.
fn typed(error: &reqwest::Error) -> Option<CallFailure> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(mut link) = next {
        // An I/O error hides the error that it was made of from the chain.
        while let Some(inner) = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            link = inner;
        }
        let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if link.is::<Unresolved>() {
            return Some(CallFailure::Dns);
        } else if let Some(rustls::Error::InvalidCertificate(_)) = link.downcast_ref() {
            return Some(CallFailure::Certificate);
        } else if link.downcast_ref().is_some_and(is_refused) {
            return Some(CallFailure::Refused);
        }
        next = link.source();
    }
    None
}

/// The innermost cause of an error: of a chain, it is the one that names neither URL nor request.
fn cause(error: &reqwest::Error) -> ForeignText {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<reqwest::Error>() {
        Some(_) => ForeignText::new("the request is not possible"),
        None => ForeignText::new(&innermost.to_string()),
    }
}
