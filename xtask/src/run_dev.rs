//! `cargo xtask run-dev`: a lab to look at.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::lab::{self, Lab, Places};
use crate::net;
use crate::options::Options;
use crate::process::{show, stopping};
use crate::workspace::{self, Profile};

pub(crate) const ABOUT: &str =
    "a lab with a mock provider on loopback [--port N] [--idp-port N] [--data-dir DIR] [--fresh]";

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
    let mut lab = Lab::start(&programs, &places, None)?;
    show(&welcome(&places));

    while !stopping() {
        lab.mock_idp.is_alive()?;
        lab.labgate.is_alive()?;
        thread::sleep(Duration::from_millis(100));
    }
    show("stopping both");
    Ok(())
}

fn welcome(places: &Places) -> String {
    let settings: Vec<_> =
        places.settings().iter().map(|(name, value)| format!("    {name}={value}")).collect();
    format!(
        "
  The lab       {lab}
  The provider  {idp}  (a mock)
  Data          {data}

  Open the lab, sign in, and choose who you are at the provider: ada gets in; bob, whose e-mail address
  is not verified, and noone, who has none, are refused and told why. Or sign in as the administrator root with
  the password \"{password}\", which must be changed then. The lab runs with these settings:

{settings}

  Ctrl-C stops both.
",
        password = lab::ADMIN_PASSWORD,
        lab = places.lab_url(),
        idp = places.idp_url(),
        data = places.data_dir.display(),
        settings = settings.join("\n"),
    )
}
