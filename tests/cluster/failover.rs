//! A primary that is killed, and a standby that takes its place.

use std::env;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use super::lab::{Cluster, NOTEBOOKS, eventually};
use super::{ADA, PROVIDER, cookie, status};
use crate::front::proxy::{Product, Proxy};

/// Name a primary and its standby, which this test uses up, and the process of the primary.
const PRIMARY: &str = "LABGATE_TEST_PRIMARY_URL";
const STANDBY: &str = "LABGATE_TEST_STANDBY_URL";
const PROCESS: &str = "LABGATE_TEST_PRIMARY_PROCESS";

/// The way to whichever of the two is there, as the documents describe it.
const DATABASE: Product = Product {
    name: "haproxy",
    page: concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/replicas.md"),
    listens: ["bind :5432", "bind 127.0.0.1:@port@"],
    main_file: "haproxy/database.cfg",
    preamble: "",
    changed: |page| page,
    arguments: &["-db", "-f"],
};

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask e2e --replicas`"))
}

async fn is_primary(url: &Url) -> bool {
    let Ok(mut connection) = PgConnection::connect(url.as_str()).await else { return false };
    sqlx::query_scalar("SELECT NOT pg_is_in_recovery()").fetch_one(&mut connection).await.unwrap_or(false)
}

/// Answers as Patroni's agent beside a server does, and returns the port.
async fn says_whether_primary(url: Url) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let status = if is_primary(&url).await { "200 OK" } else { "503 Service Unavailable" };
            let answer = format!("HTTP/1.0 {status}\r\ncontent-length: 0\r\n\r\n");
            // Whoever has gone asks again.
            drop(stream.read(&mut [0; 1024]).await);
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    port
}

async fn run(url: &Url, sql: &str) {
    let mut connection = PgConnection::connect(url.as_str()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_has_all_that_was_answered_and_live_sessions_go_on() {
    let [primary, standby] = [PRIMARY, STANDBY].map(|name| Url::parse(&variable(name)).unwrap());
    run(&primary, "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
    run(&primary, "SELECT pg_reload_conf()").await;
    let mut watching = PgConnection::connect(primary.as_str()).await.unwrap();
    let is_synchronous = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')";
    let waited = eventually(async || {
        sqlx::query_scalar::<_, bool>(is_synchronous).fetch_one(&mut watching).await.unwrap()
    });
    assert!(waited.await, "the standby is not synchronous");

    let mut addresses = Vec::new();
    for (documented, agent, url) in [
        ("10.0.0.21:5432", "10.0.0.21 port 8008", &primary),
        ("10.0.0.22:5432", "10.0.0.22 port 8008", &standby),
    ] {
        addresses.push((documented, format!("127.0.0.1:{}", url.port().unwrap())));
        addresses.push((agent, format!("127.0.0.1 port {}", says_whether_primary(url.clone()).await)));
    }
    let way = Proxy::start(&DATABASE, &addresses, &[]).await;
    let mut database = primary.clone();
    database.set_port(Some(way.address.port())).unwrap();
    // HAProxy has asked both, and leads to the one alone.
    let leads = eventually(async || {
        for _ in 0..4 {
            if !is_primary(&database).await {
                return false;
            }
        }
        true
    });
    assert!(leads.await, "{}", way.log());
    let cluster = Arc::new(Cluster::over(database.as_str()).await);
    let sign_in = async || {
        let mut browser = cluster.browser();
        browser.open(&format!("{NOTEBOOKS}/lab")).await;
        browser.click(PROVIDER).await;
        browser.click(ADA).await;
        browser
    };
    let (browser, mut other) = (sign_in().await, sign_in().await);
    let (live, ended) = (cookie(&browser, NOTEBOOKS), cookie(&other, NOTEBOOKS));
    // Both replicas have found both good: HAProxy takes them in turn.
    for pass in [&live, &ended] {
        for _ in 0..8 {
            assert_eq!(status(&cluster, pass).await, 200);
        }
    }

    // Accounts are created one after the other, until one is not.
    let answered = Arc::new(AtomicU32::new(0));
    let creating = {
        let (cluster, answered) = (Arc::clone(&cluster), Arc::clone(&answered));
        tokio::spawn(async move {
            while create(&cluster, answered.load(Ordering::Relaxed)).await {
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    assert!(eventually(async || answered.load(Ordering::Relaxed) >= 3).await, "no accounts are created");
    other.open("https://lab.example.org/").await;
    other.click("Sign out").await;
    let killed = Command::new("kill").args(["-s", "KILL", &variable(PROCESS)]).status().unwrap();
    assert!(killed.success());
    creating.await.unwrap();
    let answered = answered.load(Ordering::Relaxed);

    // The session goes on for the grace, at both replicas.
    for _ in 0..20 {
        assert_eq!(status(&cluster, &live).await, 200, "{}", cluster.replicas[0].log());
    }
    run(&standby, "SELECT pg_promote()").await;
    let recovered = eventually(async || {
        assert_eq!(status(&cluster, &live).await, 200, "{}", cluster.replicas[0].log());
        create(&cluster, answered + 1).await
    });
    assert!(recovered.await, "{}\n{}", cluster.replicas[0].log(), way.log());
    // Each replica hears of the sign-out by itself now, if it had not before.
    let both_refuse = async || {
        for _ in 0..8 {
            if status(&cluster, &ended).await != 401 {
                return false;
            }
        }
        true
    };
    assert!(eventually(both_refuse).await);
    assert_eq!(status(&cluster, &cookie(&sign_in().await, NOTEBOOKS)).await, 200);

    let mut connection = PgConnection::connect(standby.as_str()).await.unwrap();
    let names = "SELECT username FROM accounts WHERE username LIKE 'person%'";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut connection).await.unwrap();
    for number in 0..answered {
        assert!(
            names.contains(&format!("person{number}")),
            "person{number} of {answered} is gone: {names:?}"
        );
    }
}

/// Creates an account, and returns whether the answer was that it is done.
async fn create(cluster: &Cluster, number: u32) -> bool {
    cluster.settings.run(&["account", "create", &format!("person{number}")]).await.status.success()
}
