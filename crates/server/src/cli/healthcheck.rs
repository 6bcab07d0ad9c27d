//! `labgate healthcheck`: asks a running server whether it is ready, as a container's health check does.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use labgate_http::paths::READINESS;
use reqwest::redirect::Policy;

use super::lab::runtime;
use crate::configuration::{Configuration, Listen};

pub(super) const HELP: &str = "Asks GET /readyz at the address of the setting listen, over TCP, TLS or a Unix socket. Prints one line, and \
                               exits with 0 if the server is ready, otherwise with 1.";

/// Container platforms give a health check some seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command.
pub(super) fn run(configuration: &Configuration) -> anyhow::Result<ExitCode> {
    let (code, line) = match runtime()?.block_on(ask(configuration)) {
        Ok(()) => (ExitCode::SUCCESS, "ready".to_owned()),
        Err(reason) => (ExitCode::FAILURE, format!("not ready: {reason}")),
    };
    writeln!(std::io::stdout(), "{line}")?;
    Ok(code)
}

/// Asks the server; the error is the reason for which it is not ready.
async fn ask(configuration: &Configuration) -> Result<(), String> {
    let listen = configuration.listen.on_this_machine();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(PATIENCE)
        // The certificate is for the public name, and nothing of the answer but its status is believed.
        .tls_danger_accept_invalid_certs(true);
    let (client, host) = match &listen {
        Listen::Tcp(address) if address.port() == 0 => {
            return Err(format!("the system chose the port of {listen}, and it is not known here"));
        }
        Listen::Tcp(address) => (client, address.to_string()),
        #[cfg(unix)]
        Listen::Unix(path) => (client.unix_socket(path.clone()), "localhost".to_owned()),
        #[cfg(not(unix))]
        Listen::Unix(_) => return Err("this system has no Unix sockets".to_owned()),
    };
    let client = client.build().map_err(|error| format!("no HTTP client can be made: {error}"))?;
    let scheme = if configuration.tls.is_some() { "https" } else { "http" };
    let answer = client.get(format!("{scheme}://{host}{}", READINESS.as_str())).send().await;
    match answer.map(|answer| answer.status()) {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) => Err(format!("{listen} answers {status}")),
        Err(error) => {
            let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
            let cause = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
            Err(format!("{listen} does not answer: {cause}"))
        }
    }
}
