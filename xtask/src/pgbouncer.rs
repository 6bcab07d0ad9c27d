//! A PgBouncer in front of a PostgreSQL server, which lends its sessions for a transaction each.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::net;
use crate::postgres::{Folder, Postgres, unprivileged};
use crate::process::{Log, Server};

const LIMIT: Duration = Duration::from_secs(30);

/// The databases that tests can have.
const DATABASES: u32 = 1000;

/// A private pooler on loopback. Dropping it ends it and deletes its files.
pub(crate) struct PgBouncer {
    // Ends before its folder goes.
    _pooler: Server,
    _folder: Folder,
    pub(crate) url: String,
}

impl PgBouncer {
    /// Starts one with databases for tests on a server.
    pub(crate) fn before(server: &Postgres) -> Result<Self> {
        let folder = Folder::create("pgbouncer")?;
        let port = net::free_port()?;
        let (rest, _) = server.url.rsplit_once('/').context("the URL ends with a database")?;
        let (credentials, address) = rest.rsplit_once('@').context("the URL has a password")?;
        let (_, servers_port) = address.rsplit_once(':').context("the URL has a port")?;
        let (user, password) = credentials
            .trim_start_matches("postgres://")
            .split_once(':')
            .context("the URL has a password")?;
        let (users, log) = (folder.0.join("users"), folder.0.join("log"));
        fs::write(&users, format!("\"{user}\" \"{password}\"\n"))?;
        // Tests have a schema each, which no client of a pooler can choose.
        let databases = (0..DATABASES).map(|number| {
            let name = format!("lab_{number}");
            let address = format!("host=127.0.0.1 port={servers_port} dbname=postgres");
            format!("{name} = {address} connect_query='SET search_path = {name}'\n")
        });
        let databases: String = databases.collect();
        let settings = format!(
            "[databases]\n{databases}[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = 11\nmax_client_conn = 1000\n",
            users.display()
        );
        let file = folder.0.join("pgbouncer.ini");
        fs::write(&file, settings)?;
        folder.give_away()?;
        let mut command = unprivileged(Path::new("pgbouncer"), &folder);
        command.arg(&file);
        let mut pooler = Server::start("pgbouncer", &command, &Log::File(&log))?;
        if let Err(error) = pooler.wait_until(LIMIT, || TcpStream::connect(net::loopback(port)).is_ok()) {
            bail!("{error:#}:\n{}", fs::read_to_string(&log).unwrap_or_default());
        }
        let url = format!("{credentials}@127.0.0.1:{port}/postgres");
        Ok(Self { _pooler: pooler, _folder: folder, url })
    }
}
