//! The parameters that an operator adds to each authorization request.

use std::time::Duration;

use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::AuthorizationRequest;
use labgate_domain::time::Timestamp;
use serde_json::{Map, Value};

use crate::ensure::ensure;
use crate::jwt::{LEEWAY, numeric_date};

/// The most parameters, and the most bytes of one.
const MAX_PARAMETERS: usize = 16;
const MAX_LEN: usize = 512;

/// Further parameters of the authorization request, such as `prompt`, `max_age` and `acr_values` (OpenID
/// Connect Core section 3.1.2.1), each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuthorizationParameters {
    all: Vec<(String, String)>,
    max_age: Option<Duration>,
}

impl AuthorizationParameters {
    /// Takes parameters in the form `name=value`.
    pub(crate) fn parse(pairs: &[String]) -> Result<Self, String> {
        let mut parameters = Self::default();
        for pair in pairs {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| format!("has {pair:?}, which is not name=value"))?;
            parameters.add(name, value)?;
        }
        ensure(parameters.all.len() <= MAX_PARAMETERS, format!("has more than {MAX_PARAMETERS} parameters"))?;
        Ok(parameters)
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        let is_text = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        let fits = is_text(name) && is_text(value) && name.len() + value.len() <= MAX_LEN;
        ensure(fits, format!("has {name:?}, which is empty, too long, or has a control character"))?;
        let is_own = AuthorizationRequest::reserves(name);
        ensure(!is_own, format!("has {name:?}, which Labgate sets itself: leave it out"))?;
        ensure(self.get(name).is_none(), format!("has {name:?} twice"))?;
        if name == "max_age" {
            let seconds =
                value.parse().map_err(|_| "has max_age, which is not a number of seconds".to_owned());
            self.max_age = Some(Duration::from_secs(seconds?));
        }
        self.all.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.all.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All of them, in the order in which they were set, and `further` ones that they do not name.
    pub(crate) fn with(&self, further: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
        let further = further.into_iter().filter(|(name, _)| self.get(name).is_none());
        self.all.iter().cloned().chain(further).collect()
    }

    /// Checks that the ID token of a sign-in says what was asked for: an authentication no longer ago than
    /// `max_age`, and one of the `acr_values` (OpenID Connect Core section 3.1.3.7).
    pub(crate) fn check(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), IdTokenFault> {
        if let Some(max_age) = self.max_age {
            let stated = claims.get("auth_time").and_then(numeric_date);
            let is_recent = |at| at <= now.plus(LEEWAY) && at >= now.minus(max_age).minus(LEEWAY);
            ensure(stated.is_some_and(is_recent), IdTokenFault::AuthenticationTime)?;
        }
        if let Some(asked) = self.get("acr_values") {
            let stated = claims.get("acr").and_then(Value::as_str);
            let is_asked = |acr: &str| asked.split_ascii_whitespace().any(|value| value == acr);
            ensure(stated.is_some_and(is_asked), IdTokenFault::AuthenticationContext)?;
        }
        Ok(())
    }
}
