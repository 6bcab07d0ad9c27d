//! The pages. They work without JavaScript, and nothing in them comes from elsewhere.

use askama::Template;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::app::Response;

/// The style sheet of all pages.
pub(crate) const STYLE: &str = include_str!("../assets/labgate.css");

/// `GET /`.
#[derive(Template)]
#[template(path = "main.html")]
pub(crate) struct MainPage<'a> {
    pub(crate) person: Option<Person<'a>>,
}

/// Who is signed in.
pub(crate) struct Person<'a> {
    /// What people call them: the name, or else the username.
    pub(crate) name: &'a str,
    /// The e-mail address, or else the username.
    pub(crate) address: &'a str,
    pub(crate) role: &'a str,
    pub(crate) groups: &'a [String],
}

/// `GET /login`.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    /// The address of whoever is signed in already.
    pub(crate) signed_in_as: Option<&'a str>,
    /// Where to go on to.
    pub(crate) return_to: &'a str,
    pub(crate) providers: Vec<ProviderButton>,
}

/// A provider on the sign-in page.
pub(crate) struct ProviderButton {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) available: bool,
}

/// An error, for a person.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage<'a> {
    pub(crate) message: &'a str,
    pub(crate) code: &'a str,
    pub(crate) reference: &'a str,
    /// Where to begin anew.
    pub(crate) try_again: Option<String>,
}

/// A response with this page.
pub(crate) fn respond(page: &impl Template) -> Response {
    // Rendering into a string fails only when a value's own `Display` does; ours do not.
    let mut response = Response::new(page.render().unwrap_or_default().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}
