use http::HeaderMap;
use http::header::AUTHORIZATION;
use url::form_urlencoded;

/// The parameters of a query or of a form, in the order in which they came.
pub(crate) struct Parameters(Vec<(String, String)>);

/// A parameter that came twice (RFC 6749 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parameter {0} is there twice")]
pub(crate) struct Duplicate(pub(crate) &'static str);

impl Parameters {
    pub(crate) fn parse(text: impl AsRef<[u8]>) -> Self {
        Self(form_urlencoded::parse(text.as_ref()).into_owned().collect())
    }

    /// The parameter of this name, if it came and is not empty.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<&str>, Duplicate> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Duplicate(name)),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// All of them.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first parameter of this name: for the mock's own forms, where a second one has no effect.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }
}

/// Adds parameters to a URI, which stays as it is in front of them.
pub(crate) fn with_query<'a>(uri: &str, parameters: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    match query.as_str() {
        "" => uri.to_owned(),
        query if uri.contains('?') => format!("{uri}&{query}"),
        query => format!("{uri}?{query}"),
    }
}

/// Returns the access token of a request (RFC 6750 section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim())
}
