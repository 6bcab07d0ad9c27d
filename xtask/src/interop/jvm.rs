//! Spring Authorization Server and the mock of navikt, from Maven Central. All tests share one of each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Provider, Shared, Source, Variables, same_content, source, version};
use crate::process::{self, Log, Server};
use crate::{lab, net, tools, workspace};

pub(super) const SPRING: Source = Source {
    providers: &[Provider {
        module: "spring",
        version: || {
            let boot = version(
                "spring/pom.xml",
                "<artifactId>spring-boot-starter-parent</artifactId>\n    <version>",
            )?;
            Ok(format!("(Boot {boot})"))
        },
    }],
    tools: || tools::from_debian(&["javac", "java", "mvn"], &["default-jdk-headless", "maven"]),
    install: install_spring,
    start: Some(start_spring),
};

pub(super) const NAVIKT: Source = Source {
    providers: &[Provider {
        module: "navikt_mock",
        version: || version("navikt/pom.xml", "<artifactId>mock-oauth2-server</artifactId>\n      <version>"),
    }],
    tools: || tools::from_debian(&["java", "mvn"], &["default-jre-headless", "maven"]),
    install: || bring("navikt").map(|_| Variables::new()),
    start: Some(start_navikt),
};

const COPY_DEPENDENCIES: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// Downloads what a project of the tests needs, unless that was done before. Returns its folder, with `libs`.
fn bring(name: &str) -> Result<PathBuf> {
    let folder = workspace::scratch(&format!("interop/{name}"))?;
    let wanted = source().join(name).join("pom.xml");
    // It is copied last: what stands beside it is complete.
    let pom = folder.join("pom.xml");
    if !same_content(&wanted, &pom) {
        lab::empty(&folder)?;
        let mut mvn = Command::new("mvn");
        // A wrong checksum is an error.
        mvn.args(["-q", "-B", "-ntp", "-C", "-f"]).arg(&wanted);
        mvn.args([COPY_DEPENDENCIES, "-DincludeScope=runtime"]);
        mvn.arg(format!("-DoutputDirectory={}", folder.join("libs").display())).current_dir(&folder);
        process::run(&mut mvn, Duration::from_mins(15))?;
        std::fs::copy(&wanted, &pom).with_context(|| format!("cannot copy {}", wanted.display()))?;
    }
    Ok(folder)
}

const APPLICATION: &str = "AuthorizationServer";

fn install_spring() -> Result<Variables> {
    let folder = bring("spring")?;
    let classes = folder.join("classes");
    let code = format!("{APPLICATION}.java");
    let (wanted, compiled) = (source().join("spring").join(&code), folder.join(&code));
    if !same_content(&wanted, &compiled) {
        lab::empty(&classes)?;
        let mut javac = Command::new("javac");
        javac.arg("-d").arg(&classes).arg("-cp").arg(folder.join("libs/*")).arg(&wanted);
        process::run(&mut javac, Duration::from_mins(3))?;
        std::fs::copy(&wanted, &compiled).with_context(|| format!("cannot copy {code}"))?;
    }
    Ok(Variables::new())
}

fn start_spring() -> Result<Shared> {
    let folder = workspace::scratch("interop/spring")?;
    let port = net::free_port()?;
    let mut java = java(&folder, "classes:libs/*", APPLICATION);
    java.args(["--server.address=127.0.0.1", &format!("--server.port={port}")]);
    let variables = vec![("INTEROP_SPRING", format!("http://{}", net::loopback(port)).into())];
    shared("Spring", &java, &folder, port, "/.well-known/openid-configuration", variables)
}

/// It is given the configuration that shows a page where people sign in.
fn start_navikt() -> Result<Shared> {
    let folder = workspace::scratch("interop/navikt")?;
    let port = net::free_port()?;
    let mut java = java(&folder, "libs/*", "no.nav.security.mock.oauth2.StandaloneMockOAuth2ServerKt");
    java.env("SERVER_HOSTNAME", "127.0.0.1").env("SERVER_PORT", port.to_string());
    java.env("JSON_CONFIG", r#"{"interactiveLogin": true, "httpServer": "NettyWrapper"}"#);
    let variables = vec![("INTEROP_NAVIKT", format!("http://{}/lab", net::loopback(port)).into())];
    // It makes the issuer's keys when they are first asked for, which takes its time.
    shared("navikt", &java, &folder, port, "/lab/jwks", variables)
}

/// The command that runs a class, started quickly rather than run fast.
fn java(folder: &Path, class_path: &str, class: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", class_path, class]).current_dir(folder);
    java
}

fn shared(
    name: &'static str,
    command: &Command,
    folder: &Path,
    port: u16,
    path: &'static str,
    variables: Variables,
) -> Result<Shared> {
    let log = folder.join("log");
    process::show(&format!("starting {name}; its log is {}", log.display()));
    let server = Server::start(name, command, &Log::File(&log))?;
    Ok(Shared { server, port, path, log, variables })
}
