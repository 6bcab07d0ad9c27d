use std::collections::BTreeSet;

use serde::Serialize;
use url::Url;

use super::condition::Condition;
use super::rule::Rules;
use super::target::is_plain_path;
use crate::protocol::Malformed;
use crate::session::SessionPerson;
use crate::text::{named, readable_text};

/// The name of a service in URLs, in the configuration and as the audience of assertions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ServiceId(String);

readable_text!(ServiceId);

impl ServiceId {
    /// Parses an id.
    ///
    /// # Errors
    /// When it is not 1 to 40 lower-case letters, digits and hyphens, beginning with a letter.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=40).contains(&value.len())
            && value.bytes().all(allowed)
            && value.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        fits.then(|| Self(value.to_owned())).ok_or(Malformed("service id"))
    }
}

/// The address of a service: an origin of its own, or a path of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl {
    origin: String,
    host: String,
    /// Without a slash at the end; the whole origin is empty.
    path: String,
}

impl ServiceUrl {
    /// Parses the address of a service.
    ///
    /// # Errors
    /// When it is not an absolute http(s) URL of an origin and a plain path.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let refused = Malformed("service URL");
        let url = Url::parse(value).map_err(|_| refused)?;
        let host = url.host_str().ok_or(refused)?.trim_end_matches('.').to_ascii_lowercase();
        let path = url.path();
        let bare = matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        // What the URL parser has tidied up was not plain.
        let rest = value.split_once("://").map_or("", |(_, rest)| rest);
        let written = rest.find('/').map_or("/", |slash| rest.get(slash..).unwrap_or_default());
        let as_written = written == path;
        if !bare || !as_written || host.is_empty() || path.contains('%') || !is_plain_path(path) {
            return Err(refused);
        }
        let path = path.strip_suffix('/').unwrap_or(path).to_owned();
        Ok(Self { origin: url.origin().ascii_serialization(), host, path })
    }

    /// Returns the origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether it is https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// Returns the host, without port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the path, without a slash at the end: empty for the whole origin.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns whether a path of its host is at or below it.
    pub(super) fn covers(&self, path: &str) -> bool {
        path.strip_prefix(&*self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl std::fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}/", self.origin, self.path)
    }
}

named! {
    /// The names of the headers that tell a service who asks.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum IdentityHeaders {
        /// `Remote-User`, `Remote-Email`, `Remote-Name`, `Remote-Groups`, as Authelia sends them.
        Remote = "remote",
        /// `X-Auth-Request-User`, `-Email`, `-Preferred-Username`, `-Groups`, as oauth2-proxy sends them.
        XAuthRequest = "x-auth-request",
        /// No header.
        None = "none",
    }
}

named! {
    /// The encoding of the values of identity headers.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum HeaderEncoding {
        /// The bytes of UTF-8.
        Utf8 = "utf-8",
        /// Percent-encoded UTF-8, for services that read headers as Latin-1.
        Percent = "percent",
    }
}

named! {
    /// Whether requests with access tokens pass, of those that a condition lets pass.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum TokenUse {
        /// They do not.
        #[default]
        No = "no",
        /// They do, beside those of browsers.
        Yes = "yes",
        /// They alone do.
        Only = "only",
    }
}

impl TokenUse {
    /// Returns who may pass by a condition, and whether by access token.
    pub(super) fn beside(self, condition: &Condition) -> String {
        let by = match self {
            Self::No => "",
            Self::Yes => ", also by access token",
            Self::Only => ", by access token alone",
        };
        format!("{condition}{by}")
    }
}

/// The groups that a service is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityGroups {
    /// All groups of the person.
    All,
    /// These groups, where the person is in them, beside those that the service's own conditions name.
    These(BTreeSet<String>),
}

/// What a service is told about the person who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The headers.
    pub headers: IdentityHeaders,
    /// Their encoding.
    pub encoding: HeaderEncoding,
    /// The groups.
    pub groups: IdentityGroups,
    /// Whether a signed assertion comes with them.
    pub assertion: bool,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            headers: IdentityHeaders::Remote,
            encoding: HeaderEncoding::Utf8,
            groups: IdentityGroups::These(BTreeSet::new()),
            assertion: true,
        }
    }
}

/// A part of the lab that is behind the forward-auth check: what people open, and what a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The id.
    pub id: ServiceId,
    /// The name that people read.
    pub name: String,
    /// The address.
    pub url: ServiceUrl,
    /// The text or emoji on its tile.
    pub icon: Option<String>,
    /// What it is, in one sentence.
    pub description: Option<String>,
    /// Who may use it where no rule says otherwise.
    pub condition: Condition,
    /// Whether it takes access tokens where no rule says otherwise.
    pub tokens: TokenUse,
    /// The rules, in their order.
    pub rules: Rules,
    /// What it is told about people.
    pub identity: Identity,
    /// Whether it runs code of its users, such as notebooks: a page of it may act for anybody who opens it,
    /// within its origin.
    pub runs_user_code: bool,
    /// Whether sign-out has the browser forget the cookies of its host, too, which browsers do for the whole
    /// registrable domain (Clear Site Data section 3.1.2).
    pub clears_cookies: bool,
}

impl Service {
    /// Describes a service at this address that every signed-in person may use, with the defaults of everything
    /// else.
    #[must_use]
    pub fn new(id: ServiceId, name: &str, url: ServiceUrl) -> Self {
        Self {
            id,
            name: name.to_owned(),
            url,
            icon: None,
            description: None,
            condition: Condition::default(),
            tokens: TokenUse::No,
            rules: Rules::default(),
            identity: Identity::default(),
            runs_user_code: false,
            clears_cookies: false,
        }
    }

    /// Returns the first character of the name, for a tile without an icon.
    #[must_use]
    pub fn initial(&self) -> &str {
        self.name
            .char_indices()
            .nth(1)
            .map_or(&*self.name, |(end, _)| self.name.get(..end).unwrap_or_default())
    }

    /// Returns who may use it where no rule says otherwise, as a sentence's object.
    #[must_use]
    pub fn allowed(&self) -> String {
        self.tokens.beside(&self.condition)
    }

    /// Returns whether it, or one of its rules, takes access tokens.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.tokens != TokenUse::No || self.rules.iter().any(|rule| rule.tokens != TokenUse::No)
    }

    /// Returns the groups of the person that the service is told of.
    #[must_use]
    pub fn groups_of<'p>(&self, person: &'p SessionPerson) -> Vec<&'p str> {
        let named = |group: &str| match &self.identity.groups {
            IdentityGroups::All => true,
            IdentityGroups::These(groups) => groups.contains(group),
        };
        person.groups.iter().map(String::as_str).filter(|group| named(group)).collect()
    }
}
