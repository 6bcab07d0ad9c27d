//! `cargo xtask bench --proxy`: what the check costs a service behind nginx, with the configuration of
//! `docs/deploy/nginx.md`, on plain http.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::load::Load;
use super::{ROUNDS, median, sign_in};
use crate::lab::{self, Lab, Places};
use crate::net;
use crate::process::{Log, Server};
use crate::workspace::{self, Profile};

const PAGE: &str = include_str!("../../../docs/deploy/nginx.md");

/// The ports beside that of the lab's URL, at which nginx listens for it.
struct Ports {
    labgate: u16,
    service: u16,
    /// The service behind nginx, without a check.
    unchecked: u16,
}

pub(super) fn run() -> Result<()> {
    let programs = workspace::build(Profile::Release)?;
    let folder = workspace::scratch("bench")?;
    lab::empty(&folder)?;
    let places = Places::fresh(folder.join("data"))?;
    let ports =
        Ports { labgate: net::free_port()?, service: net::free_port()?, unchecked: net::free_port()? };

    let configuration = write_configuration(&folder.join("nginx"), &places, &ports)?;
    let mut nginx = Command::new("nginx");
    nginx.arg("-c").arg(configuration);
    let mut nginx = Server::start("nginx", &nginx, &Log::File(&folder.join("nginx.log")))?;
    nginx.wait_until(lab::START_LIMIT, || net::answers(ports.service, "/"))?;

    let file = folder.join("labgate.toml");
    let service = format!(
        "public_url = \"{url}\"\ntrusted_proxies = [\"127.0.0.1\"]\n[[service]]\nid = \"mlflow\"\nname = \"MLflow\"\n\
         url = \"{url}/mlflow\"\nruns_user_code = false\n",
        url = places.lab_url()
    );
    fs::write(&file, service)?;
    let mut labgate = lab::labgate_command(&programs, &places);
    labgate.arg("--config").arg(&file).env("LABGATE_LISTEN", net::loopback(ports.labgate).to_string());
    let lab = Lab::start_with(&programs, &places, Some(&folder), &labgate)?;
    let cookie = sign_in::once(&places)?;

    println!("a service behind nginx with and without the check, {ROUNDS} rounds in turn");
    let checked = Load::new(places.lab_port, "/mlflow/x", Some(&cookie));
    let unchecked = Load::new(ports.unchecked, "/mlflow/x", Some(&cookie));
    checked.run()?;
    unchecked.run()?;
    let (mut ratios, mut per_second) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let alone = unchecked.run()?;
        let with_check = checked.run()?;
        ratios.push(with_check / alone);
        per_second.push([alone, with_check]);
    }
    drop((lab, nginx));
    let of = |which: fn(&[f64; 2]) -> f64| median(per_second.iter().map(which).collect());
    println!();
    println!("requests per second through nginx, without the check  {:>8.0}", of(|[alone, _]| *alone));
    println!("requests per second through nginx, with the check     {:>8.0}", of(|[_, checked]| *checked));
    println!(
        "with the check against without it                     {:>6.2} x   at least 0.70 x",
        median(ratios)
    );
    Ok(())
}

/// Writes the files of the page, with other ports, and a service that answers nothing. Returns the main one.
fn write_configuration(folder: &Path, places: &Places, ports: &Ports) -> Result<std::path::PathBuf> {
    for block in PAGE.split("\n```nginx\n# ").skip(1) {
        let (file, rest) = block.split_once('\n').context("a file without lines")?;
        let (text, _) = rest.split_once("\n```").context("a block without an end")?;
        let file = folder.join(file.trim_start_matches("/etc/nginx/"));
        fs::create_dir_all(file.parent().context("a file without a folder")?)?;
        let without_tls: Vec<_> = text.lines().filter(|line| !line.trim().starts_with("ssl_")).collect();
        let text = without_tls
            .join("\n")
            .replace("listen 443 ssl", &format!("listen {}", net::loopback(places.lab_port)))
            .replace("127.0.0.1:8091", &net::loopback(ports.labgate).to_string())
            .replace("127.0.0.1:5000", &net::loopback(ports.service).to_string())
            .replace("server_name lab.example.org", "server_name 127.0.0.1");
        fs::write(file, text)?;
    }
    let (service, unchecked) = (net::loopback(ports.service), net::loopback(ports.unchecked));
    let at = folder.display();
    let main = format!(
        "pid {at}/pid; error_log stderr; daemon off; master_process off; events {{}}\n\
         http {{ access_log off; keepalive_requests 1000000; include conf.d/*.conf;\n\
         client_body_temp_path {at}/body; proxy_temp_path {at}/proxied;\n\
         fastcgi_temp_path {at}/1; uwsgi_temp_path {at}/2; scgi_temp_path {at}/3;\n\
         server {{ listen {service}; location / {{ return 200; }} }}\n\
         server {{ listen {unchecked}; location / {{ proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_pass http://mlflow; }} }} }}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, main)?;
    Ok(file)
}
