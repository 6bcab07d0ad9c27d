use std::fmt;

use percent_encoding::{AsciiSet, utf8_percent_encode};

use crate::text::is_invisible;

/// What a request asks for, as the proxy that holds it says: host, path with query, and method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    host: String,
    path: String,
    query: Option<String>,
    method: String,
}

/// The reason that a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitTarget {
    /// Not a host, or several.
    #[error("the host is not one host name, with or without a port")]
    Host,
    /// Not an absolute path, or it has a character that no request line can have.
    #[error("the path is not an absolute path without blanks, control characters and \"#\"")]
    Path,
    /// Not a method.
    #[error("the method is not one")]
    Method,
    /// Not an absolute http or https URL.
    #[error("the URL is not an absolute http or https URL")]
    Url,
}

impl Target {
    /// The method of a request whose method is not known. A rule by method cannot be judged for it.
    pub const UNSAID: &str = "";

    /// The longest path with its query, in bytes.
    pub const MAX_LEN: usize = 8 * 1024;

    /// Takes a target from what a proxy says: the request's host, its path with query as it stood in the
    /// request line, and its method or [`Target::UNSAID`].
    ///
    /// # Errors
    /// When one of them is not what it should be.
    pub fn new(host: &str, path_and_query: &str, method: &str) -> Result<Self, UnfitTarget> {
        let host = host_name(host).ok_or(UnfitTarget::Host)?;
        let odd = |c: char| c.is_ascii_control() || c == ' ' || c == '#';
        if !path_and_query.starts_with('/')
            || path_and_query.len() > Self::MAX_LEN
            || path_and_query.contains(odd)
        {
            return Err(UnfitTarget::Path);
        }
        // Some proxies pass on what a client sent undecoded beyond ASCII.
        let text = utf8_percent_encode(path_and_query, BEYOND_ASCII).to_string();
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (text, None),
        };
        let target = Self { host, path, query, method: String::new() };
        if method == Self::UNSAID { Ok(target) } else { target.with_method(method) }
    }

    /// Takes a target from a whole URL.
    ///
    /// # Errors
    /// When it is no absolute http(s) URL, or a part is not what it should be.
    pub fn from_url(url: &str, method: &str) -> Result<Self, UnfitTarget> {
        let rest = ["https://", "http://"].iter().find_map(|scheme| {
            let (start, rest) = url.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        });
        let rest = rest.ok_or(UnfitTarget::Url)?;
        let (host, path) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
        Self::new(host, if path.is_empty() { "/" } else { path }, method)
    }

    /// Returns the host: lower case, without port and without a dot at the end.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the path, undecoded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the query, undecoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Returns the method; empty if it is not known.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the same with this method.
    ///
    /// # Errors
    /// When it is not a method.
    pub fn with_method(self, method: &str) -> Result<Self, UnfitTarget> {
        let fits = (1..=32).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if fits { Ok(Self { method: method.to_owned(), ..self }) } else { Err(UnfitTarget::Method) }
    }

    /// Returns the path with its query, to lead a person back to it.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Returns the decoded path if every proxy and every service reads it alike. The query is no part of it.
    #[must_use]
    pub fn plain_path(&self) -> Option<String> {
        let lower = self.path.to_ascii_lowercase();
        if lower.contains("%2f") || lower.contains("%5c") {
            return None;
        }
        let decode =
            |path: &str| percent_encoding::percent_decode_str(path).decode_utf8().ok().map(String::from);
        let path = decode(&self.path)?;
        // A service may decode once more: it must read the same.
        let again = decode(&path)?;
        (again == path && is_plain_path(&path)).then_some(path)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.host, self.path)
    }
}

/// Bytes beyond ASCII are encoded whatever the set.
const BEYOND_ASCII: &AsciiSet = &AsciiSet::EMPTY;

/// Returns the name in a `Host`: lower case, without port and without a dot at the end.
#[must_use]
pub fn host_name(host: &str) -> Option<String> {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address: std::net::Ipv6Addr = address.parse().ok()?;
            return is_port(port).then(|| format!("[{address}]"));
        }
        None => match host.split_once(':') {
            Some((name, port)) => is_port(&format!(":{port}")).then_some(name)?,
            None => host,
        },
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits =
        (1..=253).contains(&name.len()) && name.bytes().all(allowed) && !name.split('.').any(str::is_empty);
    fits.then(|| name.to_ascii_lowercase())
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'))
}

/// Returns whether a decoded path has one reading: one slash before each segment, no dot segment, no
/// character at which a proxy or a service might cut it, or that looks like another.
pub(super) fn is_plain_path(path: &str) -> bool {
    let strange = |c: char| {
        matches!(c, '\\' | ';' | '#' | '?' | '／' | '＼' | '．' | '。' | '｡' | '∕' | '⁄' | '⧸' | '﹨')
            || c.is_control()
            || is_invisible(c)
    };
    let Some(rest) = path.strip_prefix('/') else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let odd = |segment: &str| matches!(segment.trim_matches(' '), "" | "." | "..");
    !path.contains(strange) && (path == "/" || !rest.split('/').any(odd))
}
