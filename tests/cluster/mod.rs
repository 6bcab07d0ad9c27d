//! Replicas as processes of their own, over a real PostgreSQL and behind a real HAProxy, and what happens to people
//! when one of them, or the database, goes away. `cargo xtask e2e --replicas` brings the programs and runs this.

mod failover;
mod lab;
mod load;
mod replica;

use bytes::Bytes;
use http::{Request, StatusCode};
use labgate_test_harness::Browser;
use secrecy::ExposeSecret as _;

use self::lab::{Cluster, KEEPER, LAB, NOTEBOOKS, eventually};
use crate::store::postgres::{Database, fresh};

const PROVIDER: &str = "Continue with your organisation";
const ADA: &str = "Sign in as Ada";

/// A lab, and its database, which goes after it.
async fn cluster() -> (Cluster, Database) {
    let database = fresh().await;
    (Cluster::over(database.url().expose_secret()).await, database)
}

/// The header that presents what the browser holds at this address.
fn cookie(browser: &Browser, url: &str) -> String {
    let cookies = browser.cookies(url);
    let cookie = cookies.iter().find(|cookie| cookie.name == "__Host-labgate");
    let cookie = cookie.unwrap_or_else(|| panic!("{}", browser.page()));
    format!("{}={}", cookie.name, cookie.value)
}

/// Asks for a page of the notebooks with this pass, as a script does.
async fn status(cluster: &Cluster, pass: &str) -> u16 {
    ask(cluster, "/lab", pass).await
}

async fn ask(cluster: &Cluster, path: &str, cookies: &str) -> u16 {
    let request = Request::get(path).header("host", "notebooks.example.org").header("cookie", cookies);
    let answer = cluster.client.send(request.body(Bytes::new()).unwrap()).await;
    if answer.status().is_server_error() {
        println!("{path}: {answer:?}");
    }
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_hand_over_and_entry_a_replica_is_replaced_by_the_other() {
    let (mut cluster, _database) = cluster().await;
    let target = format!("{NOTEBOOKS}/lab/tree/My%20Notebook.ipynb?x=1");
    // Either may have given the code out.
    for victim in [0, 1] {
        let mut browser = cluster.browser();
        cluster.hold_codes(true);
        browser.open(&target).await;
        browser.click(PROVIDER).await;
        browser.click(ADA).await;
        let enter = browser.page().url().to_string();
        let code = enter.strip_prefix(NOTEBOOKS).unwrap_or_else(|| panic!("{}", browser.page())).to_owned();
        let held = browser.cookies(NOTEBOOKS).into_iter().map(|it| format!("{}={}", it.name, it.value));
        let held = held.collect::<Vec<_>>().join("; ");

        cluster.replicas[victim].kill();
        cluster.hold_codes(false);
        browser.open(&enter).await;
        assert_eq!((browser.page().url().as_str(), browser.page().status()), (&*target, StatusCode::OK));
        // The code is spent, for the one that comes back, too.
        cluster.start_again(victim).await;
        for _ in 0..4 {
            assert_eq!(ask(&cluster, &code, &held).await, 400);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_sign_in_a_replica_is_replaced_by_the_other() {
    let (mut cluster, _database) = cluster().await;
    let mut keeper = cluster.browser();
    keeper.open("/login").await;
    // The first password was given by another person, so that a new one is chosen at the sign-in.
    for (victim, button, fields, after) in [
        (
            0,
            "Sign in with password",
            &[("username", KEEPER[0]), ("password", KEEPER[1])][..],
            "Choose a password",
        ),
        (1, "Change the password", &[("next", "staple clip drawer nine")], "Hello, keeper"),
    ] {
        let mut ada = cluster.browser();
        ada.open("/login").await;
        ada.click(PROVIDER).await;

        cluster.replicas[victim].kill();
        ada.click(ADA).await;
        assert!(ada.page().text().contains("Hello, Ada"), "{}", ada.page());
        keeper.submit(button, fields).await;
        assert!(keeper.page().text().contains(after), "{}", keeper.page());
        cluster.start_again(victim).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_or_the_command_line_ends_is_over_everywhere() {
    let (cluster, _database) = cluster().await;
    let mut browser = cluster.browser();
    browser.open(&format!("{NOTEBOOKS}/lab")).await;
    browser.click(PROVIDER).await;
    browser.click(ADA).await;
    let pass = cookie(&browser, NOTEBOOKS);
    // Both have found it good, and remember that.
    for _ in 0..8 {
        assert_eq!(status(&cluster, &pass).await, 200);
    }
    browser.open(LAB).await;
    browser.click("Sign out").await;
    assert!(eventually(async || status(&cluster, &pass).await == 401).await, "signed out");

    let mut browser = cluster.browser();
    browser.open(&format!("{NOTEBOOKS}/lab")).await;
    browser.click(PROVIDER).await;
    browser.click(ADA).await;
    let pass = cookie(&browser, NOTEBOOKS);
    assert_eq!(status(&cluster, &pass).await, 200);
    let disabled = cluster.settings.run(&["account", "disable", "ada@example.org"]).await;
    assert!(disabled.status.success(), "{}", String::from_utf8_lossy(&disabled.stderr));
    assert!(eventually(async || status(&cluster, &pass).await == 401).await, "disabled");
    // Within a second on each, so that both say it now.
    for _ in 0..8 {
        assert_eq!(status(&cluster, &pass).await, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_no_request() {
    let (mut cluster, _database) = cluster().await;
    let mut browser = cluster.browser();
    browser.open(&format!("{NOTEBOOKS}/lab")).await;
    browser.click(PROVIDER).await;
    browser.click(ADA).await;
    let load = load::Load::begin(&cluster.client, &cookie(&browser, LAB), &cookie(&browser, NOTEBOOKS));
    for number in [0, 1] {
        let before = load.answered();
        cluster.restart(number).await;
        assert!(load.answered() > before, "there was no load");
    }
    let lost = load.end().await;
    assert!(lost.is_empty(), "{lost:#?}\n{}", cluster.proxy.log());
}
