//! Remedies for operators: what to do about each error code, as `remedies.toml` says.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use labgate_domain::error::ErrorCode;

/// The remedies by code. A test holds that the file is well-formed and complete.
static REMEDIES: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| toml::from_str(include_str!("remedies.toml")).unwrap_or_default());

/// Returns the remedy for an error.
#[must_use]
pub fn remedy(code: ErrorCode) -> &'static str {
    remedy_of(code.as_str())
}

/// Returns the remedy for the error with this code, be it of a sign-in or of HTTP.
#[must_use]
pub fn remedy_of(code: &str) -> &'static str {
    REMEDIES.get(code).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use labgate_http::HttpErrorCode;

    use super::*;

    #[test]
    fn every_code_has_a_remedy_and_every_remedy_a_code() {
        let of_http = HttpErrorCode::ALL.iter().map(|code| code.as_str());
        let codes: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).chain(of_http).collect();
        assert_eq!(REMEDIES.keys().map(String::as_str).collect::<BTreeSet<_>>(), codes);
        assert!(REMEDIES.values().all(|remedy| !remedy.is_empty() && !remedy.contains('\n')));
    }
}
