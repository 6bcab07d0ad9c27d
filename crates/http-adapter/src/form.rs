//! The body of a request, a form of one of our pages or JSON of a script in one.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use labgate_domain::session::SessionId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

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

/// The hidden field with the CSRF token.
pub(crate) const CSRF_TOKEN: &str = "csrf_token";

/// Reads the session that a session cookie names, for the CSRF check.
///
/// It does so without checking the signature, and that is enough. The token proves only that
/// the form was drawn for the very browser that posts it; the session itself is checked afterwards, by the
/// same cookie with its signature. An attacker who could plant a cookie, which `__Host-` prevents on https,
/// would know its text, signed or not: a forged one opens no session, so it is of no use; beside the genuine
/// one neither is believed; and the origin of a form is checked all the same. Insisting on a session that is
/// alive would only refuse the "Sign out" of one that has ended meanwhile.
pub(crate) fn named_session(token: &str) -> Option<SessionId> {
    #[derive(Deserialize)]
    struct Unverified {
        sid: SessionId,
    }
    let (_, signed) = token.split_once('.')?;
    let (payload, _) = signed.split_once('.')?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice::<Unverified>(&payload).ok().map(|payload| payload.sid)
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

    fn cookie(payload: &str, signature: &str) -> String {
        format!("e30.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_cookie_names_one_session_through_all_its_renewals() {
        let of =
            |payload: &str, signature: &str| named_session(&cookie(payload, signature)).unwrap().to_string();
        let id = "AAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(of(r#"{"sid":"AAAAAAAAAAAAAAAAAAAAAA","exp":1}"#, "x"), id);
        assert_eq!(of(r#"{"sid":"AAAAAAAAAAAAAAAAAAAAAA","exp":2}"#, "y"), id);
    }

    #[test]
    fn a_cookie_that_is_no_token_names_no_session() {
        for odd in ["", ".", "..", "a.b", "a.b.c", "e30.e30.x"] {
            assert_eq!(named_session(odd), None, "{odd}");
        }
        for odd in [r#"{"sid":""}"#, r#"{"sid":"short"}"#, r#"{"sid":1}"#, "[]", "{"] {
            assert_eq!(named_session(&cookie(odd, "x")), None, "{odd}");
        }
    }
}
