//! `labgate account …` as an operator uses it, each command a process of its own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like one")]

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use labgate::configuration::{Configuration, Sources};
use labgate::wiring::with_sign_in;
use labgate_domain::people::{EmailAddress, Password, Role};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sign_in::{Administrator, NewAccount, PasswordSignIn, PasswordSignedIn, Visitor};
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

    /// Runs the command with a text on its standard input.
    fn pipe(&self, input: &str, command: &str) -> Output {
        let arguments = ["account"].into_iter().chain(command.split(' '));
        let mut labgate = Command::new(env!("CARGO_BIN_EXE_labgate"));
        labgate.args(arguments).env_clear().current_dir(&self.0);
        let piped = labgate.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = piped.spawn().unwrap();
        running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        running.wait_with_output().unwrap()
    }

    fn write(&self, file: &str, content: &str) {
        std::fs::write(self.0.path().join(file), content).unwrap();
    }

    fn configuration(&self) -> Configuration {
        let data_dir = self.0.path().join("labgate-data");
        let environment = vec![(OsString::from("LABGATE_DATA_DIR"), data_dir.into())];
        Configuration::read(&Sources { file: None, environment }).unwrap()
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
    assert!(made.contains("can claim it"), "{made}");
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
    let by = Administrator::local_operator();
    with_sign_in(&operator.configuration(), async |sign_in| {
        for number in 0..1001 {
            let email = EmailAddress::parse(&format!("p{number}@example.com")).unwrap();
            let new = NewAccount {
                username: None,
                email: Some(email),
                name: None,
                role: Role::User,
                password: None,
            };
            sign_in.administration().create(&by, new).await.unwrap();
        }
    })
    .await
    .unwrap();
    assert_eq!(operator.words("list").lines().count(), 1001);
}

#[test]
fn an_impossible_command_is_an_error_with_a_reason() {
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

    // An incomplete command does nothing.
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

/// Of the password `correct horse`, by the `crypt` of the C library.
const BCRYPT: &str = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

#[test]
fn csv_import_is_repeatable() {
    let operator = Operator::new();
    operator.write(
        "people.csv",
        &format!(
            "email,username,role,name,password_hash\n\
             ada@example.com,Ada,admin,\"Lovelace, Ada\",{BCRYPT}\n\
             grace@example.com,,user,Grace,\n\
             ,hedy,,,\n"
        ),
    );
    let output = operator.run("import people.csv --dry-run");
    assert!(text(&output.stderr).contains("LABGATE_DATA_DIR"), "{}", text(&output.stderr));
    assert!(!operator.0.path().join("labgate-data").exists(), "looking makes nothing");

    operator.words("create hedy");
    let foreseen = operator.words("import people.csv --dry-run");
    let expected = "line 4: hedy exists already\n2 accounts would be created, 1 skipped (existing)\n";
    assert_eq!(foreseen, expected);
    assert_eq!(operator.json("list")["accounts"].as_array().unwrap().len(), 1, "nothing is written");

    let done = operator.json("import people.csv");
    let expected = serde_json::json!({ "created": 2, "skipped": 1, "errors": [], "dry_run": false });
    assert_eq!(done, expected);
    let ada = operator.json("show ada");
    assert_eq!((&ada["role"], &ada["email"]), (&"admin".into(), &"ada@example.com".into()));
    assert_eq!(ada["name"], "Lovelace, Ada");
    assert_eq!(operator.json("show grace@example.com")["username"], "grace@example.com");

    let output = operator.run("import people.csv");
    assert!(text(&output.stdout).ends_with("\n0 accounts are created, 3 skipped (existing)\n"));
    assert_eq!(text(&output.stderr), "", "there is no progress to watch where nobody watches");
}

#[test]
fn one_error_and_nothing_is_imported() {
    let operator = Operator::new();
    operator.words("create --email root@example.com");
    let too_costly = BCRYPT.replace("$04$", "$15$");
    operator.write(
        "lab.htpasswd",
        &format!("# people\nada:{BCRYPT}\ngrace:{too_costly}\nhedy:{{SHA}}planted\nADA:{BCRYPT}\n"),
    );
    let output = operator.run("import lab.htpasswd --json");
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines: Vec<_> =
        json["errors"].as_array().unwrap().iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!((&json["created"], &*lines), (&0.into(), &[3, 4, 5][..]), "{json}");
    let told = text(&output.stderr);
    assert!(told.starts_with("labgate: 3 errors, and nothing is imported:\nline 3: "), "{told}");
    assert!(told.contains("SHA-1") && told.contains("a cost from 4 to 14"), "{told}");
    assert!(told.contains("line 5: ada stands on line 2 already"), "{told}");
    for secret in ["planted", "abcdefghijkl"] {
        assert!(!told.contains(secret) && !json.to_string().contains(secret), "{told} {json}");
    }
    assert_eq!(operator.json("list")["accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn a_useless_file_creates_no_lab() {
    let operator = Operator::new();
    operator.write("people.csv", "username,password\nada,planted\n");
    operator.write("people.txt", "");
    for (command, told) in [
        ("import people.csv", "plain passwords"),
        ("import people.txt", "--format csv or --format htpasswd"),
        ("import -", "--format csv or --format htpasswd"),
        ("import nowhere.csv", "nowhere.csv: it cannot be read"),
    ] {
        let output = operator.run(command);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(told) && !stderr.contains("planted"), "{command}: {stderr}");
    }
    assert!(!operator.0.path().join("labgate-data").exists());
    let help = operator.words("import --help");
    assert!(help.contains("password_hash") && help.contains("--dry-run"), "{help}");
}

#[tokio::test]
async fn an_imported_account_signs_in_with_its_old_password() {
    let operator = Operator::new();
    let output = operator.pipe(&format!("ada:{BCRYPT}\n"), "import - --format htpasswd");
    assert_eq!(text(&output.stdout), "1 account is created, 0 skipped (existing)\n");
    with_sign_in(&operator.configuration(), async |sign_in| {
        // The second time by the hash that the first has made.
        for password in ["correct horse", "correct horse"] {
            let attempt = PasswordSignIn {
                name: "ada".to_owned(),
                password: Some(Password::typed(password).unwrap()),
                return_to: ReturnTo::main_page(),
            };
            let signed_in = sign_in.passwords().sign_in(attempt, &Visitor::default()).await.unwrap();
            assert!(matches!(signed_in, PasswordSignedIn::SignedIn { .. }), "{signed_in:?}");
        }
    })
    .await
    .unwrap();
    let database = std::fs::read(operator.0.path().join("labgate-data/labgate.db")).unwrap();
    let holds = |text: &str| database.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("$argon2id$"), "the first sign-in has replaced the hash");
}

#[test]
fn f35_f22_what_a_command_changes_is_logged_with_the_local_operator() {
    let operator = Operator::new();
    operator.words("create --email root@example.com --admin");
    let output = operator.run("create ada");
    let log = text(&output.stderr);
    let created = log.lines().find(|line| line.contains("event=\"administered\"")).unwrap();
    for part in ["name=\"ada\"", "change=\"created\"", "by=\"local operator\""] {
        assert!(created.contains(part), "{log}");
    }
    assert!(text(&operator.run("disable ada").stderr).contains("change=\"disabled\""));
    assert_eq!(text(&operator.run("list").stderr), "", "a look is no act");
}

#[test]
fn local_groups_are_added_removed_and_shown() {
    let operator = Operator::new();
    operator.words("create ada --email ada@example.com");
    assert_eq!(operator.words("groups ada"), "ada has no local groups\n");
    assert_eq!(
        operator.words("groups ada --add staff,gpu --add lab:x"),
        "ada has the local groups gpu, lab:x, staff\n"
    );
    let json = operator.json("groups ada@example.com --remove lab:x,none");
    assert_eq!(json["local_groups"], serde_json::json!(["gpu", "staff"]));
    assert!(operator.words("show ada").contains("groups    gpu, staff (local)\n"));
    for malformed in ["groups ada --add a,,b", "groups ada --add x\u{202e}", "groups"] {
        assert_eq!(operator.run(malformed).status.code(), Some(2), "{malformed}");
    }
    assert_eq!(operator.refused("groups nobody --add gpu").1, "account_unknown");
    let many: Vec<String> = (0..63).map(|number| format!("g{number}")).collect();
    assert_eq!(operator.refused(&format!("groups ada --add {}", many.join(","))).1, "too_many_groups");
    assert_eq!(operator.json("show ada")["local_groups"], serde_json::json!(["gpu", "staff"]));
    let log = text(&operator.run("groups ada --add new --remove gpu").stderr);
    for part in ["event=\"groups_changed\"", "added=\"new\"", "removed=\"gpu\"", "by=\"local operator\""] {
        assert!(log.contains(part), "{log}");
    }
    assert_eq!(text(&operator.run("groups ada").stderr), "", "a look is no act");
}

#[test]
fn groups_are_imported_give_no_role_and_change_no_account_that_exists() {
    let operator = Operator::new();
    operator.words("create ada --email ada@example.com");
    operator.words("groups ada --add staff");
    operator.write("people.csv", "username,groups\nada,\"lab-admins, gpu\"\ngrace,\"lab-admins, gpu\"\n");
    assert_eq!(operator.json("import people.csv")["created"], 1);
    let (ada, grace) = (operator.json("show ada"), operator.json("show grace"));
    assert_eq!(ada["local_groups"], serde_json::json!(["staff"]));
    assert_eq!(
        (&grace["local_groups"], &grace["role"]),
        (&serde_json::json!(["gpu", "lab-admins"]), &"user".into())
    );
}

#[test]
fn f22_an_account_is_renamed_and_a_dry_run_says_so_beforehand() {
    let operator = Operator::new();
    operator.words("create ada --email ada@example.com");
    operator.words("create eve");
    assert_eq!(operator.words("rename ada lovelace --dry-run"), "lovelace would be renamed from ada\n");
    assert_eq!(operator.json("show ada")["username"], "ada");
    for (command, code) in [
        ("rename ada eve --dry-run", "name_taken"),
        ("rename ada eve", "name_taken"),
        ("rename ada eve@example.com", "username_malformed"),
        ("rename nobody lovelace", "account_unknown"),
    ] {
        assert_eq!(operator.refused(command).1, code, "{command}");
    }
    assert_eq!(operator.words("rename ada Lovelace"), "lovelace is the new name of ada\n");
    assert_eq!(operator.refused("show ada").1, "account_unknown");
    assert_eq!(operator.json("rename lovelace ada@example.com")["username"], "ada@example.com");
    let log = text(&operator.run("rename ada@example.com ada").stderr);
    assert!(log.contains("event=\"renamed\"") && log.contains("former=\"ada@example.com\""), "{log}");
}

#[test]
fn f22_a_move_by_address_needs_identities_of_the_old_issuer() {
    let operator = Operator::new();
    operator.words("create ada --email ada@example.com");
    let moved = |more: &str| {
        let command = format!("identities move --from https://old.example --to https://new.example{more}");
        let mut labgate = Command::new(env!("CARGO_BIN_EXE_labgate"));
        let output = labgate.args(command.split(' ')).env_clear().current_dir(&operator.0).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    for more in [" --by-email", " --by-email --days 7 --dry-run"] {
        let (code, told) = moved(more);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("no account has an identity of https://old.example"), "{told}");
    }
    for more in [" --days 7", " --by-email --days 366", " --by-email --days -1"] {
        assert_eq!(moved(more).0, Some(2), "{more}");
    }
}
