//! Where everything is. Each is a whole path without query.

use labgate_domain::people::AccountId;
use labgate_domain::provider::ProviderId;
use labgate_domain::return_to::ReturnTo;

/// Any method: whether somebody is signed in.
pub(crate) const VERIFY: &str = "/api/auth/verify";
/// `GET`: the main page.
pub(crate) const MAIN: &str = "/";
/// `GET`: the sign-in page.
pub(crate) const LOGIN: &str = "/login";
/// `GET`: begins an external sign-in.
pub(crate) const OIDC_LOGIN: &str = "/api/auth/oidc/login";

/// `GET`: takes the browser back from a provider.
pub(crate) const OIDC_CALLBACK: &str = "/api/auth/oidc/callback";

/// `GET`: chooses another password.
pub(crate) const PASSWORD: &str = "/password";
/// `POST`: makes one's own account.
pub(crate) const REGISTER_ACTION: &str = "/api/auth/register";
/// `POST`: makes the first administrator.
pub(crate) const SETUP_ACTION: &str = "/api/auth/setup";
/// `GET`: one's own account.
pub(crate) const ACCOUNT: &str = "/account";
/// `GET`: asks whether a further identity may open an account.
pub(crate) const LINK: &str = "/link";
/// `GET`: says that nobody is signed in any more.
pub(crate) const SIGNED_OUT: &str = labgate_domain::public_url::PublicUrl::SIGNED_OUT_PATH;
/// `GET`: the list of accounts.
pub(crate) const ADMIN: &str = "/admin";

/// `GET`: one account.
pub(crate) fn account(id: AccountId) -> String {
    format!("{ADMIN}/accounts/{id}")
}

/// To a provider, and from there to that target.
pub(crate) fn to_provider(provider: &ProviderId, return_to: &ReturnTo) -> String {
    let mut begin = vec![("provider", provider.as_str())];
    if return_to.as_str() != MAIN {
        begin.push(("return_to", return_to.as_str()));
    }
    with_parameters(OIDC_LOGIN, &begin)
}

/// A path with these query parameters.
pub(crate) fn with_parameters(path: &str, parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{path}?{query}")
}
