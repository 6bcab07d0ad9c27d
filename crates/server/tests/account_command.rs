//! `labgate account …` as an operator uses it, each command a process of its own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like one")]

use std::ffi::OsString;
use std::process::{Command, Output};

use labgate::configuration::{Configuration, Sources};
use labgate::wiring::with_sign_in;
use labgate_domain::people::{EmailAddress, Role};
use labgate_domain::sign_in::{Administrator, NewAccount};
use serde_json::Value;
use tempfile::TempDir;

/// An operator at the machine of a lab.
struct Operator(TempDir);

impl Operator {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, command: &str) -> Output {
        let arguments = ["account"].into_iter().chain(command.split(' '));
        let mut labgate = Command::new(env!("CARGO_BIN_EXE_labgate"));
        labgate.args(arguments).env_clear().current_dir(&self.0).output().unwrap()
    }

    /// What the command answers in JSON.
    fn json(&self, command: &str) -> Value {
        let output = self.run(&format!("{command} --json"));
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What the command answers in words.
    fn words(&self, command: &str) -> String {
        let output = self.run(command);
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// How the command is refused: the words, and the code as JSON has it.
    fn refused(&self, command: &str) -> (String, String) {
        let output = self.run(&format!("{command} --json"));
        assert_eq!(output.status.code(), Some(1), "{command}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        (text(&output.stderr), json["code"].as_str().unwrap().to_owned())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn an_account_from_its_making_to_its_end() {
    let operator = Operator::new();
    std::fs::write(operator.0.path().join("password"), "planted-97-Lantern-orbit\n").unwrap();

    let made = operator.words("create Keeper --admin --name K. --password-file password");
    assert_eq!(made, "keeper is created\n", "a password that was given is not repeated");
    let ada = operator.json("create ada --email Ada@Example.COM");
    let initial = ada["initial_password"].as_str().unwrap().to_owned();
    assert_eq!((initial.len(), &ada["email"]), (19, &"ada@example.com".into()), "{ada}");

    // Those made in one second come in any order.
    let list = operator.words("list");
    let mut lines: Vec<_> = list.lines().collect();
    lines.sort_unstable();
    let expected = ["ada     user   active  ada@example.com", "keeper  admin  active  -                K."];
    assert_eq!(lines, expected);
    let found = operator.json("list --search ada");
    assert_eq!(found["accounts"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["accounts"][0]["id"], ada["id"]);

    assert_eq!(operator.words("disable ada@example.com"), "ada is disabled\n");
    assert_eq!(operator.json("show ada")["status"], "disabled");
    assert_eq!(operator.json("enable ada")["status"], "active");
    assert_eq!(operator.words("sign-out ada"), "ada is signed out\n");

    let reset = operator.words("reset-password ada");
    let (_, next) = reset.trim_end().rsplit_once(": ").unwrap();
    assert!(next.len() == 19 && next != initial, "{reset}");
    let shown = operator.words("show ada");
    assert!(shown.contains("created   less than a minute ago") && !shown.contains(next), "{shown}");

    assert_eq!(operator.json("delete ada --yes")["username"], "ada");
    let (told, code) = operator.refused("show ada");
    assert_eq!(
        (&*told, &*code),
        ("labgate: There is no such account. (account_unknown)\n", "account_unknown")
    );
}

#[test]
fn the_last_administrator_stays() {
    let operator = Operator::new();
    // Opened by the provider, so that no password has to be hashed.
    let made = operator.words("create --email root@example.com --admin");
    assert!(made.contains("opened by the provider"), "{made}");
    for command in ["disable", "delete --yes", "set-role"] {
        let role = if command == "set-role" { " user" } else { "" };
        let (told, code) = operator.refused(&format!("{command} root@example.com{role}"));
        assert!(
            told.contains("last active administrator") && code == "last_administrator",
            "{command}: {told}"
        );
    }
    operator.words("create --email next@example.com");
    assert_eq!(operator.json("set-role next@example.com admin")["role"], "admin");
    assert_eq!(operator.json("set-role root@example.com user")["role"], "user");
}

#[tokio::test]
async fn the_list_is_whole_however_long_it_is() {
    let operator = Operator::new();
    let data_dir = operator.0.path().join("labgate-data");
    let environment = vec![(OsString::from("LABGATE_DATA_DIR"), data_dir.into())];
    let configuration = Configuration::read(&Sources { file: None, environment }).unwrap();
    let by = Administrator::at_the_machine();
    with_sign_in(&configuration, async |sign_in| {
        for number in 0..1001 {
            let email = EmailAddress::parse(&format!("p{number}@example.com")).unwrap();
            let new = NewAccount {
                username: None,
                email: Some(email),
                name: None,
                role: Role::User,
                password: None,
            };
            sign_in.create_account(&by, new).await.unwrap();
        }
    })
    .await
    .unwrap();
    assert_eq!(operator.words("list").lines().count(), 1001);
}

#[test]
fn what_cannot_be_done_is_told() {
    let operator = Operator::new();
    let output = operator.run("list");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("LABGATE_DATA_DIR"), "{}", text(&output.stderr));
    assert!(!operator.0.path().join("labgate-data").exists(), "looking makes nothing");

    operator.words("create --email ada@example.com");
    assert_eq!(operator.refused("create --email ada@example.com").1, "name_taken");
    assert_eq!(operator.refused("create ada@example.com").1, "username_malformed");
    let output = operator.run("reset-password ada@example.com --password-file nowhere");
    assert!(text(&output.stderr).starts_with("labgate: nowhere: the file cannot be read"));

    // Whoever types these has not said all that is needed; nothing is done.
    for command in ["create", "delete ada@example.com", "create --email x", "set-role ada@example.com root"] {
        assert_eq!(operator.run(command).status.code(), Some(2), "{command}");
    }
    assert_eq!(operator.words("list --search nobody"), "no accounts\n");
    assert_eq!(operator.json("list")["accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn the_help_tells_when_a_running_server_notices() {
    let operator = Operator::new();
    let help = operator.words("--help");
    assert!(help.contains("15 minutes") && help.contains("data_dir"), "{help}");
    let help = operator.words("create --help");
    assert!(help.contains("--password-file") && !help.contains("--password "), "{help}");
}
