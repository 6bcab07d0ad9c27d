//! The terms of service of a lab.

use std::borrow::Cow;

use url::Url;

use crate::paths;
use crate::site::Site;

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
    pub(crate) fn href(&self, site: &Site) -> Cow<'_, str> {
        match self {
            Self::Link(url) => url.as_str().into(),
            Self::Text(_) => site.at(paths::TERMS_PAGE).into(),
        }
    }
}
