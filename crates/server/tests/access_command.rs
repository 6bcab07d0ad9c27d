//! `labgate access …` as an operator uses it.
#![expect(clippy::unwrap_used, reason = "what helps a test may fail like one")]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use labgate::configuration::{Configuration, Sources};
use labgate::wiring::with_sign_in;
use labgate_domain::access::WrittenService;
use labgate_domain::sign_in::{Administrator, ServiceChange};

const CONFIGURED: &str = "public_url = \"https://lab.example\"\n[[service]]\nid = \"mlflow\"\nname = \"MLflow\"\n\
    url = \"https://lab.example/mlflow\"\nruns_user_code = false\nallow_groups = [\"ml\"]\n";

fn labgate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labgate"));
    command.arg("access").args(arguments).env_clear().current_dir(folder).output().unwrap()
}

/// Adds a service as an administrator does, without the services of the file.
async fn add(folder: &Path, written: WrittenService) {
    let environment = [
        ("LABGATE_DATA_DIR", folder.join("labgate-data").into()),
        ("LABGATE_PUBLIC_URL", OsString::from("https://lab.example")),
    ];
    let environment = environment.map(|(name, value)| (OsString::from(name), value)).into();
    let configuration = Configuration::read(&Sources { file: None, environment }).unwrap();
    let added = with_sign_in(&configuration, async |sign_in| {
        let by = Administrator::local_operator();
        sign_in.administration().change_service(&by, &ServiceChange::Add(written)).await
    });
    added.await.unwrap().unwrap();
}

#[tokio::test]
async fn services_are_listed_and_checked_wherever_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let written = |id: &str, url: &str| WrittenService {
        id: id.to_owned(),
        name: id.to_owned(),
        url: url.to_owned(),
        ..WrittenService::default()
    };
    let mut wiki = written("wiki", "https://wiki.example");
    wiki.allowed.allow = Some("public".to_owned());
    add(folder, wiki).await;
    add(
        folder,
        WrittenService { runs_user_code: Some(false), ..written("mlflow", "https://lab.example/ml") },
    )
    .await;
    std::fs::write(folder.join("labgate.toml"), CONFIGURED).unwrap();

    let listed = labgate(folder, &["list"]);
    let words = String::from_utf8(listed.stdout).unwrap();
    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(
        lines,
        [
            "mlflow (configuration): https://lab.example/mlflow/: the group ml",
            "mlflow (added): left out: mlflow is the id of two services: give each one of its own",
            "wiki (added): https://wiki.example/: everyone, signed in or not",
        ]
    );
    for (url, passes, decided_by) in [
        ("https://wiki.example/a", true, "the condition of wiki itself"),
        ("https://lab.example/mlflow/", false, "the condition of mlflow itself"),
        ("https://lab.example/ml/", false, "left out"),
    ] {
        let checked = labgate(folder, &["check", "--json", "--url", url]);
        let told: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
        assert_eq!((checked.status.success(), &told["passes"]), (passes, &passes.into()), "{url}");
        assert!(told["decided_by"].as_str().unwrap().contains(decided_by), "{told}");
    }
}
