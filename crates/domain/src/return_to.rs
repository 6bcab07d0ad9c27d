//! The target of a sign-in, safe against open redirects.

use std::borrow::Cow;
use std::iter;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::text::is_invisible;

/// The lab's main page, or a page of its origin: an absolute path with its query and fragment, below the lab's
/// base path or beside it. A value of this type cannot leave the origin in any browser's reading, so it cannot
/// become an open redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<String>")]
pub struct ReturnTo(Option<String>);

impl ReturnTo {
    /// The longest accepted target, in bytes.
    pub const MAX_LEN: usize = 2048;

    /// Returns the main page.
    #[must_use]
    pub fn main_page() -> Self {
        Self(None)
    }

    /// Parses a target from a request. Any other text than a plain path becomes the main page: a wrong target is
    /// no reason to refuse a sign-in, and no part of it may survive.
    #[must_use]
    pub fn or_main_page(target: &str) -> Self {
        Self(stays_here(target).then(|| target.to_owned()))
    }

    /// Returns the path with its query and fragment; `None` is the main page, wherever that is.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Returns whether the target is one of these paths below the base path, or below one, in any reading.
    #[must_use]
    pub fn leads_into(&self, base_path: &str, paths: &[&str]) -> bool {
        let base_path = base_path.to_ascii_lowercase();
        self.0.iter().flat_map(|target| readings(target)).any(|path| {
            let path = path.map(|path| path.to_ascii_lowercase()).unwrap_or_default();
            let below = |after: &str| after.is_empty() || after.starts_with('/');
            let page = path.strip_prefix(&base_path);
            page.is_some_and(|page| paths.iter().any(|path| page.strip_prefix(path).is_some_and(below)))
        })
    }
}

/// Returns a target's path as it is and after one to four rounds of percent-decoding, because proxies,
/// applications and browsers disagree on the number of rounds; `None` for a path that is not UTF-8.
fn readings(target: &str) -> impl Iterator<Item = Option<String>> {
    let path = target.split(['?', '#']).next().unwrap_or_default().to_owned();
    iter::successors(Some(Some(path)), |path| Some(path.as_deref().and_then(percent_decode))).take(5)
}

/// Returns whether the target cannot leave our origin, in any reading.
fn stays_here(target: &str) -> bool {
    if target.len() > ReturnTo::MAX_LEN || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    if !readings(target).all(|path| path.is_some_and(|path| is_plain_path(&path))) {
        return false;
    }
    // The last judge: a WHATWG URL parser.
    let Ok(base) = Url::parse("https://lab.invalid/") else { return false };
    base.join(target).is_ok_and(|url| url.origin() == base.origin() && !url.path().starts_with("//"))
}

/// Starts with exactly one slash, has no backslash, empty or dot segment, control character, or character
/// that Unicode normalisation could turn into one of these.
fn is_plain_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let strange = |c: char| {
        c == '\\'
            || c.is_control()
            || (c.is_whitespace() && c != ' ')
            || is_invisible(c)
            || matches!(c, '／' | '＼' | '．' | '。' | '｡' | '∕' | '⁄' | '⧸' | '﹨')
    };
    let dots_or_nothing = |segment: &str| matches!(segment.trim_matches(' '), "" | "." | "..");
    let mut inner = rest.split('/').peekable();
    while let Some(segment) = inner.next() {
        let last = inner.peek().is_none();
        if dots_or_nothing(segment) && !(last && segment.is_empty()) {
            return false;
        }
    }
    !rest.contains(strange)
}

/// Decodes one round of percent-encoding; `None` when the result is not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

/// Judges the target again, even one from a sealed attempt.
impl From<Option<String>> for ReturnTo {
    fn from(target: Option<String>) -> Self {
        target.as_deref().map(Self::or_main_page).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(target: &str) -> String {
        let target = ReturnTo::or_main_page(target);
        let circular = target.leads_into("", &["/login", "/logout", "/api/auth"]);
        target.path().filter(|_| !circular).unwrap_or("/").to_owned()
    }

    #[test]
    fn a_circular_target_is_below_the_base_path() {
        let leads_into = |target| ReturnTo::or_main_page(target).leads_into("/Auth", &["/login"]);
        for circular in ["/Auth/login", "/auth/LOGIN/x", "/%41uth/login?x", "/Auth/%256cogin"] {
            assert!(leads_into(circular), "{circular}");
        }
        for other in ["/login", "/Auth", "/Authx/login", "/x/Auth/login", "/Auth/loginx", "//x"] {
            assert!(!leads_into(other), "{other}");
        }
    }

    #[test]
    fn c127_a_plain_target_is_kept_exactly() {
        for good in [
            "/",
            "/a",
            "/a/",
            "/a?next=//x#y",
            "/%C3%A4/%E2%82%AC",
            "/a+b",
            "/a?x=https://evil.example",
            "/notebooks/x.ipynb#cell=%2F%2F",
            "/loginx",
            "/a%20b",
            "/~ada/",
            "/a&b=c",
        ] {
            assert_eq!(taken(good), good);
        }
    }

    #[test]
    fn c130_circular_and_overlong_targets_become_the_main_page() {
        for bad in [
            "/login",
            "/login?return_to=/login",
            "/logout",
            "/api/auth/oidc/callback?code=c",
            "/LOGIN/",
            "/%6cogin",
            &format!("/{}", "a".repeat(2048)),
        ] {
            assert_eq!(taken(bad), "/", "{bad}");
        }
    }

    /// Each line of the corpus is one attack, and must become the main page.
    #[test]
    fn c123_c124_c125_c126_c128_no_target_of_the_corpus_leaves_our_origin() {
        let corpus = include_str!("../corpora/open_redirects.txt");
        let attacks: Vec<&str> = corpus.lines().filter(|line| !line.starts_with("##")).collect();
        assert!(attacks.len() >= 200, "the corpus has shrunk to {} lines", attacks.len());
        for attack in attacks {
            assert_eq!(taken(attack), "/", "{attack:?}");
        }
    }

    #[test]
    fn c124_raw_control_characters_and_blanks_are_refused() {
        for c in ["\t", "\r", "\n", "\x0b", " ", "\0", "\u{a0}", "\u{2028}"] {
            for place in [format!("{c}//evil.example"), format!("/{c}/evil.example"), format!("/a{c}")] {
                assert_eq!(taken(&place), "/", "{place:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_accepted_target_stays_on_our_origin(target in "[/\\\\.:@%a-f0-9?#;&=+\\t\\n _-]{0,24}") {
            let kept = taken(&target);
            let base = Url::parse("https://lab.example/").unwrap();
            let url = base.join(&kept).unwrap();
            prop_assert_eq!(url.origin(), base.origin());
            prop_assert!(!kept.starts_with("//") && !kept.starts_with("/\\"));
            prop_assert!(kept == "/" || kept == target);
        }
    }
}
