use url::form_urlencoded;

use super::{AuthorizationCode, AuthorizationErrorCode, State};
use crate::ForeignText;

/// The response at the redirect URI (RFC 6749 sections 4.1.2 and 4.1.2.1), with the issuer of RFC 9207.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// The `state` of the attempt that this answers.
    pub state: State,
    /// The `iss` parameter, exactly as sent: it is only compared with a known issuer.
    pub issuer: Option<String>,
    /// The code or the error.
    pub outcome: AuthorizationOutcome,
}

/// The two results of an authorization request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationOutcome {
    /// The person signed in.
    Code(AuthorizationCode),
    /// The person did not sign in.
    Error {
        /// The error code.
        code: AuthorizationErrorCode,
        /// The provider's description of it.
        description: Option<ForeignText>,
    },
}

/// The reason that a query is not an [`AuthorizationResponse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedResponse {
    /// The query is longer than [`AuthorizationResponse::MAX_QUERY_LEN`].
    #[error("the response is too long")]
    TooLong,
    /// A parameter is duplicate.
    #[error("the parameter {0} is there twice")]
    Duplicate(&'static str),
    /// There is no `state`, so the response answers no request of ours.
    #[error("the parameter state is missing")]
    MissingState,
    /// A parameter is malformed.
    #[error("the parameter {0} is malformed")]
    Malformed(&'static str),
    /// Both a code and an error.
    #[error("both a code and an error")]
    CodeAndError,
    /// Neither a code nor an error.
    #[error("neither a code nor an error")]
    Empty,
}

impl AuthorizationResponse {
    /// The longest accepted query, in bytes.
    pub const MAX_QUERY_LEN: usize = 32 * 1024;

    /// Parses the response from the callback's query. Unknown parameters are ignored (RFC 6749 section
    /// 4.1.2).
    ///
    /// # Errors
    /// See [`MalformedResponse`].
    pub fn from_query(query: &str) -> Result<Self, MalformedResponse> {
        if query.len() > Self::MAX_QUERY_LEN {
            return Err(MalformedResponse::TooLong);
        }
        let (mut code, mut state, mut issuer, mut error, mut description) = (None, None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (slot, name) = match &*name {
                "code" => (&mut code, "code"),
                "state" => (&mut state, "state"),
                "iss" => (&mut issuer, "iss"),
                "error" => (&mut error, "error"),
                "error_description" => (&mut description, "error_description"),
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(MalformedResponse::Duplicate(name));
            }
        }

        let state = state.filter(|state| !state.is_empty()).ok_or(MalformedResponse::MissingState)?;
        let state = State::parse(&state).map_err(|_| MalformedResponse::Malformed("state"))?;
        let outcome = match (code, error) {
            (Some(_), Some(_)) => return Err(MalformedResponse::CodeAndError),
            (None, None) => return Err(MalformedResponse::Empty),
            (Some(code), None) => AuthorizationOutcome::Code(
                AuthorizationCode::parse(&code).map_err(|_| MalformedResponse::Malformed("code"))?,
            ),
            (None, Some(error)) => AuthorizationOutcome::Error {
                code: AuthorizationErrorCode::parse(&error),
                description: description.map(|text| ForeignText::new(&text)),
            },
        };
        Ok(Self { state, issuer, outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<AuthorizationResponse, MalformedResponse> {
        AuthorizationResponse::from_query(query)
    }

    #[test]
    fn values_are_decoded() {
        let response = AuthorizationResponse {
            state: State::parse("a b&c").unwrap(),
            issuer: Some("https://op.example".to_owned()),
            outcome: AuthorizationOutcome::Code(AuthorizationCode::parse("c/+=").unwrap()),
        };
        let query = "code=c%2F%2B%3D&state=a+b%26c&iss=https%3A%2F%2Fop.example";
        assert_eq!(parse(query), Ok(response));
    }

    #[test]
    fn c023_a_missing_or_empty_state_is_refused() {
        assert_eq!(parse("code=c"), Err(MalformedResponse::MissingState));
        assert_eq!(parse("code=c&state="), Err(MalformedResponse::MissingState));
    }

    #[test]
    fn c030_duplicates_are_refused() {
        for name in ["code", "state", "iss", "error"] {
            let query = format!("state=s&code=c&iss=i&{name}=x&{name}=y");
            assert_eq!(parse(&query), Err(MalformedResponse::Duplicate(name)));
        }
        assert_eq!(parse("state=s&code=c&error=e"), Err(MalformedResponse::CodeAndError));
        assert_eq!(parse("state=s"), Err(MalformedResponse::Empty));
    }

    #[test]
    fn c031_unknown_parameters_are_ignored() {
        assert!(parse("state=s&code=c&session_state=1&session_state=2&authuser=0&scope=openid").is_ok());
    }

    #[test]
    fn c032_long_and_odd_values_are_refused_before_work() {
        assert_eq!(
            parse(&format!("state=s&code={}", "c".repeat(16_385))),
            Err(MalformedResponse::Malformed("code"))
        );
        assert_eq!(parse("state=s%00&code=c"), Err(MalformedResponse::Malformed("state")));
        assert_eq!(parse("state=s&code=%ff%fe"), Err(MalformedResponse::Malformed("code")));
        assert_eq!(parse(&"x".repeat(40_000)), Err(MalformedResponse::TooLong));
    }

    #[test]
    fn f21_a_code_of_sixteen_kib_is_accepted() {
        for length in [4097, AuthorizationCode::MAX_LEN] {
            let response = parse(&format!("state=s&code={}", "c".repeat(length))).unwrap();
            let AuthorizationOutcome::Code(code) = response.outcome else { panic!("not a code") };
            assert_eq!(code.as_str().len(), length);
        }
    }

    #[test]
    fn c036_an_unknown_error_is_kept_as_clean_text() {
        let response = parse("state=s&error=x%0d%0ay&error_description=%3Cb%3E").unwrap();
        let AuthorizationOutcome::Error { code, .. } = response.outcome else { panic!("not an error") };
        assert_eq!(code.as_str(), "x  y");
    }
}
