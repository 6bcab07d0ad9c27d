//! Where everything is. Each is a whole path without query.

/// `GET`: the main page.
pub(crate) const MAIN: &str = "/";
/// `GET`: the sign-in page.
pub(crate) const LOGIN: &str = "/login";
/// `GET`: begins an external sign-in.
pub(crate) const OIDC_LOGIN: &str = "/api/auth/oidc/login";

/// A path with these query parameters.
pub(crate) fn with_parameters(path: &str, parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{path}?{query}")
}
