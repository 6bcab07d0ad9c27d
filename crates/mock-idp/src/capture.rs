use std::fmt;

use bytes::Bytes;
use http::{Method, Request};
use url::form_urlencoded;

/// A request that reached the mock, for assertions such as "the code was not sent".
///
/// Its `Debug` shows the names of the parameters without their values.
#[derive(Clone, PartialEq, Eq)]
pub struct CapturedRequest {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

impl CapturedRequest {
    pub(crate) fn of(request: &Request<Bytes>) -> Self {
        let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect();
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: pairs(request.uri().query().unwrap_or_default().as_bytes()),
            form: if request.method() == Method::POST { pairs(request.body()) } else { Vec::new() },
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, with the issuer's own in front: `/realms/lab/token`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The parameters of the query, in order.
    #[must_use]
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// The parameters of the posted form, in order.
    #[must_use]
    pub fn form(&self) -> &[(String, String)] {
        &self.form
    }

    /// The first value of a parameter, in the query or in the form.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().chain(&self.form).find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for CapturedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| {
            pairs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        write!(f, "{} {} query({}) form({})", self.method, self.path, names(&self.query), names(&self.form))
    }
}
