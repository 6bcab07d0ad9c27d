//! Cookies by RFC 6265bis: section 5.6 for storing, 5.7 for sending, 4.1.3 for the name prefixes.

use std::sync::Arc;
use std::time::Duration;

use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use url::Url;

/// The properties of a request that `SameSite` looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Navigation {
    pub(super) is_top_level: bool,
    pub(super) is_safe: bool,
    pub(super) is_cross_site: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SameSite {
    None,
    Lax,
    Strict,
}

/// A cookie that the browser keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// True if scripts cannot see it.
    pub http_only: bool,
    /// True if it goes over https only.
    pub secure: bool,
    host: String,
    path: String,
    same_site: SameSite,
    expires_at: Option<Timestamp>,
}

pub(super) struct Jar {
    clock: Arc<dyn Clock>,
    cookies: Vec<StoredCookie>,
}

impl Jar {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, cookies: Vec::new() }
    }

    pub(super) fn of_host(&self, url: &Url) -> Vec<StoredCookie> {
        self.live().filter(|cookie| Some(cookie.host.as_str()) == url.host_str()).cloned().collect()
    }

    /// Takes a `Set-Cookie` as a browser does: what breaks a rule is dropped without a word.
    pub(super) fn store(&mut self, url: &Url, set_cookie: &str) {
        let Some(cookie) = self.parse(url, set_cookie) else { return };
        self.cookies.retain(|known| {
            (&known.name, &known.host, &known.path) != (&cookie.name, &cookie.host, &cookie.path)
        });
        self.cookies.push(cookie);
    }

    fn parse(&self, url: &Url, set_cookie: &str) -> Option<StoredCookie> {
        let mut parts = set_cookie.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let mut cookie = StoredCookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            http_only: false,
            secure: false,
            host: url.host_str()?.to_owned(),
            path: default_path(url),
            same_site: SameSite::Lax,
            expires_at: None,
        };
        let mut has_domain = false;
        for attribute in parts {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match name.to_ascii_lowercase().as_str() {
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "domain" if !value.is_empty() => has_domain = true,
                "samesite" => {
                    cookie.same_site = match value.to_ascii_lowercase().as_str() {
                        "none" => SameSite::None,
                        "strict" => SameSite::Strict,
                        _ => SameSite::Lax,
                    }
                }
                "max-age" => {
                    let now = self.clock.now();
                    let seconds: i64 = value.parse().ok()?;
                    let span = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                    cookie.expires_at = Some(if seconds > 0 { now.plus(span) } else { now });
                }
                _ => {}
            }
        }

        let lower = cookie.name.to_ascii_lowercase();
        let https = url.scheme() == "https";
        let refused = cookie.name.len() + cookie.value.len() > 4096
            || (cookie.secure && !https)
            || (cookie.same_site == SameSite::None && !cookie.secure)
            || (lower.starts_with("__secure-") && !cookie.secure)
            || (lower.starts_with("__host-") && (!cookie.secure || has_domain || cookie.path != "/"))
            // Cookies for a whole domain are not needed here, and none of our sites may set one.
            || has_domain;
        (!refused).then_some(cookie)
    }

    /// The `Cookie` header for a request.
    pub(super) fn header(&self, url: &Url, navigation: Navigation) -> Option<String> {
        let mut cookies: Vec<_> = self
            .live()
            .filter(|cookie| {
                Some(cookie.host.as_str()) == url.host_str()
                    && path_matches(&cookie.path, url.path())
                    && (!cookie.secure || url.scheme() == "https")
                    && may_cross(cookie.same_site, navigation)
            })
            .collect();
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pair = |cookie: &&StoredCookie| format!("{}={}", cookie.name, cookie.value);
        let pairs: Vec<_> = cookies.iter().map(pair).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn live(&self) -> impl Iterator<Item = &StoredCookie> {
        let now = self.clock.now();
        self.cookies.iter().filter(move |cookie| cookie.expires_at.is_none_or(|end| now < end))
    }
}

fn may_cross(same_site: SameSite, navigation: Navigation) -> bool {
    !navigation.is_cross_site
        || match same_site {
            SameSite::None => true,
            SameSite::Lax => navigation.is_top_level && navigation.is_safe,
            SameSite::Strict => false,
        }
}

fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        None | Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
    }
}

fn path_matches(cookie: &str, request: &str) -> bool {
    request == cookie
        || request.strip_prefix(cookie).is_some_and(|rest| cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FixedClock;

    const SAME_SITE: Navigation = Navigation { is_top_level: true, is_safe: true, is_cross_site: false };
    const CROSS_SITE_LINK: Navigation = Navigation { is_cross_site: true, ..SAME_SITE };
    const CROSS_SITE_POST: Navigation = Navigation { is_safe: false, ..CROSS_SITE_LINK };

    fn sent(set_cookie: &str, url: &str, navigation: Navigation) -> Option<String> {
        let mut jar = Jar::new(Arc::new(FixedClock::default()));
        let url = Url::parse(url).unwrap();
        jar.store(&url, set_cookie);
        jar.header(&url, navigation)
    }

    #[test]
    fn a_host_prefix_needs_secure_the_root_path_and_no_domain() {
        let url = "https://lab.example/x/y";
        assert!(sent("__Host-a=b; Secure; Path=/", url, SAME_SITE).is_some());
        for refused in [
            "__Host-a=b; Path=/",
            "__Host-a=b; Secure",
            "__host-a=b; Path=/",
            "__Host-a=b; Secure; Path=/; Domain=lab.example",
        ] {
            assert_eq!(sent(refused, url, SAME_SITE), None, "{refused}");
        }
        assert_eq!(sent("__Host-a=b; Secure; Path=/", "http://lab.example/", SAME_SITE), None);
    }

    #[test]
    fn same_site_decides_what_another_site_can_send() {
        let url = "https://lab.example/";
        assert!(sent("a=b; SameSite=Lax", url, CROSS_SITE_LINK).is_some());
        assert!(sent("a=b", url, CROSS_SITE_POST).is_none());
        assert!(sent("a=b; SameSite=Strict", url, CROSS_SITE_LINK).is_none());
        assert!(sent("a=b; SameSite=None; Secure", url, CROSS_SITE_POST).is_some());
        assert!(sent("a=b; SameSite=None", url, SAME_SITE).is_none());
    }

    #[test]
    fn max_age_zero_and_time_remove_a_cookie() {
        let clock = Arc::new(FixedClock::default());
        let mut jar = Jar::new(Arc::clone(&clock) as _);
        let url = Url::parse("https://lab.example/").unwrap();
        jar.store(&url, "a=b; Max-Age=10");
        clock.advance(Duration::from_secs(9));
        assert!(jar.header(&url, SAME_SITE).is_some());
        clock.advance(Duration::from_secs(1));
        assert!(jar.header(&url, SAME_SITE).is_none());
        jar.store(&url, "a=b");
        jar.store(&url, "a=; Max-Age=0");
        assert!(jar.header(&url, SAME_SITE).is_none());
    }

    #[test]
    fn paths_match_whole_segments() {
        assert!(path_matches("/a", "/a/b"));
        assert!(!path_matches("/a", "/ab"));
        assert!(path_matches("/", "/ab"));
    }
}
