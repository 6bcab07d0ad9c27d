//! The pages: no script, nothing from elsewhere, everything foreign escaped by the templates.

use std::sync::Arc;

use askama::Template;
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use crate::authorization_request::Asked;
use crate::faults::Fault;
use crate::issuer::IssuerCore;
use crate::protocol::UnanswerableRequest;
use crate::reply::{self, Response};
use crate::site::Endpoint;
use crate::typed_user::TypedUser;
use crate::user::User;

const STYLE: &str = include_str!("../templates/style.css");

const UNANSWERABLE: &str = "This request cannot be answered";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    issuer: &'a str,
    client: &'a str,
    scope: String,
    action: String,
    users: Vec<&'a User>,
    hint: &'a str,
    faults: Vec<&'a Fault>,
    typed: TypedUser,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    title: &'a str,
    message: &'a str,
}

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage<'a> {
    issuer: &'a str,
    action: String,
    person: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "landing.html")]
struct LandingPage<'a> {
    /// Each with the URL of its metadata.
    issuers: Vec<(&'a IssuerCore, String)>,
}

/// The login page; with what was typed before, and why it could not be used.
pub(crate) fn login(issuer: &IssuerCore, asked: &Asked, query: &str, typed: Option<TypedUser>) -> Response {
    let hint = asked.login_hint.as_deref().unwrap_or_default();
    let status = if typed.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut users: Vec<&User> = issuer.users.iter().collect();
    users.sort_by_key(|user| !user.is_hinted_by(hint));
    let known = users.first().is_some_and(|user| user.is_hinted_by(hint));
    let page = LoginPage {
        issuer: issuer.issuer.as_str(),
        client: asked.request.client_id.as_str(),
        scope: asked.request.scopes.to_parameter(),
        action: format!("{}?{query}", issuer.path_of(Endpoint::Login)),
        users,
        hint,
        faults: Fault::ALL.iter().filter(|fault| fault.is_of_a_sign_in()).collect(),
        typed: typed.unwrap_or_else(|| TypedUser {
            sub: if known { String::new() } else { hint.to_owned() },
            email_verified: true,
            ..TypedUser::default()
        }),
    };
    html(status, &page)
}

/// The page for a request that cannot be answered by a redirect.
pub(crate) fn unanswerable(issuer: &IssuerCore, problem: &UnanswerableRequest) -> Response {
    let own = issuer.profile.errors.find("page", &[problem.name()]);
    let (status, title) =
        own.map_or((StatusCode::BAD_REQUEST, UNANSWERABLE), |own| (own.status, own.description));
    message_page(status, title, &problem.to_string())
}

pub(crate) fn bad_request(message: &str) -> Response {
    message_page(StatusCode::BAD_REQUEST, UNANSWERABLE, message)
}

pub(crate) fn message_page(status: StatusCode, title: &str, message: &str) -> Response {
    html(status, &MessagePage { title, message })
}

/// Asks whether to sign out.
pub(crate) fn confirm_logout(issuer: &IssuerCore, query: &str, person: Option<&User>) -> Response {
    let action = format!("{}?{query}", issuer.path_of(Endpoint::Logout));
    let page = LogoutPage { issuer: issuer.issuer.as_str(), action, person: person.map(User::label) };
    html(StatusCode::OK, &page)
}

/// The page at the root: which issuers there are, and who can sign in.
pub(crate) fn landing(issuers: &[Arc<IssuerCore>]) -> Response {
    let issuers = issuers.iter().map(|core| (&**core, core.url(Endpoint::Discovery))).collect();
    html(StatusCode::OK, &LandingPage { issuers })
}

pub(crate) fn style() -> Response {
    reply::kept_for_minutes(reply::with_body(StatusCode::OK, "text/css; charset=utf-8", STYLE))
}

/// There is no `form-action` in the policy: browsers apply it to the redirect that follows a form, and ours
/// leads to the relying party.
fn html(status: StatusCode, page: &impl Template) -> Response {
    let Ok(text) = page.render() else {
        return reply::text(StatusCode::INTERNAL_SERVER_ERROR, "The page could not be written.");
    };
    let mut response = reply::with_body(status, "text/html; charset=utf-8", text);
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    reply::set(&mut response, CONTENT_SECURITY_POLICY, policy);
    reply::set(&mut response, REFERRER_POLICY, "no-referrer");
    reply::set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}
