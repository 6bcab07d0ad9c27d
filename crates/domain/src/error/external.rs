use super::code::{ErrorCode, codes};
use crate::ForeignText;
use crate::admission::Criterion;
use crate::people::EmailAddress;
use crate::protocol::{AuthorizationErrorCode, MalformedResponse, Subject};

/// A callback that brings no authorization code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// The query is not an authorization response.
    #[error("the callback is not an authorization response: {0}")]
    Malformed(#[from] MalformedResponse),
    /// The response states another issuer than the attempt's (RFC 9207).
    #[error("the response comes from {stated}, not from the attempt's provider")]
    IssuerMismatch {
        /// The issuer that the response states.
        stated: ForeignText,
    },
    /// The response states no issuer, though the provider's metadata promises one (RFC 9207).
    #[error("the response lacks the issuer that the provider promises")]
    IssuerMissing,
    /// The provider answered with an error instead of a code.
    #[error("the provider answered {}{}", code.as_str(), description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The provider's error code.
        code: AuthorizationErrorCode,
        /// The provider's description of it.
        description: Option<ForeignText>,
    },
}

/// Codes of no specification by which providers say that the person cancelled or refused.
const SAYS_NO: [&str; 8] = [
    "authorization_declined",
    "cancelled",
    "consent_denied",
    "user_canceled",
    "user_cancelled",
    "user_cancelled_authorize",
    "user_cancelled_login",
    "user_denied",
];

impl CallbackError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        use AuthorizationErrorCode as Authz;
        match self {
            Self::Malformed(_) => ErrorCode::CallbackMalformed,
            Self::IssuerMismatch { .. } => ErrorCode::IssuerMismatch,
            Self::IssuerMissing => ErrorCode::IssuerMissing,
            Self::Refused { code, .. } => match code {
                Authz::AccessDenied => ErrorCode::AccessDenied,
                Authz::Other(code) if SAYS_NO.contains(&code.as_str()) => ErrorCode::AccessDenied,
                Authz::LoginRequired
                | Authz::InteractionRequired
                | Authz::ConsentRequired
                | Authz::AccountSelectionRequired => ErrorCode::InteractionRequired,
                Authz::TemporarilyUnavailable | Authz::ServerError => ErrorCode::ProviderBusy,
                _ => ErrorCode::RequestRefused,
            },
        }
    }
}

/// An attempt or a ticket that cannot be used, now or later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// The browser holds no attempt with this `state`: the callback is another browser's, or the cookie is
    /// lost.
    #[error("this browser did not start the sign-in that the callback answers")]
    Unknown,
    /// It is older than its lifetime.
    #[error("the sign-in took too long")]
    Expired,
    /// It was used before.
    #[error("the sign-in was finished before")]
    Spent,
}

codes!(AttemptError {
    Unknown => AttemptUnknown,
    Expired => AttemptExpired,
    Spent => AttemptSpent,
});

/// An e-mail address from a provider that names no account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// The provider states no address.
    #[error("the provider states no e-mail address")]
    Missing,
    /// The provider states a malformed address.
    #[error("the provider states a malformed e-mail address")]
    Malformed,
    /// The provider does not state the address as verified.
    #[error("the provider does not state {address} as verified")]
    Unverified {
        /// The address.
        address: EmailAddress,
    },
    /// Concurrent sign-ins with the address went on and on.
    #[error("the account with the e-mail address {address} changed during the sign-in")]
    Taken {
        /// The address.
        address: EmailAddress,
    },
}

codes!(EmailError {
    Missing => EmailMissing,
    Malformed => EmailMalformed,
    Unverified => EmailUnverified,
    Taken => EmailTaken,
});

/// A person who may not sign in, as the operator's admission rules say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// A rule does not hold.
    #[error("the rule about {} does not admit {}; the provider states {}", rule.as_str(), address.as_ref().map_or(subject.as_str(), EmailAddress::as_str), if stated.as_str().is_empty() { "nothing for it" } else { stated.as_str() })]
    Rejected {
        /// The rule.
        rule: Criterion,
        /// The person.
        subject: Subject,
        /// The person's address, where it can be trusted.
        address: Option<EmailAddress>,
        /// The claims that the rule reads.
        stated: ForeignText,
    },
    /// A rule needs all of the person's groups, and the provider did not name them all.
    #[error("a rule needs all groups of the person, and the provider did not name them all")]
    GroupsUnknown,
}

codes!(AdmissionError {
    Rejected => NotAdmitted,
    GroupsUnknown => GroupsUnknown,
});
