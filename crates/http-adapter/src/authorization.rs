//! The access token in `Authorization`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use labgate_domain::access_token::AccessTokenText;
use secrecy::{ExposeSecret as _, SecretString};

/// Says which site made a browser send the request. No script can set it. On plain http browsers do not say it.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// The access token that a request brings. Anything else in `Authorization` is between the client and the service.
#[derive(Clone, Debug)]
pub(crate) enum PresentedToken {
    /// As RFC 6750 section 2.1 has it.
    Bearer(SecretString),
    /// As a password (RFC 7617), because many clients send nothing else. A browser adds one by itself, too: to
    /// requests that another site makes it send, none is believed.
    Basic(SecretString),
    /// In a way that is not believed. The request does not pass as one without a token.
    Unfit,
}

/// Whether a refused program is asked for an access token (RFC 9110 section 11.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenChallenge {
    /// It is.
    Asks,
    /// It is not: none counts there.
    Silent,
}

impl PresentedToken {
    /// Reads the header. Of several lines, of which a service may read another than Labgate, none is believed.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(AUTHORIZATION).iter().map(|line| line.to_str().ok());
        let (first, second) = (lines.next()?, lines.next());
        if second.is_none() {
            return first.and_then(Self::of_line).map(|token| match token {
                Self::Basic(_) if !is_of_own_site(headers) => Self::Unfit,
                token => token,
            });
        }
        let has_token = headers
            .get_all(AUTHORIZATION)
            .iter()
            .any(|line| line.to_str().ok().and_then(Self::of_line).is_some());
        has_token.then_some(Self::Unfit)
    }

    fn of_line(line: &str) -> Option<Self> {
        let (scheme, credentials) = line.trim().split_once(' ')?;
        let credentials = credentials.trim();
        let is_ours = |text: &str| text.starts_with(AccessTokenText::PREFIX);
        if scheme.eq_ignore_ascii_case("bearer") {
            return is_ours(credentials).then(|| Self::Bearer(credentials.into()));
        }
        let decoded =
            BASE64_STANDARD.decode(credentials).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let decoded = SecretString::from(String::from_utf8(decoded).ok()?);
        let (_, password) = decoded.expose_secret().split_once(':')?;
        is_ours(password).then(|| Self::Basic(password.into()))
    }

    /// Returns the text; an empty one, which is no token, if it is not believed.
    pub(crate) fn expose(&self) -> &str {
        match self {
            Self::Bearer(text) | Self::Basic(text) => text.expose_secret(),
            Self::Unfit => "",
        }
    }
}

/// Returns whether no other site can have made a browser send the request.
fn is_of_own_site(headers: &HeaderMap) -> bool {
    let is_own = |site: &HeaderValue| ["none", "same-origin"].iter().any(|own| site == *own);
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
    let is_said = sites.peek().is_some();
    let is_browser = |agent: &HeaderValue| agent.as_bytes().starts_with(b"Mozilla/");
    sites.all(is_own) && (is_said || !headers.get_all(USER_AGENT).iter().any(is_browser))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<(bool, String)> {
        let lines = lines.iter().map(|line| (AUTHORIZATION, line.parse().unwrap()));
        let token = PresentedToken::read(&lines.collect())?;
        Some((matches!(token, PresentedToken::Bearer(_)), token.expose().to_owned()))
    }

    #[test]
    fn a_token_is_read_as_bearer_and_as_a_password_of_any_name() {
        for line in ["Bearer lgt_x", "bearer  lgt_x ", "BEARER lgt_x"] {
            assert_eq!(read(&[line]), Some((true, "lgt_x".to_owned())), "{line}");
        }
        for user in ["ada:lgt_x", ":lgt_x", "ü:lgt_x"] {
            let line = format!("Basic {}", BASE64_STANDARD.encode(user));
            assert_eq!(read(&[&line]), Some((false, "lgt_x".to_owned())), "{user}");
        }
    }

    #[test]
    fn what_is_no_access_token_is_left_to_the_service() {
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        let others = [
            "",
            "Bearer",
            "Bearer eyJ.x.y",
            "lgt_x",
            "token lgt_x",
            "Basic lgt_x",
            "Basic ====",
            "Bearer x lgt_x",
        ];
        for line in
            others.map(str::to_owned).into_iter().chain([basic("lgt_x:"), basic("lgt_x"), basic("a:b")])
        {
            assert_eq!(read(&[&line]), None, "{line}");
        }
        assert_eq!(read(&["Bearer a", "Bearer b"]), None);
    }

    #[test]
    fn of_two_lines_none_is_believed_and_the_request_does_not_pass_as_one_without() {
        for lines in
            [["Bearer lgt_x", "Bearer b"], ["Bearer b", "Bearer lgt_x"], ["Bearer lgt_x", "Bearer lgt_x"]]
        {
            assert_eq!(read(&lines), Some((false, String::new())), "{lines:?}");
        }
    }

    #[test]
    fn a_password_that_another_site_makes_a_browser_send_is_not_believed() {
        let basic = format!("Basic {}", BASE64_STANDARD.encode("ada:lgt_x"));
        for (line, sites, expected) in [
            (&*basic, &["none"][..], "lgt_x"),
            (&basic, &["same-origin"], "lgt_x"),
            (&basic, &["same-site"], ""),
            (&basic, &["cross-site"], ""),
            (&basic, &[""], ""),
            (&basic, &["same-origin", "cross-site"], ""),
            // No browser adds this one by itself.
            ("Bearer lgt_x", &["cross-site"], "lgt_x"),
        ] {
            let sites = sites.iter().map(|site| (SEC_FETCH_SITE.parse().unwrap(), site.parse().unwrap()));
            let headers: HeaderMap = sites.chain([(AUTHORIZATION, line.parse().unwrap())]).collect();
            assert_eq!(PresentedToken::read(&headers).unwrap().expose(), expected, "{headers:?}");
        }
        for (agent, expected) in [("Mozilla/5.0 (X11)", ""), ("git/2.39", "lgt_x")] {
            let lines = [(AUTHORIZATION, basic.parse().unwrap()), (USER_AGENT, agent.parse().unwrap())];
            let token = PresentedToken::read(&lines.into_iter().collect()).unwrap();
            assert_eq!(token.expose(), expected, "on plain http no browser says the site: {agent}");
        }
    }
}
