//! A Chromium, driven from outside as a person would.

use std::path::PathBuf;
use std::time::Duration;

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

/// The width of a small phone, in CSS pixels.
const NARROW: u32 = 360;

/// The interval at which the page is looked at again.
const POLL: Duration = Duration::from_millis(50);

/// A browser with an empty profile, at a lab.
pub(super) struct Browser {
    pub(super) client: Client,
    origin: String,
    _profile: TempDir,
}

impl Browser {
    pub(super) async fn open(origin: &str, flags: &[String]) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut args: Vec<_> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=900,700",
        ]
        .map(str::to_owned)
        .to_vec();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        args.extend_from_slice(flags);
        let options =
            json!({ "goog:chromeOptions": { "args": args }, "goog:loggingPrefs": { "browser": "ALL" } });
        let Value::Object(options) = options else { unreachable!("it is an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options)
            .connect(&setting("E2E_WEBDRIVER"))
            .await
            .unwrap();
        Self { client, origin: origin.to_owned(), _profile: profile }
    }

    /// Ends it; until now its console had nothing to say that was not expected.
    pub(super) async fn close(self) {
        assert_eq!(self.complaints().await, Vec::<String>::new());
        self.client.close().await.unwrap();
    }

    /// Goes to a page of the lab.
    pub(super) async fn go(&self, path: &str) {
        self.go_elsewhere(&format!("{}{path}", self.origin)).await;
    }

    pub(super) async fn go_elsewhere(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(super) async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Clicks what is found so, once it is there.
    pub(super) async fn click(&self, xpath: &str) {
        self.find(xpath).await.click().await.unwrap();
    }

    /// Types into fields; what a field had before goes.
    pub(super) async fn fill(&self, fields: &[(&str, &str)]) {
        for (xpath, text) in fields {
            let field = self.find(xpath).await;
            field.clear().await.unwrap();
            field.send_keys(text).await.unwrap();
        }
    }

    /// Waits for the lab's page that has this, and looks at its path. A click comes back before the next page
    /// is there, so this must be something that the last one had not.
    pub(super) async fn sees(&self, xpath: &str, path: &str) {
        self.sees_elsewhere(xpath, &format!("{}{path}", self.origin)).await;
    }

    /// The same anywhere; the query does not count.
    pub(super) async fn sees_elsewhere(&self, xpath: &str, address: &str) {
        self.find(xpath).await;
        let mut url = self.client.current_url().await.unwrap();
        url.set_query(None);
        assert_eq!(url.as_str(), address);
    }

    pub(super) async fn find(&self, xpath: &str) -> Element {
        let found = self.client.wait().every(POLL).for_element(Locator::XPath(xpath)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{xpath}: {error} in\n{}", self.client.source().await.unwrap_or_default()),
        }
    }

    /// Waits for the page at this path of the lab that has it no more.
    pub(super) async fn gone(&self, xpath: &str, path: &str) {
        let gone = format!("//body[not({})]", xpath.replace("//", ".//"));
        self.sees(&gone, path).await;
    }

    /// Returns the number of matches on this page.
    pub(super) async fn count(&self, xpath: &str) -> usize {
        self.client.find_all(Locator::XPath(xpath)).await.unwrap().len()
    }

    pub(super) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The names of the lab's cookies.
    pub(super) async fn cookies(&self) -> Vec<String> {
        let cookies = self.client.get_all_cookies().await.unwrap();
        let names = cookies.iter().map(|cookie| cookie.name().to_owned());
        names.filter(|name| name != PROVIDERS_COOKIE).collect()
    }

    /// A page came with this status, which the console notes; it has noted nothing else.
    pub(super) async fn was_refused(&self, status: u16) {
        let complaints = self.complaints().await;
        let expected = format!("status of {status}");
        assert!(matches!(&*complaints, [one] if one.contains(&expected)), "{status}: {complaints:?}");
    }

    /// Returns the console's messages since the last call: violations of the content security policy, failed
    /// loads, script errors. Recommendations have the level `DEBUG` and are left out.
    async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(ChromesOwn::ConsoleLog).await.unwrap();
        // At INFO, Chromium confirms what a header asked it to do.
        let is_complaint = |entry: &&Value| entry["level"] != "DEBUG" && entry["level"] != "INFO";
        log.as_array().unwrap().iter().filter(is_complaint).map(Value::to_string).collect()
    }

    /// Keeps pictures of the page in light, in dark, and on a phone in either; and looks it over.
    pub(super) async fn picture(&self, name: &str) {
        let unlabelled = "return [...document.querySelectorAll('input:not([type=hidden], [hidden]), select')]\
                          .filter(field => !field.labels.length).map(field => field.outerHTML)";
        assert_eq!(self.script(unlabelled).await, json!([]), "{name}: fields without a label");
        for (kind, width, scheme) in [
            ("light", 900, "light"),
            ("dark", 900, "dark"),
            ("phone", NARROW, "light"),
            ("phone-dark", NARROW, "dark"),
        ] {
            let screen =
                json!({ "width": width, "height": 0, "deviceScaleFactor": 1, "mobile": width == NARROW });
            self.develop("Emulation.setDeviceMetricsOverride", screen).await;
            let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            self.develop("Emulation.setEmulatedMedia", media).await;
            if width == NARROW {
                let needed = self.script("return document.documentElement.scrollWidth").await;
                assert_eq!(needed, NARROW, "{name}: as wide as it needs to be on a phone");
            }
            let whole = self.script("return document.documentElement.scrollHeight").await;
            let screen =
                json!({ "width": width, "height": whole, "deviceScaleFactor": 1, "mobile": width == NARROW });
            self.develop("Emulation.setDeviceMetricsOverride", screen).await;
            let folder = PathBuf::from(setting("E2E_PICTURES")).join(kind);
            std::fs::create_dir_all(&folder).unwrap();
            let picture = self.client.screenshot().await.unwrap();
            std::fs::write(folder.join(name).with_extension("png"), picture).unwrap();
        }
        self.develop("Emulation.clearDeviceMetricsOverride", json!({})).await;
        self.develop("Emulation.setEmulatedMedia", json!({ "features": [] })).await;
    }

    /// Does something that only developers can.
    async fn develop(&self, command: &'static str, parameters: Value) {
        self.client.issue_cmd(ChromesOwn::Develop(command, parameters)).await.unwrap();
    }
}

pub(super) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask e2e`"))
}

/// Commands that Chromium's driver has beside those of the standard.
#[derive(Debug)]
enum ChromesOwn {
    /// The messages of the console.
    ConsoleLog,
    /// A command of the `DevTools` protocol.
    Develop(&'static str, Value),
}

impl WebDriverCompatibleCommand for ChromesOwn {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let command = match self {
            Self::ConsoleLog => "se/log",
            Self::Develop(..) => "goog/cdp/execute",
        };
        base.join(&format!("session/{}/{command}", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = match self {
            Self::ConsoleLog => json!({ "type": "browser" }),
            Self::Develop(command, parameters) => json!({ "cmd": command, "params": parameters }),
        };
        (Method::POST, Some(body.to_string()))
    }
}
