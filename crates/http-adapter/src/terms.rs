//! The terms of service of a lab.

use url::Url;

use crate::paths;

/// The terms of service of a lab, for people to read. Pages lead to them where people sign in and register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// A page elsewhere.
    Link(Url),
    /// A text, which the lab shows at [`paths::TERMS_PAGE`].
    Text(String),
}

impl Terms {
    /// Returns the address that pages lead to.
    pub(crate) fn href(&self) -> &str {
        match self {
            Self::Link(url) => url.as_str(),
            Self::Text(_) => paths::TERMS_PAGE,
        }
    }
}
