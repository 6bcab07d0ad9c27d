//! The proxies, with the files of their pages, on other ports and without TLS.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::lab::{self, Places};
use crate::net;
use crate::process::{self, Log, Server};

const NGINX: &str = include_str!("../../../../docs/deploy/nginx.md");
const HAPROXY: &str = include_str!("../../../../docs/deploy/haproxy.md");

/// The host of the service whose passes are verified.
pub(super) const NOTEBOOKS: &str = "notebooks.localhost";

/// Each proxy has a port for the whole lab, and one for the service without a check.
pub(super) struct Ports {
    lab: u16,
    pub(super) labgate: u16,
    pub(super) service: u16,
    pub(super) nginx_unchecked: u16,
    pub(super) haproxy: u16,
    pub(super) haproxy_unchecked: u16,
}

impl Ports {
    /// Free ones, beside that of the lab's URL, at which nginx listens for it.
    pub(super) fn of(places: &Places) -> Result<Self> {
        Ok(Self {
            lab: places.lab_port,
            labgate: net::free_port()?,
            service: net::free_port()?,
            nginx_unchecked: net::free_port()?,
            haproxy: net::free_port()?,
            haproxy_unchecked: net::free_port()?,
        })
    }

    /// Puts the addresses of this run in the place of those of the pages.
    fn fill(&self, text: &str) -> String {
        let service = net::loopback(self.service).to_string();
        [
            ("127.0.0.1:8091", net::loopback(self.labgate).to_string()),
            ("127.0.0.1:5000", service.clone()),
            ("127.0.0.1:8888", service),
            ("https://lab.example.org", format!("http://127.0.0.1:{}", self.lab)),
            ("lab.example.org", "127.0.0.1".to_owned()),
            ("notebooks.example.org", NOTEBOOKS.to_owned()),
            ("__Host-labgate", "labgate".to_owned()),
            // nginx
            ("listen 443 ssl", format!("listen {}", net::loopback(self.lab))),
            ("r.variables.host", "r.variables.http_host".to_owned()),
            // HAProxy
            (
                "bind :443 ssl crt /etc/ssl/lab/lab.pem alpn http/1.1",
                format!("bind {}", net::loopback(self.haproxy)),
            ),
            ("X-Forwarded-Proto https", "X-Forwarded-Proto http".to_owned()),
            ("str(https://),concat(,txn.host)", format!("str(http://),concat(,txn.host,:{})", self.lab)),
        ]
        .iter()
        .fold(text.to_owned(), |text, (documented, ours)| text.replace(documented, ours))
    }
}

/// Starts nginx, which verifies passes by this key set. The service is its own, too, and answers nothing.
pub(super) fn nginx(folder: &Path, ports: &Ports, keys: &str) -> Result<Server> {
    let at = folder.join("nginx");
    for (first, text) in blocks(NGINX) {
        let Some((_, name)) = first.split_once(" /etc/nginx/") else { continue };
        let mut text = text.to_owned();
        if name == "conf.d/lab.conf" {
            let verifying = block(NGINX, "# in place of the server of notebooks.example.org")?;
            let start = "server {\n    listen 443 ssl;\n    server_name notebooks.";
            let (before, rest) = text.split_once(start).context("no server of the notebooks")?;
            let (_, after) = rest.split_once("\n}\n").context("a server without an end")?;
            text = format!("{before}{verifying}\n{after}");
        }
        let without_tls: Vec<_> = text.lines().filter(|line| !line.trim().starts_with("ssl_")).collect();
        write(&at.join(name), &ports.fill(&without_tls.join("\n")))?;
    }
    write(&at.join("labgate/jwks.json"), keys)?;
    write(&at.join("labgate/secret.json"), &format!("\"{}\"", "0123456789abcdef".repeat(4)))?;
    let (service, unchecked) = (net::loopback(ports.service), net::loopback(ports.nginx_unchecked));
    let shown = at.display();
    let main = format!(
        "include /usr/share/nginx/modules-available/mod-http-js.conf;\n\
         pid {shown}/pid; error_log stderr; daemon off; master_process off; events {{}}\n\
         http {{ access_log off; keepalive_requests 1000000; include conf.d/*.conf;\n\
         client_body_temp_path {shown}/body; proxy_temp_path {shown}/proxied;\n\
         fastcgi_temp_path {shown}/1; uwsgi_temp_path {shown}/2; scgi_temp_path {shown}/3;\n\
         server {{ listen {service}; location / {{ return 200; }} }}\n\
         server {{ listen {unchecked}; location / {{ proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_pass http://mlflow; }} }} }}\n"
    );
    let file = at.join("nginx.conf");
    write(&file, &main)?;
    start(Command::new("nginx").arg("-c").arg(file), "nginx", folder, ports.service)
}

/// Starts HAProxy, which verifies passes by the lab's key.
pub(super) fn haproxy(folder: &Path, ports: &Ports, places: &Places) -> Result<Server> {
    let at = folder.join("haproxy");
    let own_paths = |text: &str| ports.fill(text).replace("/etc/haproxy", &at.display().to_string());
    write(&at.join("labgate.lua"), &own_paths(block(HAPROXY, "-- /etc/haproxy/labgate.lua")?))?;
    let verifying = block(HAPROXY, "# beside the other defaults")?;
    let (unchecked, service) = (net::loopback(ports.haproxy_unchecked), net::loopback(ports.service));
    let main = block(HAPROXY, "# /etc/haproxy/haproxy.cfg")?
        .replacen("frontend lab", &format!("{verifying}\n\nfrontend lab"), 1)
        .replace("backend notebooks from service", "backend notebooks from verified");
    let main = own_paths(&main)
        + &format!(
            "\n\nfrontend unchecked from lab\n    bind {unchecked}\n    default_backend unchecked\n\n\
             backend unchecked from lab\n    server service {service}\n"
        );
    let file = at.join("haproxy.cfg");
    write(&file, &main)?;
    let keys = fs::read_dir(places.data_dir.join("keys"))?.collect::<std::io::Result<Vec<_>>>()?;
    let key = keys.iter().map(fs::DirEntry::path).find(|path| path.to_string_lossy().contains("/session-"));
    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-pubout", "-in"]).arg(key.context("Labgate has no key")?);
    process::run(openssl.arg("-out").arg(at.join("labgate.pem")), Duration::from_secs(10))?;
    start(Command::new("haproxy").args(["-db", "-f"]).arg(file), "haproxy", folder, ports.haproxy_unchecked)
}

fn start(command: &Command, name: &'static str, folder: &Path, port: u16) -> Result<Server> {
    let log = folder.join(format!("{name}.log"));
    let mut server = Server::start(name, command, &Log::File(&log))?;
    server.wait_until(lab::START_LIMIT, || net::answers(port, "/"))?;
    Ok(server)
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(file.parent().context("a file without a folder")?)?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Returns the code blocks of a page, each as its first line and the rest.
fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')?.1.split_once('\n'))
}

fn block<'a>(page: &'a str, first: &str) -> Result<&'a str> {
    let found = blocks(page).find(|(line, _)| *line == first);
    found.map(|(_, text)| text).with_context(|| format!("the page has no block `{first}`"))
}
