//! Everything that can be answered instead of what was asked for: one mapping to a status, two ways to render it.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use labgate_domain::ForeignText;
use labgate_domain::error::{ErrorCode, Reference, Refusal, Responsible, SignInError};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sealed::SealId;
use serde::Serialize;

use crate::app::Response;
use crate::audience::Audience;
use crate::pages::{self, ErrorPage, Way};
use crate::paths;

/// Errors that have nothing to do with a sign-in: what HTTP itself can get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpErrorCode {
    /// The request does not have the form that this path expects.
    BadRequest,
    /// There is nothing at this path.
    NotFound,
    /// This path does not answer to this method.
    MethodNotAllowed,
    /// The request took too long to answer.
    Timeout,
    /// The request's body is larger than any that is expected here.
    BodyTooLarge,
    /// The request's body did not arrive in time.
    BodyTooSlow,
}

impl HttpErrorCode {
    /// Every code.
    pub const ALL: &[Self] = &[
        Self::BadRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
    ];

    /// The stable code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
        }
    }

    /// What the person is told.
    #[must_use]
    pub fn for_person(self) -> &'static str {
        match self {
            Self::BadRequest => "This address was not called as it should be.",
            Self::NotFound => "There is nothing at this address.",
            Self::MethodNotAllowed => "This address cannot be used in this way.",
            Self::Timeout => "This took too long. Please try again in a moment.",
            Self::BodyTooLarge => "What was sent is too large.",
            Self::BodyTooSlow => "What was sent did not arrive in time. Please try again.",
        }
    }

    /// Returns the status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// Returns the status for a refused sign-in. Only 401 and 403 pass a proxy's sub-request unchanged, so neither stands for
/// an error that the person did not cause.
#[must_use]
pub fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::NotSignedIn | ErrorCode::CredentialsWrong | ErrorCode::ReauthenticationNeeded => {
            StatusCode::UNAUTHORIZED
        }
        ErrorCode::ProviderUnknown
        | ErrorCode::PasswordsOff
        | ErrorCode::SelfRegistrationOff
        | ErrorCode::SetupClosed
        | ErrorCode::AccountUnknown
        | ErrorCode::IdentityUnknown => StatusCode::NOT_FOUND,
        ErrorCode::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::PasswordLength
        | ErrorCode::PasswordCommon
        | ErrorCode::PasswordPersonal
        | ErrorCode::PasswordGuessable
        | ErrorCode::PasswordUnchanged
        | ErrorCode::UsernameMalformed => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::NameTaken
        | ErrorCode::LastAdministrator
        | ErrorCode::LastCredential
        | ErrorCode::AnotherSession
        | ErrorCode::IdentityTaken => StatusCode::CONFLICT,
        ErrorCode::CallbackMalformed
        | ErrorCode::AttemptUnknown
        | ErrorCode::AttemptExpired
        | ErrorCode::AttemptSpent
        | ErrorCode::IssuerMismatch
        | ErrorCode::IssuerMissing
        | ErrorCode::InteractionRequired
        | ErrorCode::CodeRejected
        | ErrorCode::LogoutTokenInvalid => StatusCode::BAD_REQUEST,
        ErrorCode::AccessDenied
        | ErrorCode::EmailMissing
        | ErrorCode::EmailMalformed
        | ErrorCode::EmailUnverified
        | ErrorCode::NotAdmitted
        | ErrorCode::GroupsUnknown
        | ErrorCode::RegistrationClosed
        | ErrorCode::EmailTaken
        | ErrorCode::AccountDisabled
        | ErrorCode::NotAdministrator
        | ErrorCode::CsrfFailed => StatusCode::FORBIDDEN,
        ErrorCode::RequestRefused
        | ErrorCode::ClientRejected
        | ErrorCode::TokenResponseInvalid
        | ErrorCode::IdTokenInvalid
        | ErrorCode::UserinfoInvalid => StatusCode::BAD_GATEWAY,
        ErrorCode::ProviderUnavailable | ErrorCode::ProviderBusy | ErrorCode::Busy => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ErrorCode::ProviderMisconfigured | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error on its way to whoever asked. A handler returns it inside an empty response; [`Failure::render`] writes it
/// out once it is known who will read it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    code: &'static str,
    pub(crate) for_person: &'static str,
    pub(crate) reference: Reference,
    explanation: Option<&'static str>,
    retry_after: u64,
    ways: Box<[Way]>,
    lists_all: bool,
    /// The attempt that is over.
    pub(crate) attempt: Option<SealId>,
    /// Whether nothing has written its reference into the log yet.
    unlogged: bool,
}

impl Failure {
    pub(crate) fn http(code: HttpErrorCode, reference: Reference) -> Self {
        Self {
            status: code.status(),
            code: code.as_str(),
            for_person: code.for_person(),
            reference,
            explanation: None,
            retry_after: 30,
            ways: Box::default(),
            lists_all: false,
            attempt: None,
            unlogged: true,
        }
    }

    /// Nobody is signed in.
    pub(crate) fn not_signed_in(reference: Reference) -> Self {
        Self {
            ways: [to_sign_in("Sign in again", &ReturnTo::main_page())].into(),
            unlogged: true,
            ..Self::coded(ErrorCode::NotSignedIn, reference)
        }
    }

    /// It is for whoever makes it to write what happened into the log.
    pub(crate) fn internal(reference: Reference) -> Self {
        Self::coded(ErrorCode::Internal, reference)
    }

    fn coded(code: ErrorCode, reference: Reference) -> Self {
        Self {
            status: status_of(code),
            code: code.as_str(),
            for_person: code.for_person(),
            reference,
            explanation: None,
            retry_after: 30,
            ways: Box::default(),
            lists_all: false,
            attempt: None,
            unlogged: false,
        }
    }

    /// The same, with a way back to the choice.
    pub(crate) fn leading_to_other_ways(self, return_to: &ReturnTo) -> Self {
        Self { ways: [to_sign_in("Other ways to sign in", return_to)].into(), ..self }
    }

    /// The same, with every way of signing in that there is.
    pub(crate) fn leading_to_each_of(self, ways: Vec<Way>) -> Self {
        Self { ways: ways.into(), lists_all: true, ..self }
    }

    /// Writes the reference into the log, so that an operator finds it, unless the sign-in's own log or whoever met an
    /// error of ours has. The path is the request's, without the query, which can hold a code.
    pub(crate) fn log(&self, path: &str) {
        if !self.unlogged {
            return;
        }
        let (reference, code) = (&self.reference, self.code);
        match self.status {
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => {
                tracing::info!(%reference, code, path = ?ForeignText::new(path), "a request was cut off");
            }
            _ => tracing::debug!(%reference, code, path = ?ForeignText::new(path), "a request was refused"),
        }
    }

    /// A response that carries this failure and nothing else yet.
    pub(crate) fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }

    /// Writes the failure out: a page for a person, `application/problem+json` (RFC 9457) for a program.
    pub(crate) fn render(&self, audience: Audience) -> Response {
        let mut response = match audience {
            Audience::Person => pages::respond(&ErrorPage {
                message: self.for_person,
                code: self.code,
                reference: self.reference.as_str(),
                explanation: self.explanation,
                ways: &self.ways,
                lists_all: self.lists_all,
            }),
            Audience::Program => self.problem(),
        };
        *response.status_mut() = self.status;
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(self.retry_after));
        }
        response
    }

    fn problem(&self) -> Response {
        #[derive(Serialize)]
        struct Problem<'a> {
            title: &'a str,
            status: u16,
            code: &'a str,
            reference: &'a str,
        }
        let problem = Problem {
            title: self.for_person,
            status: self.status.as_u16(),
            code: self.code,
            reference: self.reference.as_str(),
        };
        let mut response = Response::new(serde_json::to_vec(&problem).unwrap_or_default().into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.error.code();
        // Trying again is no use where an operator has to mend something first.
        let try_again = code.responsible() != Responsible::Operator
            && !matches!(code, ErrorCode::CsrfFailed | ErrorCode::NotAdministrator);
        let retry_after = match refusal.error {
            SignInError::TooManyTries { wait } => wait.as_secs().max(1),
            _ => 30,
        };
        Self {
            explanation: refusal.explanation,
            retry_after,
            ways: try_again.then(|| to_sign_in("Sign in again", &refusal.return_to)).into_iter().collect(),
            attempt: refusal.attempt,
            ..Self::coded(code, refusal.reference)
        }
    }
}

/// To the sign-in page, and from there to that target.
pub(crate) fn to_sign_in(label: &str, return_to: &ReturnTo) -> Way {
    let href = paths::with_parameters(paths::LOGIN, &[("return_to", return_to.as_str())]);
    Way { href, label: label.to_owned() }
}
