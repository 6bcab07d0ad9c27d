//! Keycloak, from Maven Central. It takes a while to start, so all tests share one, each as a client of its
//! own.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Provider, Shared, Source, Variables, source};
use crate::process::{self, Log, Server};
use crate::{lab, net, tools, workspace};

pub(super) const SOURCE: Source = Source {
    providers: &[Provider { module: "keycloak", version: || Ok(VERSION.to_owned()) }],
    tools: || tools::from_debian(&["java", "mvn"], &["default-jre-headless", "maven"]),
    install,
    start: Some(start),
};

const VERSION: &str = "26.5.5";

const UNPACK: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";

fn folder() -> Result<PathBuf> {
    workspace::scratch("interop/keycloak")
}

fn name() -> String {
    format!("keycloak-{VERSION}")
}

fn start() -> Result<Shared> {
    let folder = folder()?;
    let home = folder.join(name());
    let import = home.join("data/import");
    lab::empty(&import)?;
    let realm = "lab-realm.json";
    std::fs::copy(source().join(realm), import.join(realm))
        .with_context(|| format!("cannot copy {realm}"))?;

    let port = net::free_port()?;
    // It is known to nobody else on this machine.
    let password = format!("{:016x}", RandomState::new().hash_one(port));
    let log = folder.join("keycloak.log");
    process::show(&format!("starting Keycloak {VERSION}; its log is {}", log.display()));
    let server = Server::start("Keycloak", &command(&home, port, &password), &Log::File(&log))?;
    let variables = vec![
        ("INTEROP_KEYCLOAK", format!("http://{}", net::loopback(port)).into()),
        ("INTEROP_KEYCLOAK_PASSWORD", password.into()),
    ];
    Ok(Shared { server, port, path: "/realms/lab/.well-known/openid-configuration", log, variables })
}

/// Downloads and unpacks it, unless that was done before.
fn install() -> Result<Variables> {
    let folder = folder()?;
    let home = folder.join(name());
    if !home.exists() {
        let unpacked = folder.join("unpacked");
        lab::empty(&unpacked)?;
        let mut mvn = Command::new("mvn");
        // A wrong checksum is an error. It also leaves a folder in the working directory.
        mvn.args(["-q", "-B", "-ntp", "-C", UNPACK])
            .arg(format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz"))
            .arg(format!("-DoutputDirectory={}", unpacked.display()))
            .current_dir(&unpacked);
        process::run(&mut mvn, Duration::from_mins(15))?;
        // All at once: what stands there is complete.
        std::fs::rename(unpacked.join(name()), &home).context("the archive is not what it was")?;
        std::fs::remove_dir_all(&unpacked)
            .with_context(|| format!("cannot remove {}", unpacked.display()))?;
    }
    Ok(Variables::new())
}

/// Without TLS, with a database in memory, with the realm of `data/import`.
fn command(home: &Path, port: u16, password: &str) -> Command {
    let mut command = Command::new(home.join("bin/kc.sh"));
    command
        .args(["start-dev", "--import-realm", "--db=dev-mem", "--http-host=127.0.0.1"])
        .arg(format!("--http-port={port}"))
        .env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx512m")
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", "admin")
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", password);
    command
}
