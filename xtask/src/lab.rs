//! A lab with a mock provider, on loopback: the programs as a person starts them, with the four settings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::net;
use crate::process::{Log, Server};
use crate::workspace::Programs;

pub(crate) const START_LIMIT: Duration = Duration::from_secs(30);

/// The addresses of lab and provider, and the lab's data directory.
pub(crate) struct Places {
    pub(crate) lab_port: u16,
    pub(crate) idp_port: u16,
    pub(crate) data_dir: PathBuf,
}

impl Places {
    /// Free ports and an empty data folder.
    pub(crate) fn fresh(data_dir: PathBuf) -> Result<Self> {
        empty(&data_dir)?;
        Ok(Self { lab_port: net::free_port()?, idp_port: net::free_port()?, data_dir })
    }

    pub(crate) fn lab_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.lab_port)
    }

    pub(crate) fn idp_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.idp_port)
    }

    /// The four settings that hand sign-in over to the mock provider.
    pub(crate) fn settings(&self) -> [(&'static str, String); 4] {
        let idp = self.idp_url();
        [
            ("LAB_EXTERNAL_OIDC_AUTH_URL", format!("{idp}/authorize")),
            ("LAB_EXTERNAL_OIDC_TOKEN_URL", format!("{idp}/token")),
            ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab".to_owned()),
            ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "lab-secret".to_owned()),
        ]
    }
}

/// Both servers, running until this is dropped.
pub(crate) struct Lab {
    pub(crate) labgate: Server,
    pub(crate) mock_idp: Server,
}

impl Lab {
    /// Starts both and waits until they answer. With `logs` their output goes there, otherwise to ours.
    pub(crate) fn start(programs: &Programs, places: &Places, logs: Option<&Path>) -> Result<Self> {
        Self::start_with(programs, places, logs, &labgate_command(programs, places))
    }

    /// The same, with further settings.
    pub(crate) fn start_with(
        programs: &Programs,
        places: &Places,
        logs: Option<&Path>,
        labgate: &Command,
    ) -> Result<Self> {
        let mut mock_idp = start("mock-idp", &mock_idp_command(programs, places), logs)?;
        mock_idp
            .wait_until(START_LIMIT, || net::answers(places.idp_port, "/.well-known/openid-configuration"))?;
        let mut labgate = start("labgate", labgate, logs)?;
        labgate.wait_until(START_LIMIT, || net::answers(places.lab_port, "/healthz"))?;
        Ok(Self { labgate, mock_idp })
    }
}

/// The initial password of the administrator `root`, which must be changed at the first sign-in. The lab
/// listens on loopback and ends with the command.
pub(crate) const ADMIN_PASSWORD: &str = "tulip anchor velvet";

pub(crate) fn labgate_command(programs: &Programs, places: &Places) -> Command {
    let mut command = Command::new(&programs.labgate);
    command
        .arg("serve")
        .envs(places.settings())
        .env("LABGATE_LISTEN", net::loopback(places.lab_port).to_string())
        .env("LABGATE_DATA_DIR", &places.data_dir)
        .env("LABGATE_ADMIN__USERNAME", "root")
        .env("LABGATE_ADMIN__PASSWORD", ADMIN_PASSWORD)
        // Not where somebody's labgate.toml may lie.
        .current_dir(&places.data_dir);
    command
}

/// The people at the mock provider, with their groups.
const PEOPLE: [&str; 4] = [
    "ada:ada@example.test:Ada Example:lab-admins,lab-users",
    "grace:grace@example.test:Grace Example:lab-users",
    "bob:unverified=bob@example.test:Bob Example:lab-users",
    "noone::No One",
];

fn mock_idp_command(programs: &Programs, places: &Places) -> Command {
    let lab = places.lab_url();
    let mut command = Command::new(&programs.mock_idp);
    command
        .args(["serve", "--listen", &net::loopback(places.idp_port).to_string()])
        .args(["--client", &format!("lab:lab-secret:{lab}/api/auth/oidc/callback")])
        .args(["--post-logout-redirect-uri", &format!("{lab}/signed-out")])
        .args(["--backchannel-logout-uri", &format!("lab:{lab}/api/auth/oidc/backchannel-logout")])
        .args(PEOPLE.iter().flat_map(|person| ["--user", person]));
    command
}

fn start(name: &'static str, command: &Command, logs: Option<&Path>) -> Result<Server> {
    let file = logs.map(|folder| folder.join(format!("{name}.log")));
    Server::start(name, command, &file.as_deref().map_or(Log::Shown, Log::File))
}

/// Makes a folder empty.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}
