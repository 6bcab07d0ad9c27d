//! The program: what it prints, and how it fails.
#![cfg(feature = "cli")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A running program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labgate-mock-idp"));
    command.args(["serve", "--algorithm", "ES256", "--listen", listen]);
    command
}

#[test]
fn it_prints_the_settings_to_paste_and_a_taken_port_is_a_clear_error() {
    let mut running = Running(command("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let banner: Vec<String> = lines.take_while(|line| !line.starts_with("Stop with")).collect();
    assert!(banner[0].contains("MOCK"), "{banner:?}");
    let setting = |name: &str| banner.iter().find_map(|line| line.strip_prefix(name)).unwrap();
    let authorize = setting("LAB_EXTERNAL_OIDC_AUTH_URL=");
    let address = authorize.strip_prefix("http://").unwrap().strip_suffix("/authorize").unwrap();
    assert_eq!(setting("LAB_EXTERNAL_OIDC_CLIENT_SECRET="), "lab-secret");

    let second = command(address).output().unwrap();
    assert!(!second.status.success());
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(error.starts_with(&format!("Error: cannot listen on {address}: ")), "{error}");
}

#[test]
fn an_address_that_others_can_reach_needs_a_flag() {
    let refused = command("0.0.0.0:0").output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("anybody is anybody"));
}
