use async_trait::async_trait;
use labgate_domain::ports::CallFailure;
use serde_json::Value;

use crate::endpoint::Endpoint;

/// Fetches metadata documents. An implementation MUST NOT follow redirects, and bounds the size and the time
/// of an answer.
#[async_trait]
pub trait MetadataSource: Send + Sync {
    /// One GET of a `…/.well-known/openid-configuration` (Discovery section 4).
    ///
    /// # Errors
    /// See [`FetchError`]: which one decides whether it is worth trying again later.
    async fn fetch(&self, document: &Endpoint) -> Result<Value, FetchError>;
}

/// A failure to fetch a document. Reads after the document's URL; the text carries no secrets and nothing
/// that the other side wrote without having been cleaned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The server says that there is none: a redirect, or a status of the 400s.
    #[error("{1}")]
    NoDocument(CallFailure, String),
    /// The answer is not a JSON document within the limits.
    #[error("{1}")]
    Unusable(CallFailure, String),
    /// The server answered that it cannot answer now: a status of the 500s, or 429.
    #[error("{1}")]
    Failed(CallFailure, String),
    /// The server did not answer: its name does not resolve, no connection, no TLS, a timeout, a broken
    /// answer.
    #[error("{1}")]
    Unreachable(CallFailure, String),
}

impl FetchError {
    /// The meaning of a status other than 200.
    #[must_use]
    pub fn from_status(status: u16) -> Self {
        let redirect = || format!("answers with a redirect ({status}), which is not followed");
        let text = format!("answers with HTTP status {status}");
        match status {
            300..=399 => Self::NoDocument(CallFailure::Redirected, redirect()),
            408 | 425 | 429 | 500.. => Self::Failed(CallFailure::Status(status), text),
            _ => Self::NoDocument(CallFailure::Status(status), text),
        }
    }

    /// The kind of failure.
    #[must_use]
    pub fn cause(&self) -> CallFailure {
        match self {
            Self::NoDocument(cause, _)
            | Self::Unusable(cause, _)
            | Self::Failed(cause, _)
            | Self::Unreachable(cause, _) => *cause,
        }
    }

    /// Returns whether it may go away by itself.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Failed(..) | Self::Unreachable(..))
    }
}
