//! The routes, as one table: methods, path, effect, body and handler of each; and the one warp filter over
//! it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use http::Method;
use matchit::Router;
use warp::Filter;

use crate::audience::Audience;
use crate::authorization::{PresentedToken, TokenChallenge};
use crate::failure::{Failure, HttpErrorCode};
use crate::paths::{self, LabPath};
use crate::reply::Response;
use crate::request::ParsedRequest;
use crate::routes::{
    access, administration, drop_in, external, hand_over, identities, operations, own_account, pages,
    passwords, services, session, terms, tokens,
};
use crate::state::AppState;

/// One route.
pub(crate) struct Route {
    /// The methods that it answers to; none is every method.
    methods: &'static [Method],
    path: LabPath,
    pub(crate) effect: Effect,
    pub(crate) body: Body,
    handler: Handler,
}

impl Route {
    /// Returns whether the request is a person's visit to a page.
    fn is_visited(&self, request: &ParsedRequest) -> bool {
        self.effect == Effect::Shows && request.audience == Audience::Person
    }

    /// Returns the request without an access token, where none counts: elsewhere it is as good as not there. In the
    /// API none counts that a browser may have added by itself, and the answer is for a program.
    pub(crate) fn with_fitting_token(&self, mut request: ParsedRequest) -> ParsedRequest {
        let counts = matches!(request.access_token, Some(PresentedToken::Bearer(_) | PresentedToken::Unfit));
        if API_WITH_TOKENS.contains(&self.path) && counts {
            request.audience = Audience::Program;
        } else if CHECKS_WITHOUT_TOKENS.contains(&self.path) {
            request.challenge = TokenChallenge::Silent;
            request.access_token = request.access_token.map(|_| PresentedToken::Unfit);
        } else if !CHECKS_WITH_TOKENS.contains(&self.path) {
            request.access_token = None;
        }
        request
    }

    /// Returns whether only a tab may send the request: it asks for a page or sends the form of one.
    fn is_of_a_page(&self, request: &ParsedRequest) -> bool {
        self.effect == Effect::Shows || (self.body != Body::Foreign && request.is_form())
    }
}

/// The effect of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Leaves nothing half-done when it is cut off.
    Reads,
    /// The same, and shows a page, which may hold a CSRF token or take a password: a script or a frame of the
    /// same origin does not get it.
    Shows,
    /// Runs to its end, even when the client has hung up.
    Changes,
}

/// The body that a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Stays unread: a proxy's sub-request announces the body of the request that it holds, and does not send
    /// it.
    Unread,
    /// Fields from a page or a script of this lab: the CSRF check comes before the handler.
    Own,
    /// The form of a page of this lab, and nothing that a script could send: the person agrees to what the page says.
    Page,
    /// A form from elsewhere, with evidence of its own.
    Foreign,
}

/// Answers a request of its route.
type Handler = for<'a> fn(&'a AppState, &'a ParsedRequest) -> Answer<'a>;
type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send + 'a>>;

/// `GET` alone: a `HEAD` must not start an attempt, let alone use up a code.
const GET: &[Method] = &[Method::GET];
/// `HEAD` as HTTP demands beside `GET` (RFC 9110 section 9.3.2).
const READ: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const PUT: &[Method] = &[Method::PUT];
const DELETE: &[Method] = &[Method::DELETE];
/// A proxy asks with the method of the request that it holds.
const ANY: &[Method] = &[];

macro_rules! routes {
    ($($methods:ident $path:ident $effect:ident $body:ident => $family:ident::$handler:ident;)+) => {
        &[$(Route {
            methods: $methods,
            path: paths::$path,
            effect: Effect::$effect,
            body: Body::$body,
            handler: |state, request| Box::pin($family::$handler(state, request)),
        }),+]
    };
}

/// Every route. A page's forms are posted to its own address, which a browser can then load anew, whatever
/// the answer was; the paths of the API do the same. The forward-auth endpoint, which is asked on every
/// request of the lab, comes first.
#[rustfmt::skip]
static ROUTES: &[Route] = routes! {
    ANY    VERIFY              Reads   Unread  => access::verify;
    ANY    CHECK_TRAEFIK       Reads   Unread  => access::traefik;
    ANY    CHECK_CADDY         Reads   Unread  => access::caddy;
    ANY    CHECK_HAPROXY       Reads   Unread  => access::haproxy;
    ANY    CHECK_ENVOY         Reads   Unread  => access::envoy;
    ANY    CHECK_ENVOY_PATH    Reads   Unread  => access::envoy;
    ANY    REFUSED             Reads   Unread  => access::refused;
    ANY    OAUTH2_AUTH         Reads   Unread  => drop_in::oauth2_auth;
    READ   OAUTH2_START        Shows   Unread  => drop_in::oauth2_start;
    READ   OAUTH2_SIGN_IN      Reads   Unread  => drop_in::oauth2_sign_in;
    READ   OAUTH2_SIGN_OUT     Shows   Unread  => drop_in::oauth2_sign_out;
    READ   OAUTH2_USERINFO     Reads   Unread  => drop_in::oauth2_userinfo;
    ANY    AUTHELIA_AUTH_REQUEST Reads Unread  => drop_in::auth_request;
    ANY    AUTHELIA_FORWARD_AUTH Reads Unread  => drop_in::forward_auth;
    ANY    AUTHELIA_EXT_AUTHZ  Reads   Unread  => drop_in::ext_authz;
    ANY    AUTHELIA_EXT_AUTHZ_PATH Reads Unread => drop_in::ext_authz;
    GET    HAND_OVER           Shows   Unread  => hand_over::hand_over;
    GET    ENTER               Changes Unread  => hand_over::enter;
    GET    LEAVING             Shows   Unread  => session::leaving;
    GET    LEAVE               Shows   Unread  => hand_over::leave;
    READ   ME                  Reads   Unread  => session::me;
    POST   LOGOUT              Changes Own     => session::logout;
    READ   OIDC_ENABLED        Reads   Unread  => external::enabled;
    GET    OIDC_LOGIN          Reads   Unread  => external::login;
    GET    OIDC_CALLBACK       Changes Unread  => external::callback;
    POST   OIDC_LOGOUT         Changes Foreign => external::back_channel_logout;
    POST   PASSWORD_LOGIN      Changes Own     => passwords::login;
    POST   REGISTER            Changes Own     => passwords::register;
    POST   SETUP               Changes Own     => passwords::setup;
    POST   CHANGE_PASSWORD     Changes Own     => passwords::change;
    POST   CONFIRM_LINK        Changes Own     => own_account::confirm_link;
    READ   OWN_ACCOUNT         Reads   Unread  => own_account::show;
    POST   RENAME              Changes Own     => own_account::rename;
    POST   SIGN_OUT_EVERYWHERE Changes Own     => own_account::sign_out_everywhere;
    POST   SIGN_OUT_SESSION    Changes Own     => own_account::sign_out_session;
    READ   OWN_TOKENS          Reads   Unread  => tokens::list;
    POST   OWN_TOKENS          Changes Own     => tokens::make;
    POST   REVOKE_OWN_TOKEN    Changes Own     => tokens::revoke;
    POST   LINK                Changes Own     => own_account::begin_link;
    POST   UNLINK              Changes Own     => own_account::unlink;
    READ   USERS               Reads   Unread  => administration::list;
    POST   USERS               Changes Own     => administration::create;
    READ   USER                Reads   Unread  => administration::show;
    DELETE USER                Changes Own     => administration::delete;
    POST   USER_ACTION         Changes Own     => administration::act;
    POST   MOVE_IDENTITIES     Changes Own     => identities::move_all;
    READ   SERVICES            Reads   Unread  => services::list;
    POST   SERVICES            Changes Own     => services::add;
    READ   SERVICE             Reads   Unread  => services::show;
    PUT    SERVICE             Changes Own     => services::change;
    DELETE SERVICE             Changes Own     => services::remove;
    READ   SOURCE              Reads   Unread  => operations::source;
    READ   JWKS                Reads   Unread  => operations::jwks;
    READ   HEALTH              Reads   Unread  => operations::health;
    READ   READINESS           Reads   Unread  => operations::readiness;
    READ   MAIN_PAGE           Shows   Unread  => pages::main;
    READ   LOGIN_PAGE          Shows   Unread  => pages::login;
    POST   LOGIN_PAGE          Changes Own     => passwords::login;
    READ   REGISTER_PAGE       Shows   Unread  => passwords::register_page;
    POST   REGISTER_PAGE       Changes Own     => passwords::register;
    READ   SETUP_PAGE          Shows   Unread  => passwords::setup_page;
    POST   SETUP_PAGE          Changes Own     => passwords::setup;
    READ   PASSWORD_PAGE       Shows   Unread  => passwords::change_page;
    POST   PASSWORD_PAGE       Changes Own     => passwords::change;
    READ   ACCOUNT_PAGE        Shows   Unread  => own_account::page;
    POST   ACCOUNT_PAGE        Changes Own     => own_account::act;
    READ   LINK_PAGE           Shows   Unread  => own_account::link_page;
    POST   LINK_PAGE           Changes Own     => own_account::confirm_link;
    READ   SIGNED_OUT_PAGE     Shows   Unread  => pages::signed_out;
    READ   TERMS_PAGE          Shows   Unread  => terms::page;
    POST   TERMS_PAGE          Changes Page    => terms::accept;
    READ   USERS_PAGE          Shows   Unread  => administration::accounts_page;
    POST   USERS_PAGE          Changes Own     => administration::create;
    READ   USER_PAGE           Shows   Unread  => administration::account_page;
    READ   USER_ACTION_PAGE    Shows   Unread  => administration::action_page;
    POST   USER_ACTION_PAGE    Changes Own     => administration::act;
    READ   IDENTITIES_PAGE     Shows   Unread  => identities::page;
    POST   IDENTITIES_PAGE     Changes Own     => identities::move_all;
    READ   SERVICES_PAGE       Shows   Unread  => services::page;
    READ   ADD_SERVICE_PAGE    Shows   Unread  => services::add_page;
    POST   ADD_SERVICE_PAGE    Changes Own     => services::add;
    READ   SERVICE_PAGE        Shows   Unread  => services::change_page;
    POST   SERVICE_PAGE        Changes Own     => services::change;
    READ   REMOVE_SERVICE_PAGE Shows   Unread  => services::remove_page;
    POST   REMOVE_SERVICE_PAGE Changes Own     => services::remove;
    READ   STYLE               Reads   Unread  => pages::style;
};

/// The checks that reverse proxies close to their clients.
const CLOSED_TO_CLIENTS: &[LabPath] = &[
    paths::VERIFY,
    paths::CHECK_TRAEFIK,
    paths::CHECK_CADDY,
    paths::CHECK_HAPROXY,
    paths::REFUSED,
    paths::OAUTH2_AUTH,
    paths::AUTHELIA_AUTH_REQUEST,
    paths::AUTHELIA_FORWARD_AUTH,
];

/// The checks in which an access token counts.
const CHECKS_WITH_TOKENS: &[LabPath] = &[
    paths::VERIFY,
    paths::CHECK_TRAEFIK,
    paths::CHECK_CADDY,
    paths::CHECK_HAPROXY,
    paths::CHECK_ENVOY,
    paths::CHECK_ENVOY_PATH,
    paths::REFUSED,
];

/// The checks in which none does, and no request with one passes: configurations for other products may hand it on to
/// the service.
const CHECKS_WITHOUT_TOKENS: &[LabPath] = &[
    paths::OAUTH2_AUTH,
    paths::AUTHELIA_AUTH_REQUEST,
    paths::AUTHELIA_FORWARD_AUTH,
    paths::AUTHELIA_EXT_AUTHZ,
    paths::AUTHELIA_EXT_AUTHZ_PATH,
];

/// The API in which an access token counts, with the scope for it.
const API_WITH_TOKENS: &[LabPath] =
    &[paths::USERS, paths::USER, paths::USER_ACTION, paths::SERVICES, paths::SERVICE, paths::MOVE_IDENTITIES];

/// The paths of all routes. Inserting one a second time, for another method, changes nothing.
static PATHS: LazyLock<Router<LabPath>> = LazyLock::new(|| {
    let mut paths = Router::new();
    for route in ROUTES {
        let _ = paths.insert(route.path.as_str(), route.path);
    }
    paths
});

/// A request's route, and the parameters of its path by name, undecoded.
pub(crate) struct Found {
    pub(crate) route: &'static Route,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// Finds the route of a method and a path below the base path; without one, returns what to say.
pub(crate) fn find(method: &Method, path: &str) -> Result<Found, Failure> {
    // A slash at the end changes nothing, but for checks: a proxy that closes one to its clients closes one text.
    let stripped = path.strip_suffix('/').filter(|path| !path.is_empty() && !path.ends_with('/'));
    let path =
        stripped.filter(|path| !CLOSED_TO_CLIENTS.iter().any(|it| it.as_str() == *path)).unwrap_or(path);
    let found = PATHS.at(path).map_err(|_| HttpErrorCode::NotFound)?;
    let routes = ROUTES.iter().filter(|route| route.path == *found.value);
    let answers = |route: &&Route| route.methods.is_empty() || route.methods.contains(method);
    match routes.clone().find(answers) {
        Some(route) => {
            let parameters = found.params.iter().map(|(name, value)| (name, value.to_owned())).collect();
            Ok(Found { route, parameters })
        }
        None => Err(Failure::not_allowed(&routes.flat_map(|route| route.methods).collect::<Vec<_>>())),
    }
}

/// A request with its route, or with what to say instead.
pub(crate) struct Call {
    pub(crate) route: Result<&'static Route, Failure>,
    pub(crate) request: ParsedRequest,
}

/// Builds the one filter over the table; the request carries its [`Call`].
pub(crate) fn filter(
    state: &Arc<AppState>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    let state = Arc::clone(state);
    warp::ext::optional::<Arc<Call>>().then(move |call: Option<Arc<Call>>| {
        let state = Arc::clone(&state);
        async move { answer(&state, call.as_deref()).await.unwrap_or_else(Failure::into_response) }
    })
}

async fn answer(state: &AppState, call: Option<&Call>) -> Result<Response, Failure> {
    let Call { route, request } = call.ok_or(HttpErrorCode::NotFound)?;
    let route = route.as_ref().map_err(Clone::clone)?;
    let is_of_a_script = route.body == Body::Page && !request.is_form();
    if is_of_a_script || (route.is_of_a_page(request) && !request.is_top_level) {
        return Err(HttpErrorCode::TopLevelOnly.into());
    }
    if matches!(route.body, Body::Own | Body::Page) {
        state.check_csrf(request)?;
    }
    let _turn = match route.effect {
        Effect::Reads | Effect::Shows => None,
        Effect::Changes => state.turn(request).await?,
    };
    match (route.handler)(state, request).await {
        Err(failure) if failure.is_not_signed_in() && route.is_visited(request) => {
            Ok(state.to_sign_in(request, &failure))
        }
        Err(failure) if failure.is_terms_due() && route.is_visited(request) => {
            Ok(state.to_terms(request, &failure))
        }
        Err(failure) if failure.is_terms_due() => Err(failure.with_terms_page(&state.terms_page())),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AppInfo, testing};

    #[test]
    fn every_route_is_found_by_its_methods_and_path() {
        for route in ROUTES {
            let path = route.path.as_str().replace(['{', '}', '*'], "");
            for method in if route.methods.is_empty() { &[Method::PATCH] } else { route.methods } {
                let found = find(method, &path).unwrap_or_else(|_| panic!("{method} {path} is not found"));
                assert!(std::ptr::eq(found.route, route), "{method} {path}");
                let names: Vec<_> = found.parameters.iter().map(|(_, value)| value.as_str()).collect();
                assert_eq!(
                    found.parameters.len(),
                    route.path.as_str().matches('{').count(),
                    "{path}: {names:?}"
                );
            }
        }
    }

    #[test]
    fn every_route_is_below_the_base_path_and_health_checks_beside_it_too() {
        let app = testing::app_at("https://lab.example/auth", AppInfo::default());
        let find = |method: &Method, path: &str| {
            let request = http::Request::builder().method(method).uri(path).body(()).unwrap();
            app.find(&request.into_parts().0).map(|found| found.route)
        };
        for route in ROUTES {
            let path = route.path.as_str().replace(['{', '}', '*'], "");
            let method = route.methods.first().unwrap_or(&Method::GET);
            let below = find(method, &format!("/auth{path}")).unwrap();
            assert!(std::ptr::eq(below, route), "{path}");
            let is_beside = paths::BESIDE_BASE.contains(&route.path);
            assert_eq!(find(method, &path).is_ok(), is_beside, "{path}");
        }
    }

    #[test]
    fn all_but_reads_change_something_and_pass_the_csrf_check() {
        for route in ROUTES.iter().filter(|route| !route.methods.is_empty()) {
            let reads = [GET, READ].contains(&route.methods);
            let uses_up_a_code = [paths::OIDC_CALLBACK, paths::ENTER].contains(&route.path);
            assert_eq!(route.body == Body::Unread, reads, "{:?}", route.path);
            assert_eq!(route.effect != Effect::Changes, reads && !uses_up_a_code, "{:?}", route.path);
            assert_eq!(route.body == Body::Foreign, route.path == paths::OIDC_LOGOUT, "{:?}", route.path);
        }
    }

    #[test]
    fn f27_every_page_is_for_tabs_alone() {
        for route in ROUTES.iter().filter(|route| [GET, READ].contains(&route.methods)) {
            let for_programs =
                ["/api/", "/.well-known/"].iter().any(|it| route.path.as_str().starts_with(it));
            // The last one has a check of its own, and its code must not be lost.
            let others = [
                paths::HEALTH,
                paths::READINESS,
                paths::STYLE,
                paths::OAUTH2_USERINFO,
                paths::OAUTH2_SIGN_IN,
                paths::ENTER,
            ];
            let is_page = !for_programs && !others.contains(&route.path);
            assert_eq!(route.effect == Effect::Shows, is_page, "{:?}", route.path);
        }
    }

    #[test]
    fn one_slash_at_the_end_changes_nothing_and_no_other_slash() {
        for path in ["/login", "/login/", "/", "/admin/accounts/x/"] {
            assert!(find(&Method::GET, path).is_ok(), "{path}");
        }
        assert!(find(&Method::GET, "/api/auth/check/envoy/").is_ok(), "Envoy asks so about the root");
        for path in [
            "/api/auth/verify/",
            "",
            "//",
            "/login//",
            "//login",
            "login",
            "*",
            "/admin/accounts/",
            "/admin//x",
        ] {
            assert!(find(&Method::GET, path).is_err(), "{path}");
        }
    }
}
