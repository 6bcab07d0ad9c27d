//! The proxies, as `docs/deploy` configures them: the code blocks of a page are the files that are run, with other
//! ports and another folder than `/etc`.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(30);

/// A reverse proxy, and its page.
pub(crate) struct Product {
    pub(crate) name: &'static str,
    /// The path of its page: read when it runs, so that a changed page needs no build.
    pub(crate) page: &'static str,
    /// The line that says where it listens, and the same for this test.
    pub(crate) listens: [&'static str; 2],
    /// The file that it is started with, and what is there before the page's.
    pub(crate) main_file: &'static str,
    pub(crate) preamble: &'static str,
    /// What a section of the page has changed in its files.
    pub(crate) changed: fn(String) -> String,
    pub(crate) arguments: &'static [&'static str],
}

pub(super) const NGINX: Product = Product {
    name: "nginx",
    page: concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deploy/nginx.md"),
    listens: ["listen 443", "listen 127.0.0.1:@port@"],
    main_file: "nginx/nginx.conf",
    // Not all have njs.
    preamble: "include /usr/share/nginx/modules-available/mod-http-js*.conf;\n\
               pid @etc@/pid; error_log stderr; daemon off; master_process off; events {}\n\
               http { access_log off; client_body_temp_path @etc@/body; proxy_temp_path @etc@/proxied;\n\
               fastcgi_temp_path @etc@/1; uwsgi_temp_path @etc@/2; scgi_temp_path @etc@/3; include conf.d/*.conf; }\n",
    changed: |page| page,
    arguments: &["-c"],
};

/// The same, which verifies passes of the notebooks itself.
pub(super) const VERIFYING_NGINX: Product = Product {
    changed: |page| {
        let (_, rest) =
            page.split_once("\n```nginx\n# in place of the server of notebooks.example.org\n").unwrap();
        let (server, _) = rest.split_once("\n```").unwrap();
        let (before, rest) =
            page.split_once("server {\n    listen 443 ssl;\n    server_name notebooks.").unwrap();
        let (_, after) = rest.split_once("\n}\n").unwrap();
        format!("{before}{server}\n{after}")
    },
    ..NGINX
};

pub(super) const CADDY: Product = Product {
    name: "caddy",
    page: concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deploy/caddy.md"),
    listens: ["lab.example.org {", "lab.example.org {"],
    main_file: "caddy/Caddyfile",
    preamble: "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n\thttps_port @port@\n\t\
               storage file_system @etc@/storage\n}\n",
    changed: |page| page,
    arguments: &["run", "--adapter", "caddyfile", "--config"],
};

pub(crate) const HAPROXY: Product = Product {
    name: "haproxy",
    page: concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deploy/haproxy.md"),
    listens: ["bind :443", "bind 127.0.0.1:@port@"],
    main_file: "haproxy/haproxy.cfg",
    preamble: "",
    changed: |page| page,
    arguments: &["-db", "-f"],
};

/// The same, which verifies passes of the notebooks itself.
pub(super) const VERIFYING_HAPROXY: Product = Product {
    changed: |page| {
        let (_, rest) = page.split_once("\n```haproxy\n# beside the other defaults\n").unwrap();
        let (defaults, _) = rest.split_once("\n```").unwrap();
        page.replacen("frontend lab", &format!("{defaults}\n\nfrontend lab"), 1)
            .replace("backend notebooks from service", "backend notebooks from verified")
    },
    ..HAPROXY
};

/// A proxy that runs until this is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Proxy {
    /// Starts a proxy in front of these services, each with the address that it has in the documents, with these
    /// files below `/etc` beside those of the page.
    pub(crate) async fn start(
        product: &Product,
        services: &[(&str, String)],
        files: &[(&str, String)],
    ) -> Self {
        let page = (product.changed)(fs::read_to_string(product.page).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let etc = folder.path();
        for (name, text) in files {
            write(&etc.join(name), text);
        }
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let filled = |text: &str| {
            // By way of marks: a port of this test may begin with one of the documents'.
            let marked = services.iter().fold(text.to_owned(), |text, (documented, _)| {
                text.replace(documented, &format!("@{documented}@"))
            });
            let marked = marked.replace(product.listens[0], product.listens[1]).replace("/etc/", "@etc@/");
            let filled = services.iter().fold(marked, |text, (documented, address)| {
                text.replace(&format!("@{documented}@"), address)
            });
            filled.replace("@port@", &address.port().to_string()).replace("@etc@", etc.to_str().unwrap())
        };
        let main_file = etc.join(product.main_file);
        write(&main_file, &filled(product.preamble));
        for (name, text) in files_of(&page) {
            let file = etc.join(name.strip_prefix("/etc/").unwrap());
            let before = if file == main_file { filled(product.preamble) } else { String::new() };
            write(&file, &(before + &filled(text) + "\n"));
        }
        for place in services.iter().map(|(documented, _)| *documented).chain([product.listens[0]]) {
            let is_there = page.contains(place) || product.preamble.contains(place);
            assert!(is_there, "{} has no {place}", product.name);
        }

        let log = etc.join("log");
        let output = File::create(&log).unwrap();
        let mut command = Command::new(product.name);
        command.args(product.arguments).arg(&main_file).current_dir(etc).env("HOME", etc);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut proxy = Self { address, child, log, _folder: folder };
        let since = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            let ended = proxy.child.try_wait().unwrap();
            assert!(ended.is_none() && since.elapsed() < START_LIMIT, "{ended:?}: {}", proxy.log());
            // There is nothing to wait on: it is another process, and its port was closed a moment ago.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        proxy
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// Returns the files of a page: its code blocks whose first line is a comment with a path.
pub(crate) fn files_of(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    let file = |block| {
        let (_, text) = str::split_once(block, '\n')?;
        let (first, _) = text.split_once('\n')?;
        Some((first.split_once(' ')?.1, text)).filter(|(name, _)| name.starts_with("/etc/"))
    };
    blocks.filter_map(file).collect()
}
