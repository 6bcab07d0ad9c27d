//! `cargo xtask run-dev`: a lab to look at.

mod front_door;
mod greeting;
mod http;
mod services;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::services::SERVICES;
use crate::lab::{self, Lab, Places};
use crate::net;
use crate::options::Options;
use crate::process::{show, stopping};
use crate::workspace::{self, Profile};

pub(crate) const ABOUT: &str =
    "a lab with three services and a mock provider [--port N] [--idp-port N] [--data-dir DIR] [--fresh]";

/// The default, and the groups, for the rules.
const SCOPES: &str = "email profile groups";

pub(crate) fn run(mut options: Options) -> Result<()> {
    let port = options.value("--port")?.unwrap_or(8091);
    let idp_port = options.value("--idp-port")?.unwrap_or(9400);
    let data_dir = options.value::<PathBuf>("--data-dir")?;
    let fresh = options.flag("--fresh");
    options.finish()?;
    let data_dir = match data_dir {
        // A slip of the pen must not empty somebody's home.
        Some(given) if fresh => {
            bail!("--fresh is only for the usual folder: empty {} yourself", given.display())
        }
        Some(given) => std::path::absolute(given)?,
        None => workspace::target()?.join("run-dev"),
    };

    let programs = workspace::build(Profile::Debug)?;
    if fresh {
        lab::empty(&data_dir)?;
    }
    std::fs::create_dir_all(&data_dir)?;
    let idp_port = net::port_or_another(idp_port, "the mock provider")?;
    let places = Places { lab_port: net::port_or_another(port, "the lab")?, idp_port, data_dir };
    let file = places.data_dir.join("run-dev.toml");
    std::fs::write(&file, services::configuration(places.lab_port))
        .with_context(|| format!("cannot write {}", file.display()))?;
    // Labgate has a port of its own behind the front door, which has the public one.
    let behind = net::free_port()?;
    let mut labgate = lab::labgate_command(&programs, &places);
    labgate
        .arg("--config")
        .arg(&file)
        .env("LABGATE_LISTEN", net::loopback(behind).to_string())
        .env("LABGATE_PUBLIC_URL", places.lab_url())
        .env("LAB_EXTERNAL_OIDC_SCOPES", SCOPES);
    front_door::open(places.lab_port, behind)?;
    let mut lab = Lab::start_with(&programs, &places, None, &labgate)?;
    show(&welcome(&places, &file));

    while !stopping() {
        lab.mock_idp.is_alive()?;
        lab.labgate.is_alive()?;
        thread::sleep(Duration::from_millis(100));
    }
    show("stopping all");
    Ok(())
}

fn welcome(places: &Places, file: &Path) -> String {
    let scopes = ("LAB_EXTERNAL_OIDC_SCOPES", SCOPES.to_owned());
    let settings = places.settings().into_iter().chain([scopes]);
    let settings: Vec<_> = settings.map(|(name, value)| format!("    {name}={value}")).collect();
    let services = SERVICES.each_ref().map(|service| {
        format!("    {:<12} {:<40} {}", service.name, service.url(places.lab_port), service.description)
    });
    format!(
        "
  The lab       {lab}
  The provider  {idp}  (a mock)
  Data          {data}

  Its services greet you by name, and show what Labgate told them:

{services}

  Open the lab, sign in, and choose who you are at the provider. ada may open all services; grace, who is not
  in the group lab-admins, two of them; bob, whose e-mail address is not verified, and noone, who has none, are
  refused and told why. Or sign in as the administrator root with the password \"{password}\", which must be
  changed then. The lab runs with these settings, and with the services in {file}:

{settings}

  Ctrl-C stops all.
",
        lab = places.lab_url(),
        idp = places.idp_url(),
        data = places.data_dir.display(),
        services = services.join("\n"),
        password = lab::ADMIN_PASSWORD,
        file = file.display(),
        settings = settings.join("\n"),
    )
}
