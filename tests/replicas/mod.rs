//! Two servers on one PostgreSQL: the real routes and the real core, each over connections of its own.

mod hand_over;
mod killed;
mod services;
mod settings;
mod terms;
mod wired;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use labgate_domain::people::Role;
use labgate_store::Store;
use labgate_test_harness::{Browser, TestLab, TestLabBuilder};

use crate::store::postgres::{Database, fresh};

const ADA: &str = "Sign in as Ada Example";
const GOOD: &str = "correct horse battery";
const OTHER: &str = "staple clip drawer";

/// A lab, and the other server of it.
struct Replicas {
    one: TestLab,
    other: TestLab,
    _database: Database,
}

impl Replicas {
    async fn of(builder: TestLabBuilder) -> Self {
        let database = fresh().await;
        let one = replica(&builder.build(), &database).await;
        let other = replica(&one, &database).await;
        Self { one, other, _database: database }
    }
}

/// Another process of the lab, with connections of its own to the database.
async fn replica(lab: &TestLab, database: &Database) -> TestLab {
    let store = Store::open(&database.location()).await.unwrap();
    let throttle = store.throttle().unwrap();
    lab.replica(&store, throttle)
}

fn cookie(browser: &Browser) -> String {
    let cookies = browser.cookies("https://lab.test/");
    let session = cookies.iter().find(|cookie| cookie.name == "__Host-labgate").expect("no session cookie");
    format!("{}={}", session.name, session.value)
}

async fn status(lab: &TestLab, cookie: &str) -> u16 {
    let request = Request::get("/api/auth/verify").header("cookie", cookie).body(Bytes::new()).unwrap();
    lab.request(request).await.status().as_u16()
}

async fn with_password(lab: &TestLab, name: &str, password: &str) -> Browser {
    let mut browser = lab.browser();
    browser.open("https://lab.test/login").await;
    browser.submit("Sign in with password", &[("username", name), ("password", password)]).await;
    browser
}

#[tokio::test]
async fn c150_a_sign_out_on_one_server_is_a_401_on_the_other_within_a_second() {
    let Replicas { one, other, _database } = Replicas::of(TestLab::builder()).await;
    let mut browser = one.browser();
    one.sign_in(&mut browser, ADA).await;
    let cookie = cookie(&browser);
    // Both have just found the session good, and remember that.
    assert_eq!((status(&one, &cookie).await, status(&other, &cookie).await), (200, 200));
    browser.click("Sign out").await;
    assert_eq!(status(&one, &cookie).await, 401, "at once where it happens");
    one.clock().advance(std::time::Duration::from_secs(1));
    assert_eq!(status(&other, &cookie).await, 401);
}

#[tokio::test]
async fn c165_a_logout_token_to_one_server_ends_the_session_on_the_other() {
    let Replicas { one, other, _database } = Replicas::of(TestLab::builder()).await;
    let mut browser = one.browser();
    one.sign_in(&mut browser, ADA).await;
    let cookie = cookie(&browser);
    assert_eq!(status(&one, &cookie).await, 200);
    for notice in one.idp().end_sessions_of("ada").await.unwrap() {
        assert_eq!(other.request(notice.request()).await.status(), 200);
        // The other server, too, knows that the token was used.
        assert_eq!(one.request(notice.request()).await.status(), 200);
    }
    assert_eq!(status(&other, &cookie).await, 401);
    one.clock().advance(std::time::Duration::from_secs(1));
    assert_eq!(status(&one, &cookie).await, 401);
}

#[tokio::test]
async fn c150_disabling_and_a_new_password_end_sessions_on_the_other_server() {
    let Replicas { one, other, _database } = Replicas::of(TestLab::builder().without_provider()).await;
    let mut root = one.browser();
    root.open(&one.setup_link()).await;
    root.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    one.add_account("ada", Role::User, GOOD).await;
    let mut ada = with_password(&other, "ada", GOOD).await;
    ada.submit("Change the password", &[("next", OTHER)]).await;
    let (mut here, there) = (ada, with_password(&one, "ada", OTHER).await);
    let [at_other, at_one] = [cookie(&here), cookie(&there)];
    assert_eq!((status(&one, &at_one).await, status(&other, &at_one).await), (200, 200));

    here.open("/password").await;
    here.submit("Change the password", &[("present", OTHER), ("next", "drawer clip staple")]).await;
    one.clock().advance(std::time::Duration::from_secs(1));
    assert_eq!((status(&one, &at_one).await, status(&one, &at_other).await), (401, 401));

    let new = cookie(&here);
    assert_eq!((status(&one, &new).await, status(&other, &new).await), (200, 200));
    root.open("/admin?search=ada").await;
    root.click("ada").await;
    root.click("Disable").await;
    root.submit("Disable", &[("your_password", GOOD)]).await;
    one.clock().advance(std::time::Duration::from_secs(1));
    assert_eq!((status(&one, &new).await, status(&other, &new).await), (401, 401));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c122_many_first_sign_ins_of_one_person_over_both_servers_make_one_account() {
    let Replicas { one, other, _database } = Replicas::of(TestLab::builder()).await;
    let (one, other) = (Arc::new(one), Arc::new(other));
    let mut people = tokio::task::JoinSet::new();
    for number in 0..10 {
        let lab = Arc::clone(if number % 2 == 0 { &one } else { &other });
        people.spawn(async move {
            let mut browser = lab.browser();
            lab.sign_in(&mut browser, ADA).await;
            assert!(browser.page().text().contains("Hello, Ada Example"), "{}", browser.page());
            let me = Request::get("/api/auth/me").header("cookie", cookie(&browser));
            let me = lab.request(me.body(Bytes::new()).unwrap()).await;
            serde_json::from_slice::<serde_json::Value>(me.body()).unwrap()["id"].to_string()
        });
    }
    let accounts: std::collections::HashSet<String> = people.join_all().await.into_iter().collect();
    assert_eq!(accounts.len(), 1, "{accounts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_setups_over_both_servers_one_makes_the_administrator() {
    let Replicas { one, other, _database } = Replicas::of(TestLab::builder().without_provider()).await;
    let (one, other) = (Arc::new(one), Arc::new(other));
    let mut people = tokio::task::JoinSet::new();
    for number in 0..8 {
        let lab = Arc::clone(if number % 2 == 0 { &one } else { &other });
        people.spawn(async move {
            let mut browser = lab.browser();
            browser.open(&lab.setup_link()).await;
            if !browser.page().text().contains("Create account") {
                return false;
            }
            let name = format!("root{number}");
            browser.submit("Create account", &[("username", &name), ("password", GOOD)]).await;
            browser.page().text().contains(&format!("Hello, {name}"))
        });
    }
    let made = people.join_all().await.into_iter().filter(|made| *made).count();
    assert_eq!(made, 1);
}

#[tokio::test]
async fn c177_failed_logins_at_one_server_count_at_the_other() {
    let Replicas { one, other, _database } = Replicas::of(TestLab::builder().without_provider()).await;
    one.add_account("ada", Role::User, GOOD).await;
    let mut statuses = Vec::new();
    for number in 0..60 {
        let lab = if number % 2 == 0 { &one } else { &other };
        statuses.push(with_password(lab, "ada", "a wrong password").await.page().status().as_u16());
    }
    let admitted = statuses.iter().filter(|status| **status == 401).count();
    assert!((1..=51).contains(&admitted), "{admitted} attempts in one second");
    assert_eq!(statuses.last(), Some(&429));
}
