use std::fmt;

use serde::{Deserialize, Serialize};

use super::EmailAddress;
use crate::protocol::Malformed;

/// What a person is called when signing in. For whoever comes from an external provider it is the e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(String);

impl Username {
    /// Takes a username from the store or a token.
    ///
    /// # Errors
    /// When it is not a canonical e-mail address. (Local names come with password sign-in.)
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        match EmailAddress::parse(value) {
            Ok(address) if address.as_str() == value => Ok(Self(value.to_owned())),
            _ => Err(Malformed("username")),
        }
    }

    /// The username.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&EmailAddress> for Username {
    fn from(address: &EmailAddress) -> Self {
        Self(address.as_str().to_owned())
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Username {
    type Error = Malformed;

    fn try_from(value: String) -> Result<Self, Malformed> {
        Self::parse(&value)
    }
}

impl From<Username> for String {
    fn from(username: Username) -> Self {
        username.0
    }
}
