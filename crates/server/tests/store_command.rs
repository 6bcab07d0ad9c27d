//! `labgate store copy` as an operator uses it. That the copy is whole is tested with the store, on both
//! databases.
#![expect(clippy::unwrap_used, reason = "what helps a test may fail like one")]

use std::process::{Command, Output};

use serde_json::json;
use tempfile::TempDir;

/// The command in this folder, with this in the variable `LAB_OTHER`.
fn labgate(folder: &TempDir, command: &str, other: &str) -> Output {
    let mut labgate = Command::new(env!("CARGO_BIN_EXE_labgate"));
    labgate.args(command.split(' ')).env_clear().env("LAB_OTHER", other).current_dir(folder).output().unwrap()
}

fn done(folder: &TempDir, command: &str, other: &str) -> String {
    let output = labgate(folder, command, other);
    assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn refused(folder: &TempDir, command: &str, other: &str) -> String {
    let output = labgate(folder, command, other);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()), "{command}");
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_lab_is_copied_into_an_empty_database_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    done(&folder, "account create ada", "");
    done(&folder, "account create bob --email bob@example.com", "");

    let told = done(&folder, "store copy --to sqlite:other.db", "");
    assert!(
        told.starts_with("accounts: 2\nterms_acceptances: 0\ncredentials: 2\nexternal_identities: 0\n"),
        "{told}"
    );
    assert!(told.contains("labgate-data/labgate.db to other.db; set LABGATE_DATABASE"), "{told}");

    let told = refused(&folder, "store copy --to other.db", "");
    assert!(told.contains("not empty") && told.contains("table accounts"), "{told}");

    let told = done(&folder, "store copy --from other.db --to env:LAB_OTHER --json", "third.db");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["copied"]["accounts"], json!(2), "{told}");
    assert!(folder.path().join("third.db").exists());
}

#[test]
fn a_lab_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["store copy --to other.db", "store copy --from nowhere.db --to other.db"] {
        let told = refused(&folder, command, "");
        assert!(told.contains(".db does not exist"), "{told}");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn what_is_wrong_with_a_location_is_told_without_it() {
    let folder = tempfile::tempdir().unwrap();
    for (option, url, words) in [
        ("--to", "postgres://ada:planted/more@db/lab", "percent-encoded"),
        ("--from", "postgres://ada:planted@db/lab?sslmode=planted", "sslmode is disable"),
        ("--from", "mysql://ada:planted@db/lab", "that is no database"),
    ] {
        let other_option = if option == "--to" { "--from" } else { "--to" };
        for location in ["env:LAB_OTHER", url] {
            let told = refused(&folder, &format!("store copy {option} {location} {other_option} x.db"), url);
            assert!(told.contains(option) && told.contains(words) && !told.contains("planted"), "{told}");
        }
    }
    let told = refused(&folder, "store copy --to env:LAB_MISSING", "");
    assert!(told.contains("LAB_MISSING"), "{told}");
    // A server that does not answer is named without user and password.
    let told =
        refused(&folder, "store copy --from env:LAB_OTHER --to x.db", "postgres://u:planted@127.0.0.1:1/lab");
    assert!(told.contains("127.0.0.1:1/lab") && !told.contains("planted"), "{told}");
    assert!(!folder.path().join("x.db").exists());
}
