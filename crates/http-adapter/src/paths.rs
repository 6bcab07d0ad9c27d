//! The paths of the lab's URLs, each whole and without query. The route table, the pages, redirects,
//! providers' registrations and the doctor read them here.

use std::fmt::Display;

use labgate_domain::provider::ProviderId;
use labgate_domain::public_url::RegisteredPaths;
use labgate_domain::return_to::ReturnTo;

/// The forward-auth endpoint: says whether a request's session is alive.
pub const VERIFY: &str = "/api/auth/verify";
/// The check of Traefik.
pub const CHECK_TRAEFIK: &str = "/api/auth/check/traefik";
/// The check of Caddy.
pub const CHECK_CADDY: &str = "/api/auth/check/caddy";
/// The check of `HAProxy`.
pub const CHECK_HAPROXY: &str = "/api/auth/check/haproxy";
/// The check of Envoy, behind which it puts the path of the request.
pub const CHECK_ENVOY: &str = "/api/auth/check/envoy";
/// The same with a path.
pub const CHECK_ENVOY_PATH: &str = "/api/auth/check/envoy/{*path}";
/// The answer for a client whose request was refused by [`VERIFY`].
pub const REFUSED: &str = "/api/auth/check/refused";
/// oauth2-proxy's check.
pub const OAUTH2_AUTH: &str = "/oauth2/auth";
/// oauth2-proxy's way to sign in.
pub const OAUTH2_START: &str = "/oauth2/start";
/// oauth2-proxy's sign-in page.
pub const OAUTH2_SIGN_IN: &str = "/oauth2/sign_in";
/// oauth2-proxy's sign-out.
pub const OAUTH2_SIGN_OUT: &str = "/oauth2/sign_out";
/// oauth2-proxy's description of the person.
pub const OAUTH2_USERINFO: &str = "/oauth2/userinfo";
/// Authelia's check as nginx asks it.
pub const AUTHELIA_AUTH_REQUEST: &str = "/api/authz/auth-request";
/// Authelia's check as Traefik and Caddy ask it.
pub const AUTHELIA_FORWARD_AUTH: &str = "/api/authz/forward-auth";
/// Authelia's check as Envoy asks it.
pub const AUTHELIA_EXT_AUTHZ: &str = "/api/authz/ext-authz";
/// The same with a path.
pub const AUTHELIA_EXT_AUTHZ_PATH: &str = "/api/authz/ext-authz/{*path}";
/// Hands a session over to the host of a service.
pub const HAND_OVER: &str = "/hand-over";
/// Sends the browser through the hosts of services after a sign-out.
pub const LEAVING: &str = "/leaving";
/// On the host of a service: the way in.
pub const ENTER: &str = "/.labgate/enter";
/// On the host of a service: the way out.
pub const LEAVE: &str = "/.labgate/leave";
/// The signed-in person, as JSON.
pub const ME: &str = "/api/auth/me";
/// Ends the session.
pub const LOGOUT: &str = "/api/auth/logout";
/// Says whether external sign-in is on.
pub const OIDC_ENABLED: &str = "/api/auth/oidc/enabled";
/// Begins an external sign-in.
pub const OIDC_LOGIN: &str = "/api/auth/oidc/login";
/// Takes the browser back from a provider: the redirect URI.
pub const OIDC_CALLBACK: &str = "/api/auth/oidc/callback";
/// Takes a provider's back-channel logout.
pub const OIDC_LOGOUT: &str = "/api/auth/oidc/backchannel-logout";
/// Signs in with a password.
pub const PASSWORD_LOGIN: &str = "/api/auth/login";
/// Creates the person's own account.
pub const REGISTER: &str = "/api/auth/register";
/// Creates the first administrator.
pub const SETUP: &str = "/api/auth/setup";
/// Changes the password.
pub const CHANGE_PASSWORD: &str = "/api/auth/password";
/// Confirms an account link.
pub const CONFIRM_LINK: &str = "/api/auth/link";
/// The person's own account, as JSON.
pub const OWN_ACCOUNT: &str = "/api/auth/account";
/// Changes the person's name.
pub const RENAME: &str = "/api/auth/account/name";
/// Ends all sessions of the person.
pub const SIGN_OUT_EVERYWHERE: &str = "/api/auth/account/sign-out-everywhere";
/// Ends one session of the person.
pub const SIGN_OUT_SESSION: &str = "/api/auth/account/sessions/{id}/sign-out";
/// Begins account linking.
pub const LINK: &str = "/api/auth/account/link";
/// Removes a linked identity.
pub const UNLINK: &str = "/api/auth/account/unlink";
/// The accounts, for administrators.
pub const USERS: &str = "/api/auth/users";
/// One account, for administrators.
pub const USER: &str = "/api/auth/users/{id}";
/// Changes one account.
pub const USER_ACTION: &str = "/api/auth/users/{id}/{action}";
/// Moves identities to another issuer.
pub const MOVE_IDENTITIES: &str = "/api/auth/identities/move";
/// Tells how the client's address was found.
pub const SOURCE: &str = "/api/auth/source";
/// The public keys of the session tokens.
pub const JWKS: &str = "/.well-known/jwks.json";
/// The liveness check.
pub const HEALTH: &str = "/healthz";
/// The readiness check.
pub const READINESS: &str = "/readyz";
/// The main page.
pub const MAIN_PAGE: &str = "/";
/// The sign-in page.
pub const LOGIN_PAGE: &str = "/login";
/// The page that creates an account.
pub const REGISTER_PAGE: &str = "/register";
/// The page that creates the first administrator.
pub const SETUP_PAGE: &str = "/setup";
/// The page that changes the password.
pub const PASSWORD_PAGE: &str = "/password";
/// The page of the person's own account.
pub const ACCOUNT_PAGE: &str = "/account";
/// The page that asks to confirm an account link.
pub const LINK_PAGE: &str = "/link";
/// The page after signing out, here or at a provider.
pub const SIGNED_OUT_PAGE: &str = "/signed-out";
/// The list of accounts, for administrators.
pub const USERS_PAGE: &str = "/admin";
/// The page of one account, for administrators.
pub const USER_PAGE: &str = "/admin/accounts/{id}";
/// The page that asks before an account is changed in this way.
pub const USER_ACTION_PAGE: &str = "/admin/accounts/{id}/{action}";
/// The page that moves identities to another issuer.
pub const IDENTITIES_PAGE: &str = "/admin/identities";
/// The services, for administrators.
pub const SERVICES_PAGE: &str = "/admin/services";
/// The terms of service, where the lab has a text of them.
pub const TERMS_PAGE: &str = "/terms";
/// The style sheet.
pub const STYLE: &str = "/assets/labgate.css";

/// The paths that are registered at every provider.
pub const REGISTERED: RegisteredPaths =
    RegisteredPaths { callback: OIDC_CALLBACK, signed_out: SIGNED_OUT_PAGE };
/// The paths that a sign-in does not return to, with all below them: they would send the person round in
/// circles.
pub const CIRCULAR: &[&str] = &[LOGIN_PAGE, "/logout", "/api/auth", "/oauth2"];

/// Returns the path of one account's page.
pub(crate) fn user_page(id: impl Display) -> String {
    USER_PAGE.replace("{id}", &id.to_string())
}

/// Returns the path of the page that does this to an account.
pub(crate) fn user_action_page(id: impl Display, action: &str) -> String {
    USER_ACTION_PAGE.replace("{id}", &id.to_string()).replace("{action}", action)
}

/// Returns the address of a page that leads on to this target.
pub(crate) fn leading_to(page: &str, return_to: &ReturnTo) -> String {
    if return_to.as_str() == MAIN_PAGE {
        return page.to_owned();
    }
    with_parameters(page, &[("return_to", return_to.as_str())])
}

/// Returns the address of the page that creates the first administrator.
pub(crate) fn setup_page(token: &str) -> String {
    with_parameters(SETUP_PAGE, &[("token", token)])
}

/// Returns the path that ends one session of the person.
pub(crate) fn sign_out_session(id: impl Display) -> String {
    SIGN_OUT_SESSION.replace("{id}", &id.to_string())
}

/// Returns the link that begins a sign-in at a provider and ends at this target.
pub(crate) fn to_provider(provider: &ProviderId, return_to: &ReturnTo) -> String {
    let mut begin = vec![("provider", provider.as_str())];
    if return_to.as_str() != MAIN_PAGE {
        begin.push(("return_to", return_to.as_str()));
    }
    with_parameters(OIDC_LOGIN, &begin)
}

/// Returns a path with these query parameters.
pub(crate) fn with_parameters(path: &str, parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{path}?{query}")
}
