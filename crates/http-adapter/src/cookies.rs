//! The cookies (RFC 6265bis): one for the session, one for each attempt under way, and few that help on the way there.

use std::time::Duration;

use http::header::{COOKIE, HeaderMap, HeaderValue, InvalidHeaderValue};
use labgate_domain::attempt::{PresentedAttempt, SignInAttempt};
use labgate_domain::provider::ProviderId;
use labgate_domain::public_url::PublicUrl;
use labgate_domain::sealed::{SealId, Sealed};
use labgate_domain::session::SessionToken;
use labgate_domain::sign_in::Ticket;

/// How this lab's cookies are called and protected; decided by the public URL, never by a request.
#[derive(Clone, Debug)]
pub(crate) struct Cookies {
    session: &'static str,
    attempt_prefix: &'static str,
    form: &'static str,
    change: &'static str,
    link: &'static str,
    provider: &'static str,
    secure: &'static str,
}

/// A cookie that may not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnfitCookie;

impl From<InvalidHeaderValue> for UnfitCookie {
    fn from(_: InvalidHeaderValue) -> Self {
        Self
    }
}

/// What of a request's cookies concerns us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PresentedCookies {
    /// The session cookie's value, if there is exactly one such cookie. Two of one name mean that somebody planted
    /// one, and neither is believed.
    pub(crate) session: Option<String>,
    /// The attempts under way.
    pub(crate) attempts: Vec<PresentedAttempt>,
    /// The secret behind the form tokens of whoever has no session yet.
    pub(crate) form: Option<String>,
    /// A ticket to choose the next password.
    pub(crate) change: Option<String>,
    /// A ticket to link an identity.
    pub(crate) link: Option<String>,
    /// Which provider was used last. Whoever can plant a cookie can choose it: it decides about nothing but an order.
    pub(crate) provider: Option<ProviderId>,
}

impl Cookies {
    /// The longest name and value together, in bytes (RFC 6265bis section 5.6).
    const MAX_LEN: usize = 4096;
    /// How many attempts of one request are looked at.
    const MAX_ATTEMPTS: usize = 32;
    /// How long a browser remembers which provider was used last: over a term, and no longer than that after the last sign-in there.
    const PROVIDER_LIFETIME: Duration = Duration::from_hours(90 * 24);

    /// On https the names carry the `__Host-` prefix, which keeps sibling hosts from setting them. Browsers refuse it
    /// on plain http.
    pub(crate) fn of_lab_at(public_url: &PublicUrl) -> Self {
        if public_url.is_secure() {
            Self {
                session: "__Host-labgate",
                attempt_prefix: "__Host-labgate-attempt-",
                form: "__Host-labgate-form",
                change: "__Host-labgate-change",
                link: "__Host-labgate-link",
                provider: "__Host-labgate-provider",
                secure: "; Secure",
            }
        } else {
            Self {
                session: "labgate",
                attempt_prefix: "labgate-attempt-",
                form: "labgate-form",
                change: "labgate-change",
                link: "labgate-link",
                provider: "labgate-provider",
                secure: "",
            }
        }
    }

    /// Reads the request's cookies: names are compared exactly, what is malformed is skipped.
    pub(crate) fn read(&self, headers: &HeaderMap) -> PresentedCookies {
        let mut presented = PresentedCookies::default();
        let mut planted = false;
        let pairs = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='));
        for (name, value) in pairs {
            if name == self.session {
                planted |= presented.session.replace(value.to_owned()).is_some();
            } else if name == self.form {
                presented.form = Some(value.to_owned()).filter(|value| !value.is_empty());
            } else if name == self.change {
                presented.change = Some(value.to_owned());
            } else if name == self.link {
                presented.link = Some(value.to_owned());
            } else if name == self.provider {
                presented.provider = ProviderId::parse(value).ok();
            } else if let Some(id) = name.strip_prefix(self.attempt_prefix)
                && presented.attempts.len() < Self::MAX_ATTEMPTS
                && let (Ok(id), Ok(sealed)) = (SealId::parse(id), Sealed::parse(value))
            {
                presented.attempts.push(PresentedAttempt { id, sealed });
            }
        }
        if planted {
            presented.session = None;
        }
        presented
    }

    /// The session cookie. It lives as long as the browser runs; how long the session lives is the server's decision.
    pub(crate) fn set_session(&self, token: &SessionToken) -> Result<HeaderValue, UnfitCookie> {
        self.set(self.session, token.expose(), "")
    }

    /// Removes the session cookie.
    pub(crate) fn clear_session(&self) -> Result<HeaderValue, UnfitCookie> {
        self.set(self.session, "", "; Max-Age=0")
    }

    /// The cookie of an attempt.
    pub(crate) fn set_attempt(&self, id: SealId, sealed: &Sealed) -> Result<HeaderValue, UnfitCookie> {
        let max_age = format!("; Max-Age={}", SignInAttempt::LIFETIME.as_secs());
        self.set(&format!("{}{id}", self.attempt_prefix), sealed.as_str(), &max_age)
    }

    /// Removes the cookie of an attempt.
    pub(crate) fn clear_attempt(&self, id: SealId) -> Result<HeaderValue, UnfitCookie> {
        self.set(&format!("{}{id}", self.attempt_prefix), "", "; Max-Age=0")
    }

    /// The cookie behind the form tokens of whoever has no session yet.
    pub(crate) fn set_form(&self, secret: &str) -> Result<HeaderValue, UnfitCookie> {
        self.set(self.form, secret, "")
    }

    /// Removes it: with a session the forms' tokens come from there.
    pub(crate) fn clear_form(&self) -> Result<HeaderValue, UnfitCookie> {
        self.set(self.form, "", "; Max-Age=0")
    }

    /// The cookie with a ticket to choose the next password.
    pub(crate) fn set_change(&self, ticket: &Ticket) -> Result<HeaderValue, UnfitCookie> {
        self.set_ticket(self.change, ticket)
    }

    /// Removes it.
    pub(crate) fn clear_change(&self) -> Result<HeaderValue, UnfitCookie> {
        self.set(self.change, "", "; Max-Age=0")
    }

    /// The cookie with a ticket to link an identity.
    pub(crate) fn set_link(&self, ticket: &Ticket) -> Result<HeaderValue, UnfitCookie> {
        self.set_ticket(self.link, ticket)
    }

    /// Removes it.
    pub(crate) fn clear_link(&self) -> Result<HeaderValue, UnfitCookie> {
        self.set(self.link, "", "; Max-Age=0")
    }

    /// The cookie that remembers which provider was used last.
    pub(crate) fn set_provider(&self, provider: &ProviderId) -> Result<HeaderValue, UnfitCookie> {
        let max_age = format!("; Max-Age={}", Self::PROVIDER_LIFETIME.as_secs());
        self.set(self.provider, provider.as_str(), &max_age)
    }

    /// Removes it.
    pub(crate) fn clear_provider(&self) -> Result<HeaderValue, UnfitCookie> {
        self.set(self.provider, "", "; Max-Age=0")
    }

    fn set_ticket(&self, name: &str, ticket: &Ticket) -> Result<HeaderValue, UnfitCookie> {
        let max_age = format!("; Max-Age={}", Ticket::LIFETIME.as_secs());
        self.set(name, &ticket.to_text(), &max_age)
    }

    /// `SameSite=Lax`: the provider's redirect back is a top-level navigation from another site and must bring the
    /// cookies; another site's POST must not.
    fn set(&self, name: &str, value: &str, max_age: &str) -> Result<HeaderValue, UnfitCookie> {
        if name.len() + value.len() > Self::MAX_LEN {
            return Err(UnfitCookie);
        }
        let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{}{max_age}", self.secure);
        let mut cookie = HeaderValue::try_from(cookie)?;
        cookie.set_sensitive(true);
        Ok(cookie)
    }
}

#[cfg(test)]
mod tests {
    use labgate_domain::public_url::PlainHttp;

    use super::*;
    use crate::paths;

    fn cookies(public_url: &str) -> Cookies {
        Cookies::of_lab_at(&PublicUrl::parse(public_url, PlainHttp::LoopbackOnly, paths::REGISTERED).unwrap())
    }

    fn read(lines: &[&[u8]]) -> PresentedCookies {
        let headers =
            lines.iter().map(|line| (COOKIE, HeaderValue::from_bytes(line).unwrap())).collect::<HeaderMap>();
        cookies("https://lab.example").read(&headers)
    }

    #[test]
    fn c133_c135_the_session_cookie_is_locked_down_by_the_public_url() {
        let token = SessionToken::new("abc".to_owned());
        assert_eq!(
            cookies("https://lab.example").set_session(&token).unwrap(),
            "__Host-labgate=abc; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            cookies("http://localhost:1").set_session(&token).unwrap(),
            "labgate=abc; Path=/; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn c137_names_are_compared_exactly_and_a_doubled_one_is_not_believed() {
        let session = |lines: &[&[u8]]| read(lines).session;
        assert_eq!(session(&[b"a=b; __Host-labgate=x"]), Some("x".to_owned()));
        assert_eq!(session(&[b"a=b", b"__Host-labgate=x"]), Some("x".to_owned()));
        for tossed in [
            &b"__HOST-labgate=x"[..],
            b"__host-labgate=x",
            b"labgate=x",
            b"__Host-labgate2=x",
            b"__Host-labgate =x",
            b"__Host-labgate=x; __Host-labgate=y",
            b"__Host-labgate=x; __Host-labgate=x",
        ] {
            assert_eq!(session(&[tossed]), None, "{:?}", String::from_utf8_lossy(tossed));
        }
    }

    #[test]
    fn c138_a_cookie_over_4096_bytes_is_not_set() {
        let cookies = cookies("https://lab.example");
        let fits = 4096 - "__Host-labgate".len();
        assert!(cookies.set_session(&SessionToken::new("x".repeat(fits))).is_ok());
        assert_eq!(cookies.set_session(&SessionToken::new("x".repeat(fits + 1))), Err(UnfitCookie));
    }

    #[test]
    fn c139_malformed_cookie_headers_are_skipped() {
        let thousand = "a=b; ".repeat(1000);
        let huge = format!("x={}", "y".repeat(64 * 1024));
        for odd in
            [&b"no-equals-sign"[..], b"\xff\xfe=x", b";;;=;", b"=x", thousand.as_bytes(), huge.as_bytes()]
        {
            assert_eq!(read(&[odd]), PresentedCookies::default());
        }
        assert_eq!(read(&[b"\xff=x", b"__Host-labgate=t"]).session, Some("t".to_owned()));
    }

    #[test]
    fn c141_clearing_uses_the_same_name_path_and_attributes() {
        assert_eq!(
            cookies("https://lab.example").clear_session().unwrap(),
            "__Host-labgate=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"
        );
    }

    #[test]
    fn c133_the_remembered_provider_is_a_name_for_this_host_alone_and_for_ninety_days() {
        let provider = ProviderId::parse("dex-1").unwrap();
        let set = |public_url| cookies(public_url).set_provider(&provider).unwrap();
        let rest = "dex-1; Path=/; HttpOnly; SameSite=Lax";
        let secure = format!("__Host-labgate-provider={rest}; Secure; Max-Age=7776000");
        assert_eq!(set("https://lab.example"), secure);
        assert_eq!(set("http://127.0.0.1:8091"), format!("labgate-provider={rest}; Max-Age=7776000"));
        assert_eq!(read(&[b"__Host-labgate-provider=dex-1"]).provider, Some(provider));
        for planted in [
            "labgate-provider=dex-1",
            "__Host-labgate-provider=",
            "__Host-labgate-provider=<b>",
            "__Host-labgate-provider=Dex",
        ] {
            assert_eq!(read(&[planted.as_bytes()]), PresentedCookies::default(), "{planted}");
        }
    }

    #[test]
    fn architecture_md_lists_every_cookie_and_no_other() {
        let document = include_str!("../../../docs/architecture.md");
        let listed: Vec<_> = document
            .lines()
            .filter(|line| line.starts_with("| `labgate"))
            .filter_map(|line| line.split('|').nth(1))
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        let Cookies { session, attempt_prefix, form, change, link, provider, secure: _ } =
            cookies("http://127.0.0.1:8091");
        let attempt = format!("{attempt_prefix}…");
        assert_eq!(listed, [session, &attempt, form, change, link, provider]);
    }

    #[test]
    fn only_so_many_attempts_are_looked_at() {
        let many = "__Host-labgate-attempt-AAAAAAAAAAAAAAAAAAAAAA=x; ".repeat(100);
        assert_eq!(read(&[many.as_bytes()]).attempts.len(), Cookies::MAX_ATTEMPTS);
    }
}
