//! Everything that can be answered instead of the thing asked for: one mapping to a status, two ways to
//! render it.

use std::borrow::Cow;

use http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use labgate_domain::error::{
    ErrorCode, PasswordError, Reference, Refusal, Responsible, ServiceError, SignInError,
};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sign_in::NotSignedIn;
use serde::Serialize;

use crate::audience::Audience;
use crate::content_security;
use crate::cookies::UnfitCookie;
use crate::pages::{ErrorPage, Href, Label, Way};
use crate::reply::{self, Response, status};
use crate::site::Site;
use crate::texts::Texts;

/// An error of HTTP itself, apart from any sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpErrorCode {
    /// The request does not have the form that its path expects.
    BadRequest,
    /// There is nothing at the path.
    NotFound,
    /// A script or a frame asks for a page, or sends its form.
    TopLevelOnly,
    /// The path does not answer to the method.
    MethodNotAllowed,
    /// The request took too long to answer.
    Timeout,
    /// The request's body is larger than any that is expected here.
    BodyTooLarge,
    /// The request's body did not arrive in time.
    BodyTooSlow,
    /// Too many changes of the same account are under way.
    TooManyChanges,
    /// Too many sign-ins from the same address are under way.
    TooManySignIns,
    /// The request's head is larger than any that is expected here.
    HeadTooLarge,
    /// The person does not meet a condition that the proxy states in the query of its check.
    NotAllowedByQuery,
    /// The request does not name the definition that it changes.
    IfMatchNeeded,
    /// An administrator typed an e-mail address that is none.
    EmailInvalid,
    /// An administrator typed the name of a group that is none.
    GroupInvalid,
    /// An administrator typed something else than two different issuers.
    IssuersInvalid,
}

impl HttpErrorCode {
    /// Every code.
    pub const ALL: &[Self] = &[
        Self::BadRequest,
        Self::NotFound,
        Self::TopLevelOnly,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::TooManyChanges,
        Self::TooManySignIns,
        Self::HeadTooLarge,
        Self::NotAllowedByQuery,
        Self::IfMatchNeeded,
        Self::EmailInvalid,
        Self::GroupInvalid,
        Self::IssuersInvalid,
    ];

    /// Returns the stable code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.told().0
    }

    /// Returns the status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.told().1
    }

    fn told(self) -> (&'static str, StatusCode) {
        match self {
            Self::BadRequest => ("bad_request", StatusCode::BAD_REQUEST),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::TopLevelOnly => ("top_level_only", StatusCode::FORBIDDEN),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::Timeout => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
            Self::BodyTooLarge => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::BodyTooSlow => ("body_too_slow", StatusCode::REQUEST_TIMEOUT),
            Self::TooManyChanges => ("too_many_changes", StatusCode::TOO_MANY_REQUESTS),
            Self::TooManySignIns => ("too_many_sign_ins", StatusCode::TOO_MANY_REQUESTS),
            Self::HeadTooLarge => ("head_too_large", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Self::NotAllowedByQuery => ("not_allowed_by_query", StatusCode::FORBIDDEN),
            Self::IfMatchNeeded => ("if_match_needed", StatusCode::PRECONDITION_REQUIRED),
            Self::EmailInvalid => ("email_invalid", StatusCode::UNPROCESSABLE_ENTITY),
            Self::GroupInvalid => ("group_invalid", StatusCode::UNPROCESSABLE_ENTITY),
            Self::IssuersInvalid => ("issuers_invalid", StatusCode::UNPROCESSABLE_ENTITY),
        }
    }
}

/// Returns the status for a refused sign-in. Only 401 and 403 pass a proxy's sub-request unchanged, so
/// neither stands for an error that the person did not cause.
#[must_use]
pub fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::NotSignedIn
        | ErrorCode::CredentialsWrong
        | ErrorCode::ReauthenticationNeeded
        | ErrorCode::AccessTokenInvalid => StatusCode::UNAUTHORIZED,
        ErrorCode::ProviderUnknown
        | ErrorCode::PasswordsOff
        | ErrorCode::SelfRegistrationOff
        | ErrorCode::SetupClosed
        | ErrorCode::AccountUnknown
        | ErrorCode::AccessTokenUnknown
        | ErrorCode::ServiceUnknown
        | ErrorCode::IdentityUnknown => StatusCode::NOT_FOUND,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::PasswordLength
        | ErrorCode::PasswordCommon
        | ErrorCode::PasswordPersonal
        | ErrorCode::PasswordGuessable
        | ErrorCode::PasswordUnchanged
        | ErrorCode::AccessTokenMalformed
        | ErrorCode::ServiceInvalid
        | ErrorCode::UsernameMalformed => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::NameTaken
        | ErrorCode::LastAdministrator
        | ErrorCode::TooManyGroups
        | ErrorCode::TooManyAccessTokens
        | ErrorCode::LastCredential
        | ErrorCode::AnotherSession
        | ErrorCode::TermsChanged
        | ErrorCode::ServiceConfigured
        | ErrorCode::DefinitionChanged
        | ErrorCode::ServicesChanged
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
        | ErrorCode::ProofNeeded
        | ErrorCode::NotAuthenticatedAnew
        | ErrorCode::AnotherPerson
        | ErrorCode::CsrfFailed
        | ErrorCode::InsufficientScope
        | ErrorCode::TermsDue
        | ErrorCode::NotPermitted
        | ErrorCode::TargetRefused => StatusCode::FORBIDDEN,
        ErrorCode::RequestRefused
        | ErrorCode::ClientRejected
        | ErrorCode::TokenResponseInvalid
        | ErrorCode::IdTokenInvalid
        | ErrorCode::UserinfoInvalid => StatusCode::BAD_GATEWAY,
        ErrorCode::ProviderUnavailable
        | ErrorCode::ProviderBusy
        | ErrorCode::Busy
        | ErrorCode::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::ProviderMisconfigured | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The address at which a person signs in and comes back: for scripts, and for a proxy that takes the status alone.
pub(crate) const SIGN_IN: HeaderName = HeaderName::from_static("x-labgate-sign-in");

/// The address at which a person accepts the terms of service and comes back.
const TERMS: HeaderName = HeaderName::from_static("x-labgate-terms");

/// An error on its way to the client. A handler returns it; [`Failure::render`] writes it out for its
/// audience.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    /// Says whether a sign-in at a provider failed, for the page's heading.
    is_sign_in: bool,
    /// The reference under which it is in the log already, if it is.
    pub(crate) reference: Option<Reference>,
    /// The cause, for the log alone.
    reason: Option<NotSignedIn>,
    explanation: Option<&'static str>,
    ways: Box<[Way]>,
    lists_all: bool,
    /// The text for the place in the sentence: the seconds to wait, or the reason that a service is not valid.
    value: Option<Box<str>>,
    /// The headers beside it: `Allow`, `Retry-After`, `Set-Cookie`.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Seconds until a full queue of passwords has moved on. Guesses at a name take its places for a moment only,
/// for then the rate limit refuses them: its owner, coming back, gets a turn.
const BUSY_FOR: u64 = 2;

impl Failure {
    fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            is_sign_in: false,
            reference: None,
            reason: None,
            explanation: None,
            ways: Box::default(),
            lists_all: false,
            value: None,
            headers: match status {
                StatusCode::SERVICE_UNAVAILABLE => retry_after(30),
                StatusCode::TOO_MANY_REQUESTS => retry_after(1),
                _ => Vec::new(),
            },
        }
    }

    fn coded(code: ErrorCode) -> Self {
        let mut failure = Self::new(status_of(code), code.as_str());
        match code {
            ErrorCode::Busy => failure.headers = retry_after(BUSY_FOR),
            // RFC 6750 section 3.1.
            ErrorCode::AccessTokenInvalid => {
                failure.headers = challenge("Bearer error=\"invalid_token\"");
            }
            ErrorCode::InsufficientScope => {
                failure.headers = challenge("Bearer error=\"insufficient_scope\"");
            }
            _ => {}
        }
        failure
    }

    /// The request has no session.
    pub(crate) fn not_signed_in(reason: Option<NotSignedIn>) -> Self {
        let ways = [Way::to_sign_in(Label::SignInAgain, &ReturnTo::main_page())];
        Self { ways: ways.into(), reason, ..Self::coded(ErrorCode::NotSignedIn) }
    }

    /// Returns whether it says that the request has no session.
    pub(crate) fn is_not_signed_in(&self) -> bool {
        self.code == ErrorCode::NotSignedIn.as_str()
    }

    /// Returns whether it says that the person has yet to accept the terms of service.
    pub(crate) fn is_terms_due(&self) -> bool {
        self.code == ErrorCode::TermsDue.as_str()
    }

    /// Returns whether it says that another administrator changed the service meanwhile.
    pub(crate) fn is_definition_changed(&self) -> bool {
        self.code == ErrorCode::DefinitionChanged.as_str()
    }

    /// Returns whether another input would not help, so that a form need not be shown again.
    pub(crate) fn is_final(&self) -> bool {
        self.status == StatusCode::FORBIDDEN && self.code != ErrorCode::ProofNeeded.as_str()
    }

    /// The answer is not known because the database does not answer. The cause is in the log already.
    pub(crate) fn store_unavailable() -> Self {
        Self { reason: Some(NotSignedIn::Unavailable), ..Self::coded(ErrorCode::StoreUnavailable) }
    }

    /// An error of ours, which the caller has logged under this reference.
    pub(crate) fn internal(reference: Reference) -> Self {
        Self { reference: Some(reference), ..Self::coded(ErrorCode::Internal) }
    }

    /// What is asked for cannot be told, or no service has it; the cause is in the log under this reference.
    pub(crate) fn target_refused(reference: Reference) -> Self {
        Self { reference: Some(reference), ..Self::coded(ErrorCode::TargetRefused) }
    }

    /// What an administrator wrote is no service, for this reason.
    pub(crate) fn service_invalid(reason: String) -> Self {
        Self { value: Some(reason.into()), ..Self::coded(ErrorCode::ServiceInvalid) }
    }

    /// A check with a query: what it asks for would be passed over.
    pub(crate) fn query_refused() -> Self {
        Self { status: StatusCode::FORBIDDEN, ..HttpErrorCode::BadRequest.into() }
    }

    /// The same, with these headers.
    pub(crate) fn with_headers(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The same, asking for an access token (RFC 6750 section 3, RFC 7617 section 2). A browser is not asked for a
    /// password: it would ask its person in a window of its own.
    pub(crate) fn asking_for_token(mut self, is_from_browser: bool) -> Self {
        let schemes = if is_from_browser {
            "Bearer realm=\"Labgate\""
        } else {
            "Bearer realm=\"Labgate\", Basic realm=\"Labgate\""
        };
        // One challenge for this scheme.
        self.headers.retain(|(_, value)| !value.as_bytes().starts_with(b"Bearer"));
        self.headers.extend(challenge(schemes));
        self
    }

    /// The same, with the address at which the person signs in.
    pub(crate) fn leading_to(self, sign_in: &str) -> Self {
        let way = Way { href: Href::Whole(sign_in.to_owned()), label: Label::SignInAgain };
        Self { ways: [way].into(), ..self }
    }

    /// The same, with the address at which the person accepts the terms of service, unless it has one.
    pub(crate) fn with_terms_page(self, url: &str) -> Self {
        if self.headers.iter().any(|(name, _)| *name == TERMS) {
            return self;
        }
        // The address is visible ASCII by construction.
        let header = HeaderValue::from_str(url).unwrap_or(HeaderValue::from_static(""));
        let way = Way { href: Href::Whole(url.to_owned()), label: Label::Terms };
        Self { ways: [way].into(), ..self.with_headers([(TERMS, header)]) }
    }

    /// The path answers to these methods only (RFC 9110 section 15.5.6).
    pub(crate) fn not_allowed(methods: &[&Method]) -> Self {
        let methods: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
        let mut failure = Self::from(HttpErrorCode::MethodNotAllowed);
        failure.headers.extend(HeaderValue::from_str(&methods.join(", ")).map(|allow| (ALLOW, allow)));
        failure
    }

    /// The same, with cookies that always fit: removed ones and turns.
    pub(crate) fn with_cookies(
        mut self,
        cookies: impl IntoIterator<Item = Result<HeaderValue, UnfitCookie>>,
    ) -> Self {
        self.headers.extend(cookies.into_iter().flatten().map(|cookie| (SET_COOKIE, cookie)));
        self
    }

    /// The same, of a sign-in at a provider.
    pub(crate) fn of_sign_in(self) -> Self {
        Self { is_sign_in: true, ..self }
    }

    /// The same, with a way back to the choice.
    pub(crate) fn leading_to_other_ways(self, return_to: &ReturnTo) -> Self {
        Self { ways: [Way::to_sign_in(Label::OtherWays, return_to)].into(), ..self }
    }

    /// The same, with every way of signing in that there is.
    pub(crate) fn leading_to_each_of(self, ways: Vec<Way>) -> Self {
        Self { ways: ways.into(), lists_all: true, ..self }
    }

    /// Returns the code and the cause, for the log.
    pub(crate) fn cause(&self) -> (&'static str, Option<String>) {
        (
            self.code,
            self.reason
                .as_ref()
                .map(ToString::to_string)
                .or_else(|| self.value.as_deref().map(str::to_owned)),
        )
    }

    /// Builds an answer that carries this failure and nothing else yet.
    pub(crate) fn into_response(self) -> Response {
        let mut response = status(self.status);
        response.extensions_mut().insert(self);
        response
    }

    /// Writes the failure out: a page for a person, `application/problem+json` (RFC 9457) for a program.
    pub(crate) fn render(self, reference: &Reference, audience: Audience, t: &Site) -> Response {
        #[derive(Serialize)]
        struct ProblemDocument<'a> {
            title: &'a str,
            status: u16,
            code: &'a str,
            reference: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            sign_in: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            terms: Option<&'a str>,
        }
        let header = |wanted: &HeaderName| {
            self.headers.iter().find(|(name, _)| name == wanted).and_then(|it| it.1.to_str().ok())
        };
        let (message, reference) = (&*self.message(t), reference.as_str());
        let mut response = match audience {
            Audience::Person => content_security::with_style(reply::page(&ErrorPage {
                t,
                heading: if self.is_sign_in { &t.error.sign_in_failed } else { &t.error.request_failed },
                message,
                code: self.code,
                reference,
                explanation: self.explanation,
                ways: &self.ways,
                lists_all: self.lists_all,
            })),
            Audience::Program => reply::json_as(
                "application/problem+json",
                &ProblemDocument {
                    title: message,
                    status: self.status.as_u16(),
                    code: self.code,
                    reference,
                    sign_in: header(&SIGN_IN),
                    terms: header(&TERMS),
                },
            ),
        };
        self.head(&mut response);
        response
    }

    /// Returns the sentence for a person.
    pub(crate) fn message<'a>(&self, t: &'a Texts) -> Cow<'a, str> {
        let sentence = t.error(self.code);
        let place =
            sentence.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?.1)));
        match (&self.value, place) {
            (Some(value), Some((before, after))) => format!("{before}{value}{after}").into(),
            _ => sentence.into(),
        }
    }

    /// Sets the status and the headers of a response.
    pub(crate) fn head(self, response: &mut Response) {
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
    }
}

impl From<HttpErrorCode> for Failure {
    fn from(code: HttpErrorCode) -> Self {
        let (code, status) = code.told();
        Self::new(status, code)
    }
}

/// Not knowing is no statement about the session.
impl From<NotSignedIn> for Failure {
    fn from(reason: NotSignedIn) -> Self {
        match reason {
            NotSignedIn::Unavailable => Self::store_unavailable(),
            NotSignedIn::TermsDue => Self { reason: Some(reason), ..Self::coded(ErrorCode::TermsDue) },
            reason => Self::not_signed_in(Some(reason)),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.error.code();
        // Trying again is no use where an operator has to mend something first.
        let try_again = code.responsible() != Responsible::Operator
            && !matches!(code, ErrorCode::CsrfFailed | ErrorCode::NotAdministrator | ErrorCode::TermsDue);
        let mut failure = Self::coded(code);
        if let SignInError::Password(PasswordError::TooManyAttempts { retry_after: wait, .. }) = refusal.error
        {
            let seconds = wait.as_secs().max(1);
            failure.headers = retry_after(seconds);
            failure.value = Some(seconds.to_string().into());
        }
        if let SignInError::Service(ServiceError::Invalid(reason)) = refusal.error {
            failure.value = Some(reason.into());
        }
        Self {
            reference: Some(refusal.reference),
            explanation: refusal.explanation,
            ways: try_again
                .then(|| Way::to_sign_in(Label::SignInAgain, &refusal.return_to))
                .into_iter()
                .collect(),
            ..failure
        }
    }
}

fn challenge(challenge: &'static str) -> Vec<(HeaderName, HeaderValue)> {
    vec![(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))]
}

fn retry_after(seconds: u64) -> Vec<(HeaderName, HeaderValue)> {
    vec![(RETRY_AFTER, HeaderValue::from(seconds))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f03_a_full_queue_of_passwords_asks_for_a_shorter_wait_than_a_failure() {
        let wait = |code| Failure::coded(code).headers;
        assert_eq!(wait(ErrorCode::Busy), retry_after(2));
        assert_eq!(wait(ErrorCode::StoreUnavailable), retry_after(30));
    }
}
