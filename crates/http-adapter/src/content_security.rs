//! The content security policy of every page (CSP Level 3): no script and nothing from elsewhere.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;
use sha2::{Digest as _, Sha256};

use crate::pages::STYLE;
use crate::reply::{self, Response};

/// The policy of every page.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The script of the sign-in page, which keeps the fragment of the address to come back to.
pub(crate) const FRAGMENT_SCRIPT: &str = include_str!("../assets/fragment.js");

/// Permits the sign-in page its script, and no other: the policy names it by its hash.
pub(crate) fn with_fragment_script(page: Response) -> Response {
    static WITH_SCRIPT: LazyLock<HeaderValue> =
        LazyLock::new(|| or_plain(format!("{POLICY}; script-src {}", hash(FRAGMENT_SCRIPT))));
    reply::with_header(page, CONTENT_SECURITY_POLICY, WITH_SCRIPT.clone())
}

/// Permits an error page the style sheet within it: it can be shown on the host of a service, where the style sheet
/// itself is not.
pub(crate) fn with_style(page: Response) -> Response {
    static WITH_STYLE: LazyLock<HeaderValue> = LazyLock::new(|| {
        or_plain(POLICY.replace("style-src 'self'", &format!("style-src 'self' {}", hash(STYLE))))
    });
    reply::with_header(page, CONTENT_SECURITY_POLICY, WITH_STYLE.clone())
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

fn or_plain(policy: String) -> HeaderValue {
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(POLICY))
}
