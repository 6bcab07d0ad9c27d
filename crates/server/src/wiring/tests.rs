use std::path::Path;
use std::time::Duration;

use labgate_domain::ports::TokenIssuer as _;
use labgate_domain::time::Timestamp;
use labgate_token::{KeyDirectory, KeyRing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::live_keys::KEYS_INTERVAL;
use super::*;
use crate::configuration::{Sources, TokenKey};
use crate::logging::LogFormat;
use crate::logging::testing::log_of;

pub(super) fn configuration(data_dir: &Path, more: &[(&str, &str)]) -> Configuration {
    let own = [
        ("LABGATE_LISTEN", "127.0.0.1:0"),
        ("LABGATE_PUBLIC_URL", "http://127.0.0.1:8091"),
        ("LABGATE_DATA_DIR", data_dir.to_str().unwrap()),
    ];
    let environment = own.iter().chain(more).map(|(name, value)| (name.into(), value.into())).collect();
    Configuration::read(&Sources { file: None, environment }).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The whole answer to a request.
pub(super) async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:8091\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Serves, lets `visit` use it, and stops it.
pub(super) async fn served<T>(configuration: Configuration, visit: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let server = Server::start(configuration).await.unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { stopped.await.unwrap_or_default() }));
    let result = visit(address).await;
    stop.send(()).unwrap();
    running.await.unwrap();
    result
}

#[tokio::test]
async fn a_server_starts_answers_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let address = served(configuration(&data_dir, &[]), async |address| {
        assert!(get(address, "/healthz", "").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/readyz", "").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/.well-known/jwks.json", "").await.contains("ES256"));
        let enabled = get(address, "/api/auth/oidc/enabled", "").await;
        for setting in external_oidc_settings() {
            assert!(enabled.contains(&setting), "{enabled}");
        }
        address
    })
    .await;
    assert!(TcpStream::connect(address).await.is_err());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| data_dir.join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(""), mode("keys"), mode("labgate.db")], [0o700, 0o700, 0o600]);
    }
}

#[tokio::test]
async fn a_server_that_is_about_to_stop_is_not_ready_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start(configuration(folder.path(), &[("LABGATE_SHUTDOWN_DELAY", "5m")])).await.unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { stopped.await.unwrap_or_default() }));
    assert!(get(address, "/readyz", "").await.contains("\"stopping\":false"));
    stop.send(()).unwrap();
    let mut ready = get(address, "/readyz", "").await;
    for _ in 0..1000 {
        if ready.starts_with("HTTP/1.1 503") {
            break;
        }
        ready = get(address, "/readyz", "").await;
    }
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("\"stopping\":true"), "{ready}");
    assert!(get(address, "/healthz", "").await.starts_with("HTTP/1.1 200"));
    running.abort();
}

#[tokio::test]
async fn it_starts_with_a_provider_that_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let provider = [
        ("LAB_EXTERNAL_OIDC_ISSUER", "http://127.0.0.1:1"),
        ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab"),
        ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "secret"),
    ];
    served(configuration(folder.path(), &provider), async |address| {
        assert!(get(address, "/healthz", "").await.starts_with("HTTP/1.1 200"));
        let enabled = get(address, "/api/auth/oidc/enabled", "").await;
        assert!(!enabled.contains("LAB_EXTERNAL_OIDC"), "{enabled}");
    })
    .await;
}

#[tokio::test]
async fn a_taken_address_is_named_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data_dir = folder.path().join("data");
    let mut configuration = configuration(&data_dir, &[]);
    configuration.listen = address.parse().unwrap();
    let error = Server::start(configuration).await.err().unwrap().to_string();
    assert!(error.contains(&address) && error.contains("LABGATE_LISTEN"), "{error}");
    assert!(!data_dir.exists());
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().join("data");
    let error = Server::start(configuration(&path, &[])).await.err().unwrap().to_string();
    assert!(error.contains(path.to_str().unwrap()) && error.contains("LABGATE_DATA_DIR"), "{error}");
}

#[test]
fn c148_a_rotation_by_the_command_line_reaches_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path(), &[]);
    let keys = LiveKeys::open(&configuration, &SystemClock).unwrap();
    let before = keys.tokens.jwks();
    let rotated = key_directory(&configuration).rotate(SystemClock.now()).unwrap();
    assert_eq!(keys.tokens.jwks(), before);
    keys.read_again(SystemClock.now());
    assert_eq!(keys.tokens.jwks(), rotated.ring.jwks().to_string());
    assert_ne!(keys.tokens.jwks(), before);
}

#[test]
fn c148_a_key_is_kept_for_as_long_as_a_session_may_be_idle() {
    let folder = tempfile::tempdir().unwrap();
    let mut configuration = configuration(folder.path(), &[]);
    configuration.policy.session_idle_limit = Duration::from_hours(240);
    let at = Timestamp::from_unix_seconds;
    let directory = key_directory(&configuration);
    directory.open_or_create(at(0)).unwrap();
    directory.rotate(at(1000)).unwrap();
    let in_force = at(1000).plus(KeyDirectory::PUBLICATION_DELAY);
    let kids = |after: Duration| {
        let keys = directory.read(in_force.plus(after)).unwrap();
        keys.ring.jwks()["keys"].as_array().unwrap().len()
    };
    assert_eq!(kids(Duration::from_hours(240)), 2);
    assert_eq!(kids(Duration::from_hours(240) + KEYS_INTERVAL), 1);

    // A short limit does not make the overlap shorter than a day.
    configuration.policy.session_idle_limit = Duration::from_hours(1);
    let directory = key_directory(&configuration);
    let last = in_force.plus(KeyRing::OVERLAP.saturating_sub(Duration::from_secs(1)));
    assert_eq!(directory.read(last).unwrap().ring.jwks()["keys"].as_array().unwrap().len(), 2);
}

#[test]
fn a_key_of_ones_own_stays_when_the_directory_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut configuration = configuration(folder.path(), &[]);
    let own = labgate_token::SigningKey::generate(labgate_token::Algorithm::EdDsa).unwrap();
    let kid = own.kid().to_owned();
    configuration.token_key = TokenKey::Given(own);
    let keys = LiveKeys::open(&configuration, &SystemClock).unwrap();
    assert!(!keys.read_again(SystemClock.now()), "the same key as before");
    let jwks = keys.tokens.jwks();
    assert!(jwks.contains(&kid) && jwks.matches("kid").count() == 1, "{jwks}");
}

#[test]
fn keys_that_cannot_be_read_again_stay_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path(), &[]);
    let keys = LiveKeys::open(&configuration, &SystemClock).unwrap();
    let before = keys.tokens.jwks();
    std::fs::remove_dir_all(key_directory_path(&configuration)).unwrap();
    let log = log_of("info", LogFormat::Text, || assert!(!keys.read_again(SystemClock.now())));
    assert!(log.contains("ERROR") && log.contains("the previous ones stay in use"), "{log}");
    assert_eq!(keys.tokens.jwks(), before);
}

#[test]
fn c190_nothing_secret_of_a_request_is_logged_at_trace() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(
        folder.path(),
        &[
            ("LAB_EXTERNAL_OIDC_ISSUER", "http://127.0.0.1:1"),
            ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab"),
            ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "planted-client-secret"),
        ],
    );
    let levels = "trace,h2=trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,sqlx=trace,tower=trace,warp=trace";
    // On one thread, for the log of a test is that of its thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let log = log_of(levels, LogFormat::Text, || {
        runtime.block_on(served(configuration, async |address| {
            let headers = "cookie: labgate=planted-cookie; __Host-labgate=planted-cookie\r\nauthorization: Bearer planted-token\r\n";
            get(address, "/api/auth/oidc/login", headers).await;
            get(address, "/api/auth/oidc/callback?code=planted-code&state=planted-state", headers).await;
            get(address, "/api/auth/oidc/callback?error=access_denied&state=planted-state&x=%0Aplanted", headers).await;
            get(address, "/api/auth/verify", headers).await;
        }));
    });
    assert!(log.contains("labgate is listening") && log.contains("attempt_unknown"), "{log}");
    assert!(!log.contains("planted"), "{log}");
}
