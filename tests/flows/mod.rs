//! Whole trips on the harness: real routes, real core, real mock provider, one process.

mod access_tokens;
mod added_services;
mod attacks;
mod base_path;
mod faults;
mod forms;
mod groups;
mod http_rules;
mod linking;
mod logout;
mod moving;
mod own_account;
mod pages;
mod passwords;
mod proof;
mod providers;
mod rate_limit;
mod refusals;
mod revalidation;
mod services;
mod sessions;
mod sign_in;
mod terms;
mod tokens;
mod trails;

use bytes::Bytes;
use http::{Request, Response};
use labgate_mock_idp::User;
use labgate_test_harness::{Browser, TestLab, TestLabBuilder};
use url::Url;

const ADA: &str = "Sign in as Ada Example";
const CAROL: &str = "Sign in as Carol Example";

/// A lab with a further provider user, Carol; her address is verified like Ada's.
fn with_carol() -> TestLabBuilder {
    TestLab::builder().user(User::new("carol").name("Carol Example").email("carol@example.test"))
}

/// The lab's cookies in a browser, by name.
fn cookie_names(browser: &Browser) -> Vec<String> {
    browser.cookies("https://lab.test/").into_iter().map(|cookie| cookie.name).collect()
}

/// The session cookie as a header.
fn session_cookie(browser: &Browser) -> String {
    let cookies = browser.cookies("https://lab.test/");
    let session = cookies.iter().find(|cookie| cookie.name == "__Host-labgate").expect("no session cookie");
    format!("{}={}", session.name, session.value)
}

/// A request of a program.
fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(path);
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(Bytes::new())
        .unwrap()
}

/// Says yes to the question on the page, with the person's own password.
async fn agree(browser: &mut Browser, yes: &str, password: &str) {
    browser.submit(yes, &[("your_password", password)]).await;
}

/// A JSON request of a script of this lab.
fn posted(path: &str, cookie: &str, body: &str) -> Request<Bytes> {
    let headers =
        [("cookie", cookie), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    let mut request = request("POST", path, &headers);
    *request.body_mut() = body.to_owned().into();
    request
}

/// The same body with the person's own password, as proof.
fn proven(body: &str, password: &str) -> String {
    let mut fields: serde_json::Value =
        serde_json::from_str(if body.is_empty() { "{}" } else { body }).unwrap();
    fields["your_password"] = password.into();
    fields.to_string()
}

fn json(response: &Response<Bytes>) -> serde_json::Value {
    serde_json::from_slice(response.body()).expect("a JSON body")
}

/// The last URL of the browser's history at this path.
fn last_visit(browser: &Browser, path: &str) -> Url {
    browser.history().iter().rev().find(|url| url.path() == path).expect("never visited").clone()
}
