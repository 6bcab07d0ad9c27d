//! A real Chromium against the real programs. `cargo xtask e2e` starts them and runs this; a picture of every page
//! that is seen on the way is kept.

use std::path::PathBuf;

use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

/// The cookie of the mock provider. It is on the same host, and cookies know no ports (RFC 6265 section 8.5).
const PROVIDERS_COOKIE: &str = "labgate-mock-idp";

/// What the forms of whoever is not signed in need.
const COOKIE_OF_FORMS: &str = "labgate-form";

const SIGN_IN: &str = "//a[normalize-space()='Sign in']";
const TO_PROVIDER: &str = "//a[starts-with(@href, '/api/auth/oidc/login')]";
const AS_ADA: &str = "//button[@name='user' and @value='ada']";
const DENY: &str = "//button[@name='deny']";
const DENIED: &str = "//p[.='The sign-in was cancelled.']";
const SIGN_IN_AGAIN: &str = "//a[normalize-space()='Sign in again']";
const ADAS_ADDRESS: &str = "//dd[.='ada@example.test']";
const ACCOUNTS: &str = "//a[.='Look after accounts']";
const SEARCH: &str = "//input[@name='search']";
const USERNAME: &str = "//input[@name='username']";
const PASSWORD: &str = "//input[@name='password']";
const NEXT: &str = "//input[@name='next']";
const PROBLEM: &str = "//p[@role='alert']";
/// The button of the form that has a password in it.
const FORM_BUTTON: &str = "//form[.//input[@type='password']]//button";
const SIGN_OUT: &str = "//button[normalize-space()='Sign out']";

#[tokio::test]
async fn sign_in_and_sign_out() {
    let browser = Browser::open().await;
    browser.go("/").await;
    browser.picture("1-main-signed-out").await;
    browser.click(SIGN_IN).await;
    browser.sees(TO_PROVIDER, &lab("/login")).await;
    browser.picture("2-sign-in").await;
    browser.click(TO_PROVIDER).await;
    browser.sees(AS_ADA, &provider("/authorize")).await;
    browser.picture("3-provider").await;
    browser.click(AS_ADA).await;
    browser.sees(ADAS_ADDRESS, &lab("/")).await;
    browser.picture("4-main-signed-in").await;
    browser.assert_signed_in().await;

    browser.click(SIGN_OUT).await;
    browser.sees(SIGN_IN, &lab("/")).await;
    browser.picture("5-main-signed-out-again").await;
    assert_eq!(browser.cookies().await, Vec::<String>::new());
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn a_refusal_is_explained_and_leaves_no_session() {
    let browser = Browser::open().await;
    browser.go("/login").await;
    browser.click(TO_PROVIDER).await;
    browser.click(DENY).await;
    browser.sees(DENIED, &lab("/api/auth/oidc/callback")).await;
    browser.picture("6-denied").await;
    assert_eq!(browser.cookies().await, [COOKIE_OF_FORMS]);
    // The page itself came with 403, which the browser notes; it notes nothing else.
    let complaints = browser.complaints().await;
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(complaints[0].contains("status of 403"), "{complaints:?}");

    // The way out leads back in.
    browser.click(SIGN_IN_AGAIN).await;
    browser.sees(TO_PROVIDER, &lab("/login")).await;
    browser.picture("7-sign-in-again").await;
    browser.close().await;
}

#[tokio::test]
async fn a_person_changes_an_initial_password_and_signs_in_with_the_new_one() {
    let browser = Browser::open().await;
    browser.go("/login").await;
    browser.fill(&[(USERNAME, "root"), (PASSWORD, "not the one")]).await;
    browser.click(FORM_BUTTON).await;
    browser.sees(PROBLEM, &lab("/api/auth/login")).await;
    browser.picture("8-wrong-password").await;
    browser.fill(&[(USERNAME, "Root"), (PASSWORD, &setting("E2E_ADMIN_PASSWORD"))]).await;
    browser.click(FORM_BUTTON).await;
    browser.sees(NEXT, &lab("/password")).await;
    browser.picture("9-initial-password").await;
    browser.fill(&[(NEXT, "crater marble piano")]).await;
    browser.click(FORM_BUTTON).await;
    browser.sees(SIGN_OUT, &lab("/")).await;
    browser.assert_signed_in().await;
    browser.click(ACCOUNTS).await;
    browser.sees(SEARCH, &lab("/admin")).await;
    browser.picture("10-accounts").await;

    browser.go("/").await;
    browser.click(SIGN_OUT).await;
    browser.sees(SIGN_IN, &lab("/")).await;
    browser.go("/login").await;
    browser.fill(&[(USERNAME, "root"), (PASSWORD, "crater marble piano")]).await;
    browser.click(FORM_BUTTON).await;
    browser.sees(SIGN_OUT, &lab("/")).await;
    browser.close().await;
}

/// A browser with an empty profile.
struct Browser {
    client: Client,
    _profile: TempDir,
}

impl Browser {
    async fn open() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        let options = json!({
            "goog:chromeOptions": {
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
                    "--no-first-run", "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--window-size=900,700", profile_flag,
                ],
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(options) = options else { unreachable!("it is an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options)
            .connect(&setting("E2E_WEBDRIVER"))
            .await
            .unwrap();
        Self { client, _profile: profile }
    }

    async fn close(self) {
        self.client.close().await.unwrap();
    }

    async fn go(&self, path: &str) {
        self.client.goto(&lab(path)).await.unwrap();
    }

    /// Clicks what is found so, once it is there.
    async fn click(&self, xpath: &str) {
        self.find(xpath).await.click().await.unwrap();
    }

    /// Types into fields; what a field had before goes.
    async fn fill(&self, fields: &[(&str, &str)]) {
        for (xpath, text) in fields {
            let field = self.find(xpath).await;
            field.clear().await.unwrap();
            field.send_keys(text).await.unwrap();
        }
    }

    /// Waits for the page that has this, and looks at its address (without the query). A click comes back before the next
    /// page is there.
    async fn sees(&self, xpath: &str, address: &str) {
        self.find(xpath).await;
        let mut url = self.client.current_url().await.unwrap();
        url.set_query(None);
        assert_eq!(url.as_str(), address);
    }

    async fn find(&self, xpath: &str) -> Element {
        let found = self.client.wait().for_element(Locator::XPath(xpath)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{xpath}: {error} in\n{}", self.client.source().await.unwrap_or_default()),
        }
    }

    /// There is exactly one cookie, and no script can read it.
    async fn assert_signed_in(&self) {
        assert_eq!(self.cookies().await, ["labgate"]);
        let cookie = self.client.get_named_cookie("labgate").await.unwrap();
        assert_eq!(cookie.http_only(), Some(true));
        assert_eq!(cookie.path(), Some("/"));
        assert_eq!(cookie.same_site().unwrap().to_string(), "Lax");
        let seen_by_script = self.client.execute("return document.cookie", Vec::new()).await.unwrap();
        assert_eq!(seen_by_script, "");
    }

    /// The names of the lab's cookies.
    async fn cookies(&self) -> Vec<String> {
        let cookies = self.client.get_all_cookies().await.unwrap();
        let names = cookies.iter().map(|cookie| cookie.name().to_owned());
        names.filter(|name| name != PROVIDERS_COOKIE).collect()
    }

    /// What the console says: breaches of the content security policy, failed loads, errors of scripts.
    async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(ConsoleLog).await.unwrap();
        log.as_array().unwrap().iter().map(Value::to_string).collect()
    }

    async fn picture(&self, name: &str) {
        let file = PathBuf::from(setting("E2E_PICTURES")).join(name).with_extension("png");
        std::fs::write(file, self.client.screenshot().await.unwrap()).unwrap();
    }
}

fn lab(path: &str) -> String {
    setting("E2E_LAB") + path
}

fn provider(path: &str) -> String {
    setting("E2E_PROVIDER") + path
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask e2e`"))
}

/// Chromium's command for what its console says; it is not in the standard that the driver implements.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
