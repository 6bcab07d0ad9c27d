use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::super::tests::configuration;
use super::*;
use crate::logging::LogFormat;
use crate::logging::testing::log_of;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
const YEAR: i64 = 365 * 24 * 3600;

/// A certificate for this host, valid in 2027 and 2028, with its key, in PEM.
fn pair(host: &str) -> (String, String) {
    let mut parameters = CertificateParams::new([host.to_owned()]).unwrap();
    parameters.not_before = date_time_ymd(2026, 12, 31);
    parameters.not_after = date_time_ymd(2028, 12, 31);
    let key = KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn put(folder: &Path, (certificate, key): &(String, String)) {
    fs::write(folder.join("certificate.pem"), certificate).unwrap();
    fs::write(folder.join("key.pem"), key).unwrap();
    #[cfg(unix)]
    fs::set_permissions(folder.join("key.pem"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

fn with_files(folder: &Path) -> Configuration {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let settings = [("LABGATE_TLS_CERTIFICATE_FILE", &*certificate), ("LABGATE_TLS_PRIVATE_KEY_FILE", &*key)];
    configuration(folder, &settings)
}

/// Opens the files; the error is what an operator reads.
fn open(folder: &Path) -> Result<LiveTls, String> {
    match LiveTls::open(&with_files(folder), NOW) {
        Ok(live) => Ok(live.unwrap()),
        Err(error) => Err(error.to_string()),
    }
}

fn logged(work: impl FnOnce()) -> String {
    log_of("info", LogFormat::Text, work)
}

#[test]
fn without_the_settings_there_is_no_tls() {
    let folder = tempfile::tempdir().unwrap();
    assert!(LiveTls::open(&configuration(folder.path(), &[]), NOW).unwrap().is_none());
}

#[test]
fn what_is_wrong_with_the_files_is_named_with_setting_and_path() {
    let folder = tempfile::tempdir().unwrap();
    let (good, other) = (pair("127.0.0.1"), pair("127.0.0.1"));
    let certificate = "tls_certificate_file (LABGATE_TLS_CERTIFICATE_FILE): ";
    let key = "tls_private_key_file (LABGATE_TLS_PRIVATE_KEY_FILE): ";
    let cut = good.0.replace("-----END", "");
    let encrypted = good.1.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (files, setting, text) in [
        ((String::new(), good.1.clone()), certificate, "has no certificate in PEM"),
        ((good.1.clone(), good.1.clone()), certificate, "has no certificate in PEM"),
        ((cut, good.1.clone()), certificate, "is not PEM: a section has no -----END"),
        ((good.0.clone(), "x".to_owned()), key, "has no private key in PEM without a passphrase"),
        ((good.0.clone(), encrypted), key, "has no private key in PEM without a passphrase"),
        ((good.0.clone(), other.1), key, "is not the key of the certificate"),
        (([other.0, good.0.clone()].concat(), good.1.clone()), key, "does not begin with it"),
    ] {
        put(folder.path(), &files);
        let error = open(folder.path()).err().unwrap();
        assert!(error.starts_with(setting) && error.contains(text), "{error}");
        assert!(error.contains(folder.path().to_str().unwrap()) && error.lines().count() == 1, "{error}");
        assert!(!error.contains(good.1.lines().nth(1).unwrap()), "{error}");
    }
    put(folder.path(), &good);
    fs::remove_file(folder.path().join("certificate.pem")).unwrap();
    assert!(open(folder.path()).err().unwrap().contains("certificate.pem: the file cannot be read"));
    #[cfg(unix)]
    {
        put(folder.path(), &good);
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(folder.path().join("key.pem"), everybody).unwrap();
        assert!(open(folder.path()).err().unwrap().contains("chmod o-r"));
    }
}

#[test]
fn another_pair_is_used_and_a_broken_one_is_not_and_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &pair("127.0.0.1"));
    let live = open(folder.path()).unwrap();
    assert_eq!(logged(|| live.read_again(NOW)), "");

    let next = pair("127.0.0.1");
    // The certificate comes first, and its key a moment later.
    fs::write(folder.path().join("certificate.pem"), &next.0).unwrap();
    let log = logged(|| {
        live.read_again(NOW);
        live.read_again(NOW);
    });
    assert_eq!(log.matches("the previous one stays in use").count(), 1, "{log}");
    assert!(log.contains("ERROR") && log.contains("is not the key of the certificate"), "{log}");
    put(folder.path(), &next);
    let log = logged(|| {
        live.read_again(NOW);
        live.read_again(NOW);
    });
    assert_eq!(log.matches("the TLS certificate was replaced").count(), 1, "{log}");
}

#[test]
fn a_certificate_that_clients_will_refuse_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &pair("127.0.0.1"));
    let live = open(folder.path()).unwrap();
    for (now, warning) in [
        (NOW, None),
        (NOW.plus(Duration::from_hours(3 * 365 * 24)), Some("has expired")),
        (NOW, None),
        (Timestamp::from_unix_seconds(NOW.as_unix_seconds() - 2 * YEAR), Some("is not valid yet")),
    ] {
        let log = logged(|| {
            live.read_again(now);
            live.read_again(now);
        });
        match warning {
            Some(warning) => assert_eq!(log.matches(warning).count(), 1, "{log}"),
            None => assert_eq!(log, ""),
        }
    }
    put(folder.path(), &pair("other.example"));
    let log = logged(|| live.read_again(NOW));
    assert!(log.contains("WARN") && log.contains("is not for the host of public_url"), "{log}");
}
