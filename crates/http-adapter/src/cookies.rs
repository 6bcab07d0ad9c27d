//! The cookies (RFC 6265bis): one for the session, one for each attempt under way, and few that help on the
//! way there.

use std::str::FromStr;
use std::time::Duration;

use http::header::{COOKIE, HeaderMap, HeaderValue};
use labgate_domain::attempt::{PresentedAttempt, SignInAttempt};
use labgate_domain::device::DeviceToken;
use labgate_domain::provider::ProviderId;
use labgate_domain::public_url::PublicUrl;
use labgate_domain::sealed::{SealId, Sealed};
use labgate_domain::session::SessionToken;
use labgate_domain::sign_in::Ticket;

// The ends of the cookies' names, after the lab's own.

/// The session's cookie.
pub(crate) const SESSION: &str = "";
/// The cookie behind the CSRF tokens of a browser without a session.
pub(crate) const FORM: &str = "-form";
/// The cookie with a ticket to choose the next password.
pub(crate) const CHANGE: &str = "-change";
/// The cookie with a ticket to link an identity.
pub(crate) const LINK: &str = "-link";
/// The cookie with a ticket for an act that was proved.
pub(crate) const PROOF: &str = "-proof";
/// The cookie of a known device.
pub(crate) const DEVICE: &str = "-device";
/// The cookie with the turn of a browser that has to wait.
pub(crate) const TURN: &str = "-turn";
/// The cookie that remembers the provider that was used last.
pub(crate) const PROVIDER: &str = "-provider";
/// The cookie that remembers the hosts of services that were entered.
pub(crate) const ENTERED: &str = "-entered";
/// The cookie with a ticket for what is left to do at the provider after a sign-out.
pub(crate) const LEAVING: &str = "-leaving";
/// The beginning of the cookies of hand-overs under way.
const ENTERING: &str = "-entering-";
/// The beginning of the cookies of attempts.
const ATTEMPT: &str = "-attempt-";

/// All of them.
const ENDS: [&str; 12] =
    [SESSION, ATTEMPT, FORM, CHANGE, LINK, PROOF, DEVICE, ENTERED, ENTERING, LEAVING, TURN, PROVIDER];

/// The name of the session cookie, with which the names of the others begin. Browsers keep one set of cookies
/// for all ports of a host (RFC 6265 section 8.5), so each lab there needs a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(String);

/// A text that cannot name a lab's cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfitCookieName;

impl std::fmt::Display for UnfitCookieName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("is not 1 to 32 lower-case letters, digits or underscores, or begins with an underscore")
    }
}

impl std::error::Error for UnfitCookieName {}

impl CookieName {
    /// Returns the whole names of all cookies, the session's first. Behind a hyphen at the end an id follows.
    pub fn all(&self, public_url: &PublicUrl) -> impl Iterator<Item = String> {
        let Cookies { name, .. } = Cookies::of_lab_at(public_url, self);
        ENDS.into_iter().map(move |end| format!("{name}{end}"))
    }

    /// Returns the whole name of the cookie that a page with forms sets in a new browser.
    #[must_use]
    pub fn of_forms(&self, public_url: &PublicUrl) -> String {
        Cookies::of_lab_at(public_url, self).name + FORM
    }
}

impl FromStr for CookieName {
    type Err = UnfitCookieName;

    /// A hyphen is refused: the cookies of the lab `labgate` begin with `labgate-`. So is a beginning with `_`:
    /// `__host-form` would be a cookie with the prefix `__Host-`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=32).contains(&text.len()) || text.starts_with('_') || !text.bytes().all(fits) {
            return Err(UnfitCookieName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl Default for CookieName {
    fn default() -> Self {
        Self("labgate".to_owned())
    }
}

/// The name and attributes of this lab's cookies; decided by the configuration, never by a request.
#[derive(Clone, Debug)]
pub(crate) struct Cookies {
    /// The session cookie's whole name.
    name: String,
    secure: &'static str,
}

/// A cookie that may not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnfitCookie;

/// The cookies of ours in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PresentedCookies {
    /// The session cookie's value, if there is exactly one such cookie. Two of one name mean that one was
    /// planted, and neither is believed.
    pub(crate) session: Option<String>,
    /// The attempts under way.
    pub(crate) attempts: Vec<PresentedAttempt>,
    /// The secret behind the CSRF tokens of a browser without a session.
    pub(crate) form: Option<String>,
    /// A ticket to choose the next password.
    pub(crate) change: Option<String>,
    /// A ticket to link an identity.
    pub(crate) link: Option<String>,
    /// A ticket for an act that was proved.
    pub(crate) proof: Option<String>,
    /// The known device.
    pub(crate) device: Option<String>,
    /// The turn to sign in.
    pub(crate) turn: Option<String>,
    /// The secrets of the hand-overs under way.
    pub(crate) entering: Vec<(SealId, String)>,
    /// The origins of services that were entered, the latest last.
    pub(crate) entered: Vec<String>,
    /// What is left to do at the provider after a sign-out.
    pub(crate) leaving: Option<String>,
    /// The provider that was used last. A planted cookie can choose it: it decides about nothing but an
    /// order.
    pub(crate) provider: Option<ProviderId>,
}

impl PresentedCookies {
    /// Returns the cookies without the tickets for a person's next step.
    pub(crate) fn without_tickets(self) -> Self {
        Self { change: None, link: None, proof: None, ..self }
    }
}

impl Cookies {
    /// The longest name and value together, in bytes (RFC 6265bis section 5.6).
    const MAX_LEN: usize = 4096;
    /// The most attempts of one request that are looked at.
    const MAX_ATTEMPTS: usize = 32;
    /// The most hosts of services that are visited at sign-out.
    const MAX_ENTERED: usize = 10;
    /// The time that a browser remembers the provider that was used last: over a term, from the last sign-in
    /// there on.
    const PROVIDER_LIFETIME: Duration = Duration::from_hours(90 * 24);

    /// On https the names carry the `__Host-` prefix, which keeps sibling hosts from setting them. Browsers
    /// refuse it on plain http.
    pub(crate) fn of_lab_at(public_url: &PublicUrl, CookieName(name): &CookieName) -> Self {
        if public_url.is_secure() {
            Self { name: format!("__Host-{name}"), secure: "; Secure" }
        } else {
            Self { name: name.clone(), secure: "" }
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
            .filter_map(|pair| pair.trim_matches([' ', '\t']).strip_prefix(&*self.name)?.split_once('='));
        for (name, value) in pairs {
            match name {
                SESSION => planted |= presented.session.replace(value.to_owned()).is_some(),
                FORM => presented.form = Some(value.to_owned()).filter(|value| !value.is_empty()),
                CHANGE => presented.change = Some(value.to_owned()),
                LINK => presented.link = Some(value.to_owned()),
                PROOF => presented.proof = Some(value.to_owned()),
                DEVICE => presented.device = Some(value.to_owned()),
                TURN => presented.turn = Some(value.to_owned()),
                PROVIDER => presented.provider = ProviderId::parse(value).ok(),
                LEAVING => presented.leaving = Some(value.to_owned()),
                ENTERED => {
                    let origins = value.split('|').filter(|origin| !origin.is_empty());
                    presented.entered = origins.take(Self::MAX_ENTERED).map(str::to_owned).collect();
                }
                _ if name.starts_with(ENTERING) && presented.entering.len() < Self::MAX_ATTEMPTS => {
                    let flow = name.strip_prefix(ENTERING).and_then(|id| SealId::parse(id).ok());
                    presented.entering.extend(flow.map(|flow| (flow, value.to_owned())));
                }
                _ if presented.attempts.len() < Self::MAX_ATTEMPTS => {
                    presented.attempts.extend(presented_attempt(name, value));
                }
                _ => {}
            }
        }
        if planted {
            presented.session = None;
        }
        presented
    }

    /// Sets the session cookie. It lives as long as the browser runs; the server decides on the session's
    /// lifetime.
    pub(crate) fn set_session(&self, token: &SessionToken) -> Result<HeaderValue, UnfitCookie> {
        self.set(SESSION, token.expose(), "")
    }

    /// Removes a cookie.
    pub(crate) fn clear(&self, name: &str) -> Result<HeaderValue, UnfitCookie> {
        self.set(name, "", "; Max-Age=0")
    }

    /// Sets the cookie of an attempt.
    pub(crate) fn set_attempt(&self, id: SealId, sealed: &Sealed) -> Result<HeaderValue, UnfitCookie> {
        self.set_for(&format!("{ATTEMPT}{id}"), sealed.as_str(), SignInAttempt::LIFETIME)
    }

    /// Removes the cookie of an attempt.
    pub(crate) fn clear_attempt(&self, id: SealId) -> Result<HeaderValue, UnfitCookie> {
        self.clear(&format!("{ATTEMPT}{id}"))
    }

    /// Sets the cookie of a hand-over under way. It lives as long as a sign-in may take.
    pub(crate) fn set_entering(&self, flow: SealId, secret: &str) -> Result<HeaderValue, UnfitCookie> {
        self.set_for(&format!("{ENTERING}{flow}"), secret, SignInAttempt::LIFETIME)
    }

    /// Removes the cookie of a hand-over.
    pub(crate) fn clear_entering(&self, flow: SealId) -> Result<HeaderValue, UnfitCookie> {
        self.clear(&format!("{ENTERING}{flow}"))
    }

    /// Remembers that the host of a service was entered.
    pub(crate) fn set_entered(&self, before: &[String], origin: &str) -> Result<HeaderValue, UnfitCookie> {
        let mut entered: Vec<_> = before.iter().map(String::as_str).filter(|it| *it != origin).collect();
        entered.push(origin);
        let latest = entered.split_off(entered.len().saturating_sub(Self::MAX_ENTERED));
        self.set(ENTERED, &latest.join("|"), "")
    }

    /// Remembers these hosts of services, and no other.
    pub(crate) fn keep_entered(&self, entered: &[String]) -> Result<HeaderValue, UnfitCookie> {
        if entered.is_empty() { self.clear(ENTERED) } else { self.set(ENTERED, &entered.join("|"), "") }
    }

    /// Sets the cookie behind the CSRF tokens of a browser without a session.
    pub(crate) fn set_form(&self, secret: &str) -> Result<HeaderValue, UnfitCookie> {
        self.set(FORM, secret, "")
    }

    /// Sets the cookie of a ticket.
    pub(crate) fn set_ticket(&self, name: &str, ticket: &Ticket) -> Result<HeaderValue, UnfitCookie> {
        self.set_for(name, &ticket.to_text(), Ticket::LIFETIME)
    }

    /// Sets the cookie of a known device.
    pub(crate) fn set_device(&self, device: &DeviceToken) -> Result<HeaderValue, UnfitCookie> {
        self.set_for(DEVICE, device.as_str(), DeviceToken::LIFETIME)
    }

    /// Sets the cookie that remembers the provider that was used last.
    pub(crate) fn set_provider(&self, provider: &ProviderId) -> Result<HeaderValue, UnfitCookie> {
        self.set_for(PROVIDER, provider.as_str(), Self::PROVIDER_LIFETIME)
    }

    fn set_for(&self, name: &str, value: &str, lifetime: Duration) -> Result<HeaderValue, UnfitCookie> {
        self.set(name, value, &format!("; Max-Age={}", lifetime.as_secs()))
    }

    /// `SameSite=Lax`: the provider's redirect back is a top-level navigation from another site and must
    /// bring the cookies; another site's POST must not.
    fn set(&self, name: &str, value: &str, max_age: &str) -> Result<HeaderValue, UnfitCookie> {
        if self.name.len() + name.len() + value.len() > Self::MAX_LEN {
            return Err(UnfitCookie);
        }
        let cookie =
            format!("{}{name}={value}; Path=/; HttpOnly; SameSite=Lax{}{max_age}", self.name, self.secure);
        let mut cookie = HeaderValue::try_from(cookie).map_err(|_| UnfitCookie)?;
        cookie.set_sensitive(true);
        Ok(cookie)
    }
}

fn presented_attempt(name: &str, value: &str) -> Option<PresentedAttempt> {
    let id = SealId::parse(name.strip_prefix(ATTEMPT)?).ok()?;
    Some(PresentedAttempt { id, sealed: Sealed::parse(value).ok()? })
}

#[cfg(test)]
mod tests {
    use labgate_domain::public_url::PlainHttp;

    use super::*;
    use crate::paths;

    fn cookies(public_url: &str) -> Cookies {
        named("labgate", public_url)
    }

    fn named(name: &str, public_url: &str) -> Cookies {
        let public_url = PublicUrl::parse(public_url, PlainHttp::LoopbackOnly, paths::REGISTERED).unwrap();
        Cookies::of_lab_at(&public_url, &name.parse().unwrap())
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
            cookies("https://lab.example").clear(SESSION).unwrap(),
            "__Host-labgate=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"
        );
    }

    #[test]
    fn c133_the_remembered_provider_is_kept_for_this_host_and_ninety_days() {
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
        let ours = ENDS.map(|end| format!("labgate{end}{}", if end.ends_with('-') { "…" } else { "" }));
        assert_eq!(listed, ours);
    }

    #[test]
    fn f33_labs_on_one_host_have_cookies_of_their_own_names() {
        let token = SessionToken::new("abc".to_owned());
        let (one, other) = (cookies("http://127.0.0.1:1"), named("lab_2", "http://127.0.0.1:2"));
        let set = other.set_session(&token).unwrap();
        assert_eq!(set, "lab_2=abc; Path=/; HttpOnly; SameSite=Lax");
        let secure = named("lab_2", "https://lab.example:8443").set_form("x").unwrap();
        assert_eq!(secure, "__Host-lab_2-form=x; Path=/; HttpOnly; SameSite=Lax; Secure");
        let both = HeaderMap::from_iter([(
            COOKIE,
            HeaderValue::from_static("labgate=1; lab_2=2; labgate-form=3; lab_2-form=4; lab_22=5"),
        )]);
        let read = |cookies: &Cookies| {
            let presented = cookies.read(&both);
            (presented.session.unwrap(), presented.form.unwrap())
        };
        assert_eq!(read(&one), ("1".to_owned(), "3".to_owned()));
        assert_eq!(read(&other), ("2".to_owned(), "4".to_owned()));
    }

    #[test]
    fn f33_a_cookie_name_cannot_meet_another_labs_cookies() {
        for unfit in [
            "",
            "labgate-form",
            "__host",
            "__secure",
            "Lab",
            "lab=",
            "lab;",
            "lab 2",
            "l\u{e4}b",
            &"x".repeat(33),
        ] {
            assert_eq!(unfit.parse::<CookieName>(), Err(UnfitCookieName), "{unfit}");
        }
    }

    #[test]
    fn only_so_many_attempts_are_looked_at() {
        let many = "__Host-labgate-attempt-AAAAAAAAAAAAAAAAAAAAAA=x; ".repeat(100);
        assert_eq!(read(&[many.as_bytes()]).attempts.len(), Cookies::MAX_ATTEMPTS);
    }
}
