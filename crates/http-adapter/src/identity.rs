//! The headers that tell a service who asks.

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use labgate_domain::access::{HeaderEncoding, IdentityHeaders, Service};
use labgate_domain::session::{Assertion, SessionPerson};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The header of the assertion.
pub const ASSERTION: HeaderName = HeaderName::from_static("x-labgate-assertion");

/// The names of the headers for username, address, name and groups.
pub type Names = [HeaderName; 4];

const REMOTE: Names = [
    HeaderName::from_static("remote-user"),
    HeaderName::from_static("remote-email"),
    HeaderName::from_static("remote-name"),
    HeaderName::from_static("remote-groups"),
];

const X_AUTH_REQUEST: Names = [
    HeaderName::from_static("x-auth-request-user"),
    HeaderName::from_static("x-auth-request-email"),
    HeaderName::from_static("x-auth-request-preferred-username"),
    HeaderName::from_static("x-auth-request-groups"),
];

/// Returns the names of the headers for username, address, name and groups, if there are any.
#[must_use]
pub fn person_headers(words: IdentityHeaders) -> Option<Names> {
    match words {
        IdentityHeaders::Remote => Some(REMOTE),
        IdentityHeaders::XAuthRequest => Some(X_AUTH_REQUEST),
        IdentityHeaders::None => None,
    }
}

/// Returns the names of all headers that can tell a service who asks.
pub fn identity_headers() -> impl Iterator<Item = HeaderName> {
    REMOTE.into_iter().chain(X_AUTH_REQUEST).chain([ASSERTION, AUTHORIZATION])
}

/// A comma would part a group in two, and a percent sign must be told from an encoded one.
const GROUP: &AsciiSet = &CONTROLS.add(b',').add(b'%');
const VALUE: &AsciiSet = &CONTROLS.add(b'%');

/// Adds the headers that tell the service who asks. A value that is not known is an empty header and never none:
/// the proxy's copy of it then takes the place of whatever the client sent.
pub(crate) fn tell(
    headers: &mut HeaderMap,
    service: &Service,
    person: &SessionPerson,
    words: IdentityHeaders,
    assertion: Option<&Assertion>,
) {
    if let Some([user, email, name, groups]) = person_headers(words) {
        let encoding = service.identity.encoding;
        let username = person.username.as_str();
        // oauth2-proxy's words have the username where Authelia's have the name.
        let shown = match words {
            IdentityHeaders::XAuthRequest => username,
            _ => person.name.as_ref().map_or(username, |name| name.as_str()),
        };
        let joined = service.groups_of(person).into_iter().map(|group| encoded(group, encoding, GROUP));
        headers.insert(user, value(username, encoding));
        headers.insert(email, value(person.email.as_ref().map_or("", |email| email.as_str()), encoding));
        headers.insert(name, value(shown, encoding));
        headers.insert(groups, raw(&joined.collect::<Vec<_>>().join(",")));
    }
    if let Some(assertion) = assertion {
        for (name, text) in [
            (ASSERTION, assertion.expose().to_owned()),
            (AUTHORIZATION, format!("Bearer {}", assertion.expose())),
        ] {
            let mut value = raw(&text);
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
}

/// Returns a username, an address or a name as the value of its header.
#[must_use]
pub fn value(text: &str, encoding: HeaderEncoding) -> HeaderValue {
    match encoding {
        HeaderEncoding::Utf8 => raw(text),
        HeaderEncoding::Percent => raw(&encoded(text, encoding, VALUE)),
    }
}

/// Percent-encodes control characters and those of the set, and beyond ASCII what the encoding says.
fn encoded(text: &str, encoding: HeaderEncoding, set: &'static AsciiSet) -> String {
    let is_plain = |c: char| !c.is_ascii() && encoding == HeaderEncoding::Utf8;
    let mut all = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            all.push(c);
        } else {
            all.extend(utf8_percent_encode(c.encode_utf8(&mut [0; 4]), set));
        }
    }
    all
}

/// Returns the bytes as a header's value. Names, addresses and groups have no control characters; a value that
/// had one would be left empty, and never cut.
fn raw(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests;
