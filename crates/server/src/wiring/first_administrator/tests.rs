use std::path::Path;

use labgate_domain::people::Role;
use labgate_domain::sign_in::Administrator;

use super::super::tests::{configuration, get, served};
use super::super::{Server, with_sign_in};
use super::*;
use crate::logging::LogFormat;
use crate::logging::testing::log_of;

const PASSWORD: &str = "planted-97-Lantern-orbit";
const ADMIN: [(&str, &str); 2] =
    [("LABGATE_ADMIN__USERNAME", "keeper"), ("LABGATE_ADMIN__PASSWORD", PASSWORD)];

/// The link that is in the file.
fn link(data_dir: &Path) -> String {
    let text = fs::read_to_string(data_dir.join("setup-link")).unwrap();
    text.strip_suffix('\n').unwrap().to_owned()
}

#[tokio::test]
async fn a_lab_without_an_administrator_gets_a_link_that_only_its_owner_can_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".unfinished-setup-link"), "of a crash").unwrap();
    let first = Server::start(configuration(folder.path(), &[])).await.unwrap();
    let first_link = link(folder.path());
    assert_eq!(first.setup_link(), Some(&*first_link));
    let token = first_link.strip_prefix("http://127.0.0.1:8091/setup?token=").unwrap();
    assert_eq!(token.len(), 43, "256 bits in base64url");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = folder.path().join("setup-link").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    drop(first);

    served(configuration(folder.path(), &[]), async |address| {
        let next_link = link(folder.path());
        assert_ne!(next_link, first_link, "each start makes its own");
        for (link, status) in [(&next_link, "200"), (&first_link, "404")] {
            let path = link.strip_prefix("http://127.0.0.1:8091").unwrap();
            let answer = get(address, path, "").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        }
    })
    .await;
    assert!(!folder.path().join(".unfinished-setup-link").exists());
}

#[tokio::test]
async fn an_administrator_of_the_settings_is_made_once_and_the_link_goes() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::start(configuration(folder.path(), &[])).await.unwrap());
    assert!(folder.path().join("setup-link").exists());
    // The second start has nothing to do, whatever the settings say by then.
    for password in [PASSWORD, "something-else-entirely-88"] {
        let settings = [ADMIN[0], ("LABGATE_ADMIN__PASSWORD", password)];
        let server = Server::start(configuration(folder.path(), &settings)).await.unwrap();
        assert_eq!(server.setup_link(), None);
        assert!(!folder.path().join("setup-link").exists());
    }
    let page = with_sign_in(&configuration(folder.path(), &[]), async |sign_in| {
        sign_in.administration().list(&Administrator::local_operator(), None, None, 10).await.unwrap()
    })
    .await
    .unwrap();
    let [account] = page.accounts.try_into().unwrap();
    assert_eq!((account.username.as_str(), account.role), ("keeper", Role::Admin));
}

#[tokio::test]
async fn c171_a_guessable_password_of_the_first_administrator_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [ADMIN[0], ("LABGATE_ADMIN__PASSWORD", "keeperkeeper")];
    let error = Server::start(configuration(folder.path(), &settings)).await.err().unwrap().to_string();
    assert!(error.contains("[admin]") && error.contains("keeper cannot become"), "{error}");
    assert!(error.contains("(password_") && !error.contains("keeperkeeper"), "{error}");
}

#[tokio::test]
async fn without_passwords_a_link_would_be_of_no_use() {
    let folder = tempfile::tempdir().unwrap();
    let provider = [
        ("LABGATE_PASSWORDS__ENABLED", "false"),
        ("LAB_EXTERNAL_OIDC_ISSUER", "http://127.0.0.1:1"),
        ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab"),
        ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "secret"),
    ];
    let server = Server::start(configuration(folder.path(), &provider)).await.unwrap();
    assert_eq!(server.setup_link(), None);
    assert!(!folder.path().join("setup-link").exists());
}

#[test]
fn c190_the_log_tells_where_the_link_is_and_neither_link_nor_password() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = log_of("trace", LogFormat::Text, || {
        runtime.block_on(async {
            drop(Server::start(configuration(folder.path(), &[])).await.unwrap());
        });
    });
    let file = folder.path().join("setup-link");
    let link = link(folder.path());
    assert!(log.contains(file.to_str().unwrap()), "{log}");
    assert!(!log.contains(link.rsplit('=').next().unwrap()) && !log.contains("/setup?"), "{log}");

    let log = log_of("trace", LogFormat::Text, || {
        runtime.block_on(async {
            drop(Server::start(configuration(folder.path(), &ADMIN)).await.unwrap());
        });
    });
    assert!(log.contains("administered") && !log.contains(PASSWORD), "{log}");
}
