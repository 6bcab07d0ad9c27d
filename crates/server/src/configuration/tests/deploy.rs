//! Holds the files of `deploy/` against the settings, the commands and the paths that there are.

use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use labgate_http::paths;

use super::super::{Configuration, Listen};
use super::read;
use crate::cli::Cli;

const SETTINGS: &str = include_str!("../../../../../deploy/labgate.toml");
const SERVICE: &str = include_str!("../../../../../deploy/labgate.service");
const SOCKET: &str = include_str!("../../../../../deploy/labgate.socket");
const DOCKERFILE: &str = include_str!("../../../../../deploy/Dockerfile");
const COMPOSE: &str = include_str!("../../../../../deploy/compose.yaml");
const NGINX: &str = include_str!("../../../../../deploy/nginx.conf");
const DEX: &str = include_str!("../../../../../deploy/dex.yaml");
const DOCUMENT: &str = include_str!("../../../../../docs/deploy/README.md");

/// The value of a unit's line, which is there once.
fn unit<'a>(text: &'a str, name: &str) -> &'a str {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("{name} is missing"));
    assert_eq!(values.next(), None, "{name} is there twice");
    value
}

fn assert_is_a_command(words: &str) {
    let arguments = words.split_whitespace();
    if let Err(error) = Cli::try_parse_from(arguments) {
        panic!("{words}: {error}");
    }
}

/// The texts in double quotes.
fn quoted(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}

/// The settings of the image, with those of the example.
fn in_containers() -> Configuration {
    let image = DOCKERFILE.lines().filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    let example = COMPOSE.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once(": ")?;
        let is_setting = name.starts_with("LAB") && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        is_setting.then(|| (name, value.trim_matches('"')))
    });
    let all: Vec<_> = image.chain(example).collect();
    assert!(all.len() > 8, "{all:?}");
    read("", &all)
}

#[test]
fn the_units_the_settings_and_the_code_agree() {
    let configuration = read(SETTINGS, &[]);
    let Listen::Unix(path) = &configuration.listen else { panic!("not a Unix socket") };
    assert_eq!(unit(SOCKET, "ListenStream"), path.to_str().unwrap());
    assert_eq!(configuration.data_dir, Path::new("/var/lib").join(unit(SERVICE, "StateDirectory")));
    assert_is_a_command(unit(SERVICE, "ExecStart"));
    let uncommented = SETTINGS.replace("# [", "[").replace("# auth", "auth").replace("# token", "token");
    let uncommented = uncommented.replace("# client", "client");
    assert!(uncommented.contains("\nclient_secret_file"), "{uncommented}");
    // The credential is not there, and its place is the only thing that is wrong.
    let problem = super::problem(&uncommented, &[]);
    assert!(problem.contains("/run/credentials/labgate.service/client-secret"), "{problem}");
}

#[test]
fn the_containers_and_the_code_agree() {
    let configuration = in_containers();
    assert_eq!(configuration.providers.len(), 1);
    let public_url = &configuration.policy.public_url;
    assert!(DEX.contains(&format!("[\"{}\"]", public_url.redirect_uri().as_str())));
    let port = configuration.listen.port().unwrap();
    assert!(DOCKERFILE.contains(&format!("\nEXPOSE {port}\n")));
    assert!(NGINX.contains(&format!("server labgate:{port};")));
    let data_dir = configuration.data_dir.to_str().unwrap();
    assert!(DOCKERFILE.contains(&format!("\nVOLUME {data_dir}\n")));
    assert!(COMPOSE.contains(&format!("data:{data_dir}\"")));

    let line = |name: &str| DOCKERFILE.lines().find(|line| line.contains(name)).unwrap();
    let entry = quoted(line("ENTRYPOINT")).concat();
    for words in [quoted(line("HEALTHCHECK")), [&[&*entry], &*quoted(line("CMD [\"serve"))].concat()] {
        assert_eq!(words.first(), Some(&&*entry));
        assert_is_a_command(&words.join(" "));
    }
    for path in [paths::VERIFY, paths::REFUSED] {
        let whole = format!("proxy_pass http://labgate{}{};", public_url.base_path(), path.as_str());
        assert!(NGINX.contains(&whole), "{whole}");
    }
    assert!(NGINX.contains(&format!("location {}/ {{", public_url.base_path())));
}

#[test]
fn every_command_of_the_document_is_one() {
    let lines = DOCUMENT.lines().filter(|line| line.starts_with("labgate ")).collect::<Vec<_>>();
    assert!(lines.len() >= 2, "{lines:?}");
    lines.into_iter().for_each(assert_is_a_command);
}

/// Runs a program that need not be there, and returns what it says if it fails.
fn complaint(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn systemd_accepts_the_units_and_finds_little_exposed() {
    let folder = tempfile::tempdir().unwrap();
    // The program is not installed here, and a systemd before 253 does not know the type.
    let service = SERVICE.replace("/usr/local/bin/labgate", "/bin/true").replace("notify-reload", "notify");
    std::fs::write(folder.path().join("labgate.service"), service).unwrap();
    std::fs::write(folder.path().join("labgate.socket"), SOCKET).unwrap();
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg("labgate.service").current_dir(&folder);
        complaint(&mut command)
    };
    assert_eq!(analyze(&["verify", "--man=no", "labgate.socket"]), None);
    // In tenths, of ten: a service without any hardening has 96.
    assert_eq!(analyze(&["security", "--offline=yes", "--threshold=20"]), None);
}

#[test]
fn nginx_accepts_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    // The names of containers are known to their network alone.
    let here = NGINX.replace("labgate:", "127.0.0.1:").replace("//whoami:", "//127.0.0.1:");
    let here = here.replace("/run/nginx.pid", "nginx.pid").replace("/dev/stdout", "access.log");
    std::fs::write(folder.path().join("nginx.conf"), here).unwrap();
    let path = folder.path().to_str().unwrap();
    let mut command = Command::new("nginx");
    command.args(["-t", "-q", "-e", "stderr", "-p", path, "-c", "nginx.conf"]);
    assert_eq!(complaint(&mut command), None);
}
