use async_trait::async_trait;
use serde_json::Value;

use crate::endpoint::Endpoint;

/// Fetches metadata documents. An implementation MUST NOT follow redirects, and bounds the size and the time of an
/// answer.
#[async_trait]
pub trait MetadataSource: Send + Sync {
    /// One GET of a `…/.well-known/openid-configuration` (Discovery section 4).
    ///
    /// # Errors
    /// See [`FetchError`]: which one decides whether it is worth trying again later.
    async fn fetch(&self, document: &Endpoint) -> Result<Value, FetchError>;
}

/// Why a document could not be fetched. Reads after the document's URL; the text carries no secrets and nothing
/// that the other side wrote without having been cleaned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The server says that there is none: a redirect, or a status of the 400s.
    #[error("{0}")]
    NoDocument(String),
    /// What it answered is not a JSON document within the limits.
    #[error("{0}")]
    Unusable(String),
    /// The server answered that it cannot answer now: a status of the 500s, or 429.
    #[error("{0}")]
    Failed(String),
    /// The server did not answer: its name does not resolve, no connection, no TLS, a timeout, a broken answer.
    #[error("{0}")]
    Unreachable(String),
}

impl FetchError {
    /// What a status other than 200 means.
    #[must_use]
    pub fn from_status(status: u16) -> Self {
        match status {
            300..=399 => {
                Self::NoDocument(format!("answers with a redirect ({status}), which is not followed"))
            }
            408 | 425 | 429 | 500.. => Self::Failed(format!("answers with HTTP status {status}")),
            _ => Self::NoDocument(format!("answers with HTTP status {status}")),
        }
    }

    /// Whether it may go away by itself.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Unreachable(_))
    }
}
