use url::Url;

use super::Malformed;
use crate::text::readable_text;

/// The `client_id` of this lab at a provider (RFC 6749 section 2.2), byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// The longest accepted client id, in bytes.
    pub const MAX_LEN: usize = 512;

    /// Parses a client id as registered.
    ///
    /// # Errors
    /// When it is empty, too long, or has a control character.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let well_formed =
            !value.is_empty() && value.len() <= Self::MAX_LEN && !value.chars().any(char::is_control);
        if well_formed { Ok(Self(value.to_owned())) } else { Err(Malformed("client_id")) }
    }
}

readable_text!(ClientId);

/// The `redirect_uri` (RFC 6749 section 3.1.2): compared byte for byte (RFC 9700 section 2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Parses a redirect URI as registered.
    ///
    /// # Errors
    /// When it is not an absolute http(s) URL, or carries a fragment.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let refused = Malformed("redirect_uri");
        let url = Url::parse(value).map_err(|_| refused)?;
        let plain = matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none();
        let well_formed = plain && value.len() <= 2048 && value.bytes().all(|byte| byte.is_ascii_graphic());
        well_formed.then(|| Self(value.to_owned())).ok_or(refused)
    }
}

readable_text!(RedirectUri);
