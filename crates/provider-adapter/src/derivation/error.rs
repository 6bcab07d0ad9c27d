use labgate_domain::ForeignText;
use labgate_domain::ports::CallFailure;
use labgate_domain::protocol::Issuer;

use super::candidates::MAX_FETCHES;
use super::metadata::{MalformedMetadata, ProviderMetadata, Role};
use super::operator_urls::{AUTH_URL_SETTING, ISSUER_SETTING, TOKEN_URL_SETTING};
use super::source::FetchError;
use crate::endpoint::{Endpoint, EndpointError};

/// A failure to find the provider of the operator's URLs. The texts are for the operator, on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerivationError {
    /// The provider speaks OAuth 2.0 only: there is no ID token, and its API says who signed in.
    #[error(
        "these are GitHub's URLs, and GitHub speaks OAuth 2.0 only, without ID tokens: it takes a GitHubProvider"
    )]
    OAuth2Only,
    /// The two URLs do not belong together. The text says why.
    #[error("{0}")]
    Contradiction(String),
    /// The issuer does not follow from the URLs: the operator has to name it.
    #[error(
        "the provider's issuer does not follow from its two URLs{}set {ISSUER_SETTING}. {hint}",
        listed_first(tried)
    )]
    NeedIssuer {
        /// The name of the provider's kind.
        kind: &'static str,
        /// The place where the operator finds it.
        hint: String,
        /// The places of the search.
        tried: Vec<Tried>,
    },
    /// The configured issuer's own document names another issuer (Discovery section 4.3).
    #[error(
        "{ISSUER_SETTING} is {configured}, and {document} says {published}: they must be equal in every character, \
         also a slash at the end. If the second is the provider that is meant, set {ISSUER_SETTING} to it"
    )]
    IssuerMismatch {
        /// As configured.
        configured: Issuer,
        /// As published.
        published: ForeignText,
        /// The URL of the document that says so.
        document: String,
    },
    /// There is no document that confirms the configured or preset issuer together with the two URLs.
    #[error(
        "the provider does not confirm {AUTH_URL_SETTING} and {TOKEN_URL_SETTING}{}: compare them with its \
         documentation, character by character{}",
        .issuer.as_ref().map(|issuer| format!(" for {ISSUER_SETTING} {issuer}")).unwrap_or_default(),
        listed(tried)
    )]
    NotConfirmed {
        /// The configured issuer.
        issuer: Option<Issuer>,
        /// The documents of the search.
        tried: Vec<Tried>,
    },
    /// A place of the search has the document of a provider with other endpoints: the URLs are mistyped.
    #[error(
        "{document} publishes another endpoint: set {} if that is the provider that is meant{}",
        differing.iter().map(OtherEndpoint::as_setting).collect::<Vec<_>>().join(" and "),
        listed(tried)
    )]
    OtherEndpoints {
        /// The URL of the document that says so.
        document: String,
        /// The endpoints that differ, as published.
        differing: Vec<OtherEndpoint>,
        /// The documents of the search.
        tried: Vec<Tried>,
    },
    /// Nothing was accepted, and not every place gave a definite answer: to be tried again later.
    #[error(
        "the provider's metadata cannot be fetched now; it will be tried again{}. If this stays, check the network, \
         {AUTH_URL_SETTING} and {TOKEN_URL_SETTING}, or set {ISSUER_SETTING}",
        listed(tried)
    )]
    Unavailable {
        /// The documents of the search.
        tried: Vec<Tried>,
    },
}

impl DerivationError {
    /// The kind of the first failure that may go away by itself.
    #[must_use]
    pub fn outage(&self) -> Option<CallFailure> {
        let Self::Unavailable { tried } = self else { return None };
        tried.iter().find_map(|tried| tried.why_not.outage()).or(Some(CallFailure::Connection))
    }
}

/// A document that was asked for, or would have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{document} {why_not}")]
pub struct Tried {
    /// The document.
    pub document: Endpoint,
    /// The reason for not accepting it.
    pub why_not: WhyNot,
}

/// The reason for not accepting a document. Reads after its URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not metadata, or unacceptable whosoever it is.
    #[error("is not acceptable: {0}")]
    Malformed(#[from] MalformedMetadata),
    /// It is of other endpoints.
    #[error(transparent)]
    OtherEndpoint(#[from] OtherEndpoint),
    /// It is of the same endpoints, but not as configured.
    #[error("names both URLs the other way round: {AUTH_URL_SETTING} and {TOKEN_URL_SETTING} are swapped")]
    Swapped,
    /// It has another issuer than it can have there.
    #[error("names the issuer {published} where {expected} is expected")]
    OtherIssuer {
        /// As published.
        published: ForeignText,
        /// As it should be.
        expected: String,
    },
    /// It has a foreign issuer, which does not vouch for it.
    #[error("names the issuer {issuer}, which does not vouch for it: {reason}")]
    NotVouched {
        /// As published.
        issuer: ForeignText,
        /// The reason.
        reason: Box<NotVouched>,
    },
    /// Its origin was asked before and did not answer.
    #[error("was not asked for, since its server did not answer before")]
    SilentServer,
    /// As many documents as are allowed were asked for before.
    #[error("was not asked for, since {MAX_FETCHES} documents are the limit")]
    Limit,
}

impl WhyNot {
    pub(super) fn other_issuer(metadata: &ProviderMetadata, expected: &str) -> Self {
        Self::OtherIssuer {
            published: ForeignText::new(metadata.issuer.as_str()),
            expected: expected.to_owned(),
        }
    }

    /// The kind of a failure that may go away by itself: the answer may be another one later.
    pub(super) fn outage(&self) -> Option<CallFailure> {
        match self {
            Self::Fetch(error) => error.is_temporary().then(|| error.cause()),
            Self::SilentServer => Some(CallFailure::Connection),
            Self::NotVouched { reason, .. } => match &**reason {
                NotVouched::Document(tried) => tried.why_not.outage(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The reason for which a foreign issuer does not vouch for a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVouched {
    /// It is not https.
    #[error("it is not https")]
    NotHttps,
    /// It is no URL that may be asked.
    #[error("its URL {0}")]
    Url(#[from] EndpointError),
    /// An issuer was asked before, and one is the limit.
    #[error("only one foreign issuer is asked")]
    AnotherWasAsked,
    /// Its own document does not name the same issuer and the same endpoints.
    #[error(transparent)]
    Document(#[from] Tried),
}

/// A document is of another endpoint than the operator's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names the {} {}, which is not {}", role.member(), ForeignText::new(published.as_str()), role.setting())]
pub struct OtherEndpoint {
    /// The role of the endpoint.
    pub role: Role,
    /// As published.
    pub published: Endpoint,
}

impl OtherEndpoint {
    /// The setting with the published URL as its value.
    fn as_setting(&self) -> String {
        format!("{}={}", self.role.setting(), ForeignText::new(self.published.as_str()))
    }
}

/// The list, to read before the advice for the case that no document helps: the true cause is often in it.
fn listed_first(tried: &[Tried]) -> String {
    if tried.is_empty() {
        ": ".to_owned()
    } else {
        listed(tried) + ". If none of these reasons can be mended, "
    }
}

fn listed(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = tried.iter().map(ToString::to_string).collect();
    format!(". Tried: {}", lines.join("; "))
}
