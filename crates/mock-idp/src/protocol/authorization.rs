use labgate_domain::ForeignText;
use labgate_domain::protocol::{AuthorizationErrorCode, MalformedRequest};

use super::parameters::Duplicate;

/// An authorization request that is answered with a page instead of a redirect: nothing may be sent to a
/// redirect URI before it is known to be the client's (RFC 6749 section 4.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnanswerableRequest {
    /// A parameter that says where the answer goes is missing.
    #[error("The parameter {0} is missing.")]
    Missing(&'static str),
    /// Such a parameter came twice.
    #[error("The parameter {0} is there twice.")]
    Duplicate(&'static str),
    /// No such client.
    #[error("The client {id} is not registered here. Registered are: {registered}.")]
    UnknownClient {
        /// The id that was sent.
        id: ForeignText,
        /// The ids that would do.
        registered: String,
    },
    /// Another redirect URI than those of the client.
    #[error(
        "The redirect URI {uri} is not registered for this client. It is compared byte for byte; registered are: {registered}."
    )]
    UnregisteredRedirectUri {
        /// The URI that was sent.
        uri: ForeignText,
        /// The URIs that would do.
        registered: String,
    },
    /// The URL is not this mock's authorization endpoint.
    #[error("The URL is not the authorization endpoint of an issuer of this mock.")]
    NotOurs,
    /// The provider shows an error of its own.
    #[error("{0}")]
    Refused(String),
    /// The user is unknown.
    #[error("There is no user {0} here.")]
    UnknownUser(ForeignText),
}

impl From<Duplicate> for UnanswerableRequest {
    fn from(Duplicate(parameter): Duplicate) -> Self {
        Self::Duplicate(parameter)
    }
}

impl UnanswerableRequest {
    /// Its name in tables of errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Missing("client_id") => "missing-client_id",
            Self::Missing("redirect_uri") => "missing-redirect_uri",
            Self::Missing(_) => "missing",
            Self::Duplicate(_) => "duplicate",
            Self::UnknownClient { .. } => "unknown-client",
            Self::UnregisteredRedirectUri { .. } => "redirect-uri",
            Self::NotOurs => "not-ours",
            Self::Refused(_) => "refused",
            Self::UnknownUser(_) => "unknown-user",
        }
    }
}

/// An error that goes to the redirect URI.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: AuthorizationErrorCode,
    pub(crate) description: String,
}

impl Refusal {
    pub(crate) fn new(code: AuthorizationErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    pub(crate) fn invalid(description: impl Into<String>) -> Self {
        Self::new(AuthorizationErrorCode::InvalidRequest, description)
    }
}

impl From<Duplicate> for Refusal {
    fn from(duplicate: Duplicate) -> Self {
        Self::invalid(duplicate.to_string())
    }
}

impl From<MalformedRequest> for Refusal {
    fn from(malformed: MalformedRequest) -> Self {
        let code = match malformed {
            MalformedRequest::UnsupportedResponseType => AuthorizationErrorCode::UnsupportedResponseType,
            MalformedRequest::NotOpenId => AuthorizationErrorCode::InvalidScope,
            MalformedRequest::Missing(_)
            | MalformedRequest::Duplicate(_)
            | MalformedRequest::Malformed(_)
            | MalformedRequest::UnsupportedChallengeMethod => AuthorizationErrorCode::InvalidRequest,
        };
        Self::new(code, malformed.to_string())
    }
}
