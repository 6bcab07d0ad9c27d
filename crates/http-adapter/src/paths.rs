//! The paths of the lab's URLs, each whole and without query, below the lab's base path. The route table, the
//! pages, redirects, providers' registrations and the doctor read them here.

use std::fmt::Display;

use labgate_domain::provider::ProviderId;
use labgate_domain::public_url::RegisteredPaths;
use labgate_domain::return_to::ReturnTo;

/// A path of the lab below its base path. It is no text, so that no page and no redirect names it without the base
/// path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabPath(&'static str);

impl LabPath {
    /// Returns the path below the base path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// A path of the lab below its base path, with values in it or with a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(String);

/// What is below the lab's base path.
pub(crate) trait InLab {
    /// Returns it without the base path.
    fn below_base(&self) -> &str;
}

impl InLab for LabPath {
    fn below_base(&self) -> &str {
        self.0
    }
}

impl InLab for Address {
    fn below_base(&self) -> &str {
        &self.0
    }
}

impl<T: InLab + ?Sized> InLab for &T {
    fn below_base(&self) -> &str {
        (**self).below_base()
    }
}

/// The forward-auth endpoint: says whether a request's session is alive.
pub const VERIFY: LabPath = LabPath("/api/auth/verify");
/// The check of Traefik.
pub const CHECK_TRAEFIK: LabPath = LabPath("/api/auth/check/traefik");
/// The check of Caddy.
pub const CHECK_CADDY: LabPath = LabPath("/api/auth/check/caddy");
/// The check of `HAProxy`.
pub const CHECK_HAPROXY: LabPath = LabPath("/api/auth/check/haproxy");
/// The check of Envoy, behind which it puts the path of the request.
pub const CHECK_ENVOY: LabPath = LabPath("/api/auth/check/envoy");
/// The same with a path.
pub const CHECK_ENVOY_PATH: LabPath = LabPath("/api/auth/check/envoy/{*path}");
/// The answer for a client whose request was refused by [`VERIFY`].
pub const REFUSED: LabPath = LabPath("/api/auth/check/refused");
/// oauth2-proxy's check.
pub const OAUTH2_AUTH: LabPath = LabPath("/oauth2/auth");
/// oauth2-proxy's way to sign in.
pub const OAUTH2_START: LabPath = LabPath("/oauth2/start");
/// oauth2-proxy's sign-in page.
pub const OAUTH2_SIGN_IN: LabPath = LabPath("/oauth2/sign_in");
/// oauth2-proxy's sign-out.
pub const OAUTH2_SIGN_OUT: LabPath = LabPath("/oauth2/sign_out");
/// oauth2-proxy's description of the person.
pub const OAUTH2_USERINFO: LabPath = LabPath("/oauth2/userinfo");
/// Authelia's check as nginx asks it.
pub const AUTHELIA_AUTH_REQUEST: LabPath = LabPath("/api/authz/auth-request");
/// Authelia's check as Traefik and Caddy ask it.
pub const AUTHELIA_FORWARD_AUTH: LabPath = LabPath("/api/authz/forward-auth");
/// Authelia's check as Envoy asks it.
pub const AUTHELIA_EXT_AUTHZ: LabPath = LabPath("/api/authz/ext-authz");
/// The same with a path.
pub const AUTHELIA_EXT_AUTHZ_PATH: LabPath = LabPath("/api/authz/ext-authz/{*path}");
/// Hands a session over to the host of a service.
pub const HAND_OVER: LabPath = LabPath("/hand-over");
/// Sends the browser through the hosts of services after a sign-out.
pub const LEAVING: LabPath = LabPath("/leaving");
/// On the host of a service: the way in.
pub const ENTER: LabPath = LabPath("/.labgate/enter");
/// On the host of a service: the way out.
pub const LEAVE: LabPath = LabPath("/.labgate/leave");
/// The signed-in person, as JSON.
pub const ME: LabPath = LabPath("/api/auth/me");
/// Ends the session.
pub const LOGOUT: LabPath = LabPath("/api/auth/logout");
/// Says whether external sign-in is on.
pub const OIDC_ENABLED: LabPath = LabPath("/api/auth/oidc/enabled");
/// Begins an external sign-in.
pub const OIDC_LOGIN: LabPath = LabPath("/api/auth/oidc/login");
/// Takes the browser back from a provider: the redirect URI.
pub const OIDC_CALLBACK: LabPath = LabPath("/api/auth/oidc/callback");
/// Takes a provider's back-channel logout.
pub const OIDC_LOGOUT: LabPath = LabPath("/api/auth/oidc/backchannel-logout");
/// Signs in with a password.
pub const PASSWORD_LOGIN: LabPath = LabPath("/api/auth/login");
/// Creates the person's own account.
pub const REGISTER: LabPath = LabPath("/api/auth/register");
/// Creates the first administrator.
pub const SETUP: LabPath = LabPath("/api/auth/setup");
/// Changes the password.
pub const CHANGE_PASSWORD: LabPath = LabPath("/api/auth/password");
/// Confirms an account link.
pub const CONFIRM_LINK: LabPath = LabPath("/api/auth/link");
/// The person's own account, as JSON.
pub const OWN_ACCOUNT: LabPath = LabPath("/api/auth/account");
/// Changes the person's name.
pub const RENAME: LabPath = LabPath("/api/auth/account/name");
/// Ends all sessions of the person.
pub const SIGN_OUT_EVERYWHERE: LabPath = LabPath("/api/auth/account/sign-out-everywhere");
/// Ends one session of the person.
pub const SIGN_OUT_SESSION: LabPath = LabPath("/api/auth/account/sessions/{id}/sign-out");
/// The person's own access tokens.
pub const OWN_TOKENS: LabPath = LabPath("/api/auth/account/tokens");
/// Revokes one of them.
pub const REVOKE_OWN_TOKEN: LabPath = LabPath("/api/auth/account/tokens/{id}/revoke");
/// Begins account linking.
pub const LINK: LabPath = LabPath("/api/auth/account/link");
/// Removes a linked identity.
pub const UNLINK: LabPath = LabPath("/api/auth/account/unlink");
/// The accounts, for administrators.
pub const USERS: LabPath = LabPath("/api/auth/users");
/// One account, for administrators.
pub const USER: LabPath = LabPath("/api/auth/users/{id}");
/// Changes one account.
pub const USER_ACTION: LabPath = LabPath("/api/auth/users/{id}/{action}");
/// Moves identities to another issuer.
pub const MOVE_IDENTITIES: LabPath = LabPath("/api/auth/identities/move");
/// The services, for administrators.
pub const SERVICES: LabPath = LabPath("/api/auth/services");
/// One added service, for administrators.
pub const SERVICE: LabPath = LabPath("/api/auth/services/{id}");
/// Tells how the client's address was found.
pub const SOURCE: LabPath = LabPath("/api/auth/source");
/// The public keys of the session tokens.
pub const JWKS: LabPath = LabPath("/.well-known/jwks.json");
/// The liveness check.
pub const HEALTH: LabPath = LabPath("/healthz");
/// The readiness check.
pub const READINESS: LabPath = LabPath("/readyz");
/// The main page.
pub const MAIN_PAGE: LabPath = LabPath("/");
/// The sign-in page.
pub const LOGIN_PAGE: LabPath = LabPath("/login");
/// The page that creates an account.
pub const REGISTER_PAGE: LabPath = LabPath("/register");
/// The page that creates the first administrator.
pub const SETUP_PAGE: LabPath = LabPath("/setup");
/// The page that changes the password.
pub const PASSWORD_PAGE: LabPath = LabPath("/password");
/// The page of the person's own account.
pub const ACCOUNT_PAGE: LabPath = LabPath("/account");
/// The page that asks to confirm an account link.
pub const LINK_PAGE: LabPath = LabPath("/link");
/// The page after signing out, here or at a provider.
pub const SIGNED_OUT_PAGE: LabPath = LabPath("/signed-out");
/// The list of accounts, for administrators.
pub const USERS_PAGE: LabPath = LabPath("/admin");
/// The page of one account, for administrators.
pub const USER_PAGE: LabPath = LabPath("/admin/accounts/{id}");
/// The page that asks before an account is changed in this way.
pub const USER_ACTION_PAGE: LabPath = LabPath("/admin/accounts/{id}/{action}");
/// The page that moves identities to another issuer.
pub const IDENTITIES_PAGE: LabPath = LabPath("/admin/identities");
/// The services, for administrators.
pub const SERVICES_PAGE: LabPath = LabPath("/admin/services");
/// The page that adds a service.
pub const ADD_SERVICE_PAGE: LabPath = LabPath("/admin/add-service");
/// The page of one added service, for administrators.
pub const SERVICE_PAGE: LabPath = LabPath("/admin/services/{id}");
/// The page that asks before a service is removed.
pub const REMOVE_SERVICE_PAGE: LabPath = LabPath("/admin/services/{id}/remove");
/// The terms of service, where the lab has a text of them, or asks people to accept them.
pub const TERMS_PAGE: LabPath = LabPath("/terms");
/// The style sheet.
pub const STYLE: LabPath = LabPath("/assets/labgate.css");

/// The paths that are registered at every provider.
pub const REGISTERED: RegisteredPaths =
    RegisteredPaths { callback: OIDC_CALLBACK.as_str(), signed_out: SIGNED_OUT_PAGE.as_str() };
/// The paths that a sign-in does not return to, with all below them: they would send the person round in
/// circles.
pub const CIRCULAR: &[&str] = &[LOGIN_PAGE.as_str(), "/logout", "/api/auth", "/oauth2"];
/// The paths that are answered outside the base path, too: those of this process itself, and those that it has on
/// the hosts of services.
pub(crate) const BESIDE_BASE: &[LabPath] = &[HEALTH, READINESS, ENTER, LEAVE];

/// Returns the address of one account's page.
pub(crate) fn user_page(id: impl Display) -> Address {
    Address(USER_PAGE.0.replace("{id}", &id.to_string()))
}

/// Returns the address of the page that does this to an account.
pub(crate) fn user_action_page(id: impl Display, action: &str) -> Address {
    Address(USER_ACTION_PAGE.0.replace("{id}", &id.to_string()).replace("{action}", action))
}

/// Returns the address of the page that adds a service.
pub(crate) fn add_service_page() -> Address {
    Address(ADD_SERVICE_PAGE.0.to_owned())
}

/// Returns the address of the page of one added service.
pub(crate) fn service_page(id: &str) -> Address {
    Address(SERVICE_PAGE.0.replace("{id}", id))
}

/// Returns the address of the page that removes a service.
pub(crate) fn remove_service_page(id: &str) -> Address {
    Address(REMOVE_SERVICE_PAGE.0.replace("{id}", id))
}

/// Returns the address of a page that leads on to this target.
pub(crate) fn leading_to(page: LabPath, return_to: &ReturnTo) -> Address {
    match return_to.path() {
        Some(target) => with_parameters(page, &[("return_to", target)]),
        None => Address(page.0.to_owned()),
    }
}

/// Returns the address of the page that creates the first administrator.
pub(crate) fn setup_page(token: &str) -> Address {
    with_parameters(SETUP_PAGE, &[("token", token)])
}

/// Returns the address that ends one session of the person.
pub(crate) fn sign_out_session(id: impl Display) -> Address {
    Address(SIGN_OUT_SESSION.0.replace("{id}", &id.to_string()))
}

/// Returns the address that revokes one access token of the person.
pub(crate) fn revoke_token(id: impl Display) -> Address {
    Address(REVOKE_OWN_TOKEN.0.replace("{id}", &id.to_string()))
}

/// Returns the link that begins a sign-in at a provider and ends at this target.
pub(crate) fn to_provider(provider: &ProviderId, return_to: &ReturnTo) -> Address {
    let target = return_to.path().map(|target| ("return_to", target));
    let parameters: Vec<_> = [("provider", provider.as_str())].into_iter().chain(target).collect();
    with_parameters(OIDC_LOGIN, &parameters)
}

/// Returns a whole URL of ours on the host of a service.
pub(crate) fn on_host(origin: &str, page: LabPath, parameters: &[(&str, &str)]) -> String {
    format!("{origin}{}", with_parameters(page, parameters).0)
}

/// Returns an address with these query parameters.
pub(crate) fn with_parameters(address: impl InLab, parameters: &[(&str, &str)]) -> Address {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    Address(format!("{}?{query}", address.below_base()))
}
