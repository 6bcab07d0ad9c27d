//! The body of a request, a form of one of our pages or JSON of a script in one, and the CSRF token of a
//! form.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use labgate_domain::session::SessionId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) enum Posted {
    /// Nothing.
    Nothing,
    /// `application/x-www-form-urlencoded`: any site's form can send it, so it must bring a CSRF token.
    Form(Fields),
    /// `application/json`: another site's script cannot send it without asking us first.
    Json(Fields),
    /// Something else, or something that cannot be read.
    Unreadable,
}

/// Named texts; passwords are among them, so they are never printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(HashMap<String, SecretString>);

impl Posted {
    pub(crate) fn read(method: &Method, headers: &HeaderMap, body: &Bytes) -> Self {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_form = media_type == "application/x-www-form-urlencoded";
        // What a tab posts comes from a form, and no other kind of form is ours: an empty one of another kind would
        // need no token.
        let navigates = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
        match media_type.as_str() {
            _ if method == Method::POST && navigates && !is_form => Self::Unreadable,
            _ if body.is_empty() && !is_form => Self::Nothing,
            "application/x-www-form-urlencoded" => Self::Form(Fields::encoded(body)),
            "application/json" => match serde_json::from_slice::<HashMap<String, Option<String>>>(body) {
                Ok(members) => {
                    let stated = members.into_iter().filter_map(|(name, value)| Some((name, value?.into())));
                    Self::Json(Fields(stated.collect()))
                }
                Err(_) => Self::Unreadable,
            },
            _ => Self::Unreadable,
        }
    }
}

impl Fields {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn encoded(text: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(text);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect())
    }

    /// Those of these fields that are there, in this order.
    pub(crate) fn among<'a>(&'a self, names: &[&'a str]) -> Vec<(&'a str, &'a str)> {
        names.iter().filter_map(|name| Some((*name, self.text(name)?))).collect()
    }

    /// The names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The field's text, if it was posted.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(ExposeSecret::expose_secret)
    }

    /// The field's text, if it was posted and is not blank.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }
}

/// The secret behind a browser's CSRF tokens, which it keeps in a cookie and another site does not know.
///
/// It is the id of the session and not the text of the session's cookie, because that text changes with each
/// renewal and a form in another tab would be refused once. The id is 128 random bits; it stands in the
/// `HttpOnly` cookie and on no page, and in the log only shortened.
///
/// It is read from the cookie without checking the signature, and that is enough. The token proves only that
/// the form was drawn for the very browser that posts it; the session itself is checked afterwards, by the
/// same cookie with its signature. An attacker who could plant a cookie, which `__Host-` prevents on https,
/// would know its text, signed or not: a forged one opens no session, so it is of no use; beside the genuine
/// one neither is believed; and the origin of a form is checked all the same. Insisting on a session that is
/// alive would only refuse the "Sign out" of one that has ended meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CsrfSecret<'a> {
    /// The session that the browser says it has.
    Session(SessionId),
    /// Without a session, a cookie made for this (a double submit).
    Browser(&'a str),
}

impl CsrfSecret<'_> {
    /// From the text of a session cookie, if it is a token that names a session.
    pub(crate) fn of_session_cookie(token: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Unverified {
            sid: SessionId,
        }
        let (_, signed) = token.split_once('.')?;
        let (payload, _) = signed.split_once('.')?;
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice::<Unverified>(&payload).ok().map(|payload| Self::Session(payload.sid))
    }
}

/// A CSRF token: our pages put it into their forms, and another site cannot know it.
#[derive(Clone, Debug)]
pub(crate) struct CsrfToken(String);

impl CsrfToken {
    /// The name of the hidden field.
    pub(crate) const FIELD: &str = "csrf_token";

    /// The token of a browser with this secret.
    pub(crate) fn of(secret: &CsrfSecret<'_>) -> Self {
        let digest = Sha256::new_with_prefix("labgate form token\n");
        let digest = match secret {
            CsrfSecret::Session(id) => digest.chain_update("session\n").chain_update(id.to_string()),
            CsrfSecret::Browser(secret) => digest.chain_update("browser\n").chain_update(secret),
        };
        Self(BASE64_URL_SAFE_NO_PAD.encode(digest.finalize()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the form brings it.
    pub(crate) fn is_in(&self, fields: &Fields) -> bool {
        fields.text(Self::FIELD).is_some_and(|token| self.0.as_bytes().ct_eq(token.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &'static str) -> Posted {
        let headers = [(CONTENT_TYPE, content_type.parse().unwrap())].into_iter().collect();
        Posted::read(&Method::POST, &headers, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn forms_and_json_objects_of_texts_are_read() {
        let Posted::Form(fields) = read("application/x-www-form-urlencoded;charset=utf-8", "a=%20b&c=d+e")
        else {
            panic!("not a form")
        };
        assert_eq!((fields.text("a"), fields.text("c"), fields.filled("x")), (Some(" b"), Some("d e"), None));
        let Posted::Json(fields) = read("application/json", r#"{"a":"b","c":null}"#) else {
            panic!("not JSON")
        };
        assert_eq!((fields.text("a"), fields.text("c")), (Some("b"), None));
    }

    #[test]
    fn anything_else_is_unreadable() {
        for (content_type, body) in [
            ("text/plain", "a=b"),
            ("application/json", "[1]"),
            ("application/json", r#"{"a":1}"#),
            ("application/json", r#"{"a":"#),
            ("multipart/form-data", "x"),
        ] {
            assert!(matches!(read(content_type, body), Posted::Unreadable), "{content_type} {body}");
        }
    }

    #[test]
    fn f27_what_a_tab_posts_is_a_form_with_a_token_or_nothing() {
        let read = |method: &Method, content_type: &str| {
            let mut headers: HeaderMap =
                [(CONTENT_TYPE, content_type.parse().unwrap())].into_iter().collect();
            headers.insert("sec-fetch-mode", "navigate".parse().unwrap());
            Posted::read(method, &headers, &Bytes::new())
        };
        for content_type in ["text/plain", "multipart/form-data; boundary=x", "application/json", ""] {
            assert!(matches!(read(&Method::POST, content_type), Posted::Unreadable), "{content_type}");
        }
        assert!(matches!(read(&Method::POST, "application/x-www-form-urlencoded"), Posted::Form(_)));
        assert!(matches!(read(&Method::GET, ""), Posted::Nothing));
    }

    #[test]
    fn c190_fields_are_never_printed() {
        let posted = read("application/x-www-form-urlencoded", "password=planted");
        assert!(!format!("{posted:?}").contains("planted"));
    }

    #[test]
    fn c178_a_csrf_token_fits_one_secret_only() {
        let token = CsrfToken::of(&CsrfSecret::Browser("secret"));
        let fields = |token: &str| Fields([(CsrfToken::FIELD.to_owned(), token.to_owned().into())].into());
        assert!(token.is_in(&fields(token.as_str())));
        assert!(!CsrfToken::of(&CsrfSecret::Browser("another")).is_in(&fields(token.as_str())));
        assert!(!token.is_in(&Fields::default()) && !token.is_in(&fields("")));
    }

    fn cookie(payload: &str, signature: &str) -> String {
        format!("e30.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn the_csrf_tokens_of_a_session_outlive_its_session_tokens() {
        let of = |payload: &str, signature: &str| {
            CsrfToken::of(&CsrfSecret::of_session_cookie(&cookie(payload, signature)).unwrap()).0
        };
        let first = of(r#"{"sid":"AAAAAAAAAAAAAAAAAAAAAA","exp":1}"#, "x");
        assert_eq!(of(r#"{"sid":"AAAAAAAAAAAAAAAAAAAAAA","exp":2}"#, "y"), first);
        assert_ne!(of(r#"{"sid":"AAAAAAAAAAAAAAAAAAAAAQ","exp":1}"#, "x"), first);
        // The same text in the other cookie gives another token.
        assert_ne!(CsrfToken::of(&CsrfSecret::Browser("AAAAAAAAAAAAAAAAAAAAAA")).0, first);
    }

    #[test]
    fn a_cookie_that_names_no_session_makes_no_token() {
        for odd in ["", ".", "..", "a.b", "a.b.c", "e30.e30.x"] {
            assert_eq!(CsrfSecret::of_session_cookie(odd), None, "{odd}");
        }
        for odd in [r#"{"sid":""}"#, r#"{"sid":"short"}"#, r#"{"sid":1}"#, "[]", "{"] {
            assert_eq!(CsrfSecret::of_session_cookie(&cookie(odd, "x")), None, "{odd}");
        }
    }
}
