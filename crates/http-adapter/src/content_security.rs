//! The content security policy of every page (CSP Level 3): no script and nothing from elsewhere.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;
use sha2::{Digest as _, Sha256};

use crate::reply::{self, Response};

/// The policy of every page.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The script of the sign-in page, which keeps the fragment of the address to come back to.
pub(crate) const FRAGMENT_SCRIPT: &str = include_str!("../assets/fragment.js");

/// Permits the sign-in page its script, and no other: the policy names it by its hash.
pub(crate) fn with_fragment_script(page: Response) -> Response {
    static WITH_SCRIPT: LazyLock<HeaderValue> = LazyLock::new(|| {
        let hash = BASE64_STANDARD.encode(Sha256::digest(FRAGMENT_SCRIPT));
        let policy = format!("{POLICY}; script-src 'sha256-{hash}'");
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(POLICY))
    });
    reply::with_header(page, CONTENT_SECURITY_POLICY, WITH_SCRIPT.clone())
}
