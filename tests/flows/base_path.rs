//! A lab below a base path, with the rest of its origin for others.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use labgate_http::CookieName;
use labgate_test_harness::{Browser, FixedClock, Host, TestLab};
use url::Url;

use super::{ADA, json, request, session_cookie};

const PASSWORD: &str = "correct horse battery";

fn below(base_path: &str) -> TestLab {
    TestLab::builder().public_url(&format!("https://lab.test{base_path}")).build()
}

async fn status(lab: &TestLab, method: &str, path: &str) -> u16 {
    lab.request(request(method, path, &[])).await.status().as_u16()
}

/// Opens a page and, again and again, every address of the lab that a page names; each must be below the base
/// path. Returns the paths of the pages.
async fn crawl(browser: &mut Browser, start: &str) -> BTreeSet<String> {
    let (mut due, mut opened, mut pages) = (vec![start.to_owned()], BTreeSet::new(), BTreeSet::new());
    while let Some(address) = due.pop() {
        if !opened.insert(address.clone()) {
            continue;
        }
        let page = browser.open(&address).await;
        if page.url().origin().ascii_serialization() != "https://lab.test" {
            continue;
        }
        pages.insert(page.url().path().to_owned());
        for named in page.addresses().into_iter().filter(|named| named != "data:,") {
            assert!(named.starts_with("/auth/") && !named.contains("/auth/auth"), "{page} names {named}");
            let url = Url::parse(&format!("https://lab.test{named}")).unwrap();
            let mut targets = url.query_pairs().filter(|(name, _)| name == "return_to");
            assert!(targets.all(|(_, target)| target.starts_with("/auth/")), "{named}");
            due.push(url.to_string());
        }
    }
    pages
}

/// Asserts that nothing at the lab's origin was asked for outside the base path.
fn assert_stayed_below(browser: &Browser) {
    let at_lab = browser.history().iter().filter(|url| url.host_str() == Some("lab.test"));
    for url in at_lab {
        assert!(url.path() == "/auth" || url.path().starts_with("/auth/"), "{url}");
    }
}

#[tokio::test]
async fn every_page_link_form_and_redirect_is_below_the_base_path() {
    let lab = TestLab::builder().public_url("https://lab.test/auth").without_provider().build();
    let mut root = lab.browser();
    let mut pages = crawl(&mut root, "https://lab.test/auth").await;
    pages.extend(crawl(&mut root, "https://lab.test/auth/nowhere").await);
    root.open(&lab.setup_link()).await;
    root.submit("Create account", &[("username", "root"), ("password", PASSWORD)]).await;
    assert_eq!(root.page().url().path(), "/auth/", "{}", root.page());
    root.open("https://lab.test/auth/admin").await;
    root.submit("Create account", &[("username", "ada"), ("your_password", PASSWORD)]).await;
    assert!(
        root.page().addresses().iter().any(|it| it.starts_with("/auth/admin/accounts/")),
        "{}",
        root.page()
    );
    root.click("Go on").await;
    root.submit("Rename", &[("username", "lovelace")]).await;
    root.submit("Rename", &[("your_password", PASSWORD)]).await;
    assert_eq!(root.page().status(), 200, "{}", root.page());
    pages.extend(crawl(&mut root, "https://lab.test/auth/").await);
    for page in
        ["", "login", "register", "account", "password", "admin", "admin/identities", "assets/labgate.css"]
    {
        assert!(pages.contains(&format!("/auth/{page}")), "{page}: {pages:?}");
    }
    assert!(pages.iter().any(|page| page.ends_with("/reset-password")), "{pages:?}");
    root.open("https://lab.test/auth/account").await;
    root.click("Sign out everywhere").await;
    assert_eq!(root.page().url().path(), "/auth/signed-out");
    crawl(&mut root, "https://lab.test/auth/signed-out").await;
    assert_stayed_below(&root);
}

#[tokio::test]
async fn a_sign_in_at_a_provider_begins_and_ends_below_the_base_path() {
    let lab = below("/auth");
    let mut browser = lab.browser();
    browser.open("/auth/account").await;
    assert_eq!(browser.page().url().as_str(), "https://lab.test/auth/login?return_to=%2Fauth%2Faccount");
    crawl(&mut browser, "https://lab.test/auth/login?return_to=%2Fauth%2Faccount").await;
    browser.open("https://lab.test/auth/login?return_to=%2Fauth%2Faccount").await;
    browser.click("Continue with Mock provider").await;
    browser.click(ADA).await;
    assert_eq!(browser.page().url().path(), "/auth/account");
    let back = browser.history().iter().find(|url| url.path().ends_with("/oidc/callback")).unwrap();
    assert_eq!(back.path(), "/auth/api/auth/oidc/callback");
    crawl(&mut browser, "https://lab.test/auth/account").await;

    browser.open("https://lab.test/auth/").await;
    browser.click("Sign out").await;
    browser.click("Go on to Mock provider").await;
    assert_eq!(browser.page().url().path(), "/auth/signed-out", "{}", browser.page());

    lab.sign_in(&mut browser, ADA).await;
    assert_eq!(browser.page().url().path(), "/auth/", "the main page without a target");
    let cookie = session_cookie(&browser);
    let verify = || lab.request(request("GET", "/auth/api/auth/verify", &[("cookie", &cookie)]));
    assert_eq!(verify().await.status(), 200);
    let notices = lab.idp().end_sessions_of("ada").await.unwrap();
    assert!(!notices.is_empty());
    for notice in &notices {
        let notice = notice.request();
        assert_eq!(notice.uri().path(), "/auth/api/auth/oidc/backchannel-logout");
        assert_eq!(lab.request(notice).await.status(), 200);
    }
    assert_eq!(verify().await.status(), 401);
    assert_stayed_below(&browser);
}

#[tokio::test]
async fn a_target_beside_the_base_path_is_kept_exactly() {
    let lab = below("/auth");
    for target in ["/", "/login", "/notebooks/lab/tree/My%20N.ipynb?a=b&c=%2F#d", "/authx"] {
        let mut browser = lab.browser();
        let link: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        browser.open(&format!("https://lab.test/auth/login?return_to={link}")).await;
        browser.click("Continue with Mock provider").await;
        browser.click(ADA).await;
        let url = browser.page().url();
        assert_eq!(&url[url::Position::BeforePath..], target);
    }
}

#[tokio::test]
async fn outside_the_base_path_there_is_nothing_but_the_health_checks() {
    let lab = below("/auth");
    for path in [
        "/",
        "/login",
        "/api/auth/verify",
        "/assets/labgate.css",
        "/authx/login",
        "/AUTH/login",
        "//auth/login",
    ] {
        assert_eq!(status(&lab, "GET", path).await, 404, "{path}");
    }
    assert_eq!(status(&lab, "POST", "/api/auth/login").await, 404);
    for path in ["/healthz", "/readyz", "/auth/healthz", "/auth/readyz", "/auth/.well-known/jwks.json"] {
        assert_eq!(status(&lab, "GET", path).await, 200, "{path}");
    }
    assert_eq!(status(&lab, "GET", "/auth/api/auth/verify").await, 401);
    let told = lab.request(request("GET", "/auth/api/auth/oidc/enabled", &[])).await;
    assert_eq!(json(&told)["providers"][0]["login_url"], "/auth/api/auth/oidc/login?provider=mock");
}

#[tokio::test]
async fn two_labs_with_base_paths_live_side_by_side_on_one_origin() {
    let lab = |path: &str, cookie_name: &str| {
        let lab = TestLab::builder().public_url(&format!("https://lab.test{path}"));
        lab.cookie_name(cookie_name.parse::<CookieName>().unwrap()).without_provider().build()
    };
    let (a, b) = (lab("/a", "labgate"), lab("/b", "labgate_b"));
    let (app_a, app_b) = (a.app(), b.app());
    let proxy: Host = Arc::new(move |request| {
        let app = if request.uri().path().starts_with("/b/") { app_b.clone() } else { app_a.clone() };
        Box::pin(async move { app.handle(request).await })
    });
    let sites = HashMap::from([("https://lab.test".to_owned(), proxy)]);
    let home = Url::parse("https://lab.test").unwrap();
    let mut browser = Browser::new(home, sites, Arc::new(FixedClock::default()));
    for (path, name) in [("/a/register", "ada"), ("/b/register", "bob")] {
        browser.open(path).await;
        browser.submit("Create account", &[("username", name), ("password", PASSWORD)]).await;
    }
    for (path, name) in [("/a/", "ada"), ("/b/", "bob")] {
        assert!(browser.open(path).await.text().contains(name), "{}", browser.page());
    }

    // A session of one lab opens nothing of the other, even under the other's name.
    let cookies = browser.cookies("https://lab.test/");
    let of = |name: &str| cookies.iter().find(|cookie| cookie.name == name).unwrap().value.clone();
    let (token_a, token_b) = (of("__Host-labgate"), of("__Host-labgate_b"));
    let swapped = format!("__Host-labgate={token_b}; __Host-labgate_b={token_a}");
    for (lab, path) in [(&a, "/a/api/auth/verify"), (&b, "/b/api/auth/verify")] {
        let answer = lab.request(request("GET", path, &[("cookie", &swapped)])).await;
        assert_eq!(answer.status(), 401, "{path}");
    }

    browser.open("/a/").await;
    browser.click("Sign out").await;
    assert!(browser.open("/a/").await.text().contains("not signed in"), "{}", browser.page());
    assert!(browser.open("/b/").await.text().contains("bob"), "{}", browser.page());
}
