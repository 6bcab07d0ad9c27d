//! The binary as an operator starts it.

#[cfg(test)]
#[cfg(unix)]
#[path = "command_line/listening.rs"]
mod listening;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

/// The command with this environment and no other, in an empty folder.
fn labgate(folder: &tempfile::TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labgate"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).current_dir(folder);
    command
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn config_check_prints_the_effective_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("labgate.toml"), "listen = \"127.0.0.1:7\"").unwrap();
    let output =
        labgate(&folder, &["config", "check"], &[("ALLOW_SELF_REGISTRATIONS", "false")]).output().unwrap();
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{stderr}");
    assert!(stdout.contains("listen = 127.0.0.1:7 (file labgate.toml)\n"), "{stdout}");
    assert!(
        stdout.contains("allow_self_registrations = false (environment variable ALLOW_SELF_REGISTRATIONS)\n")
    );
    assert!(!folder.path().join("labgate-data").exists());
}

#[test]
fn problems_end_with_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["config", "check"][..], &["serve"], &["keys", "list"], &["keys", "rotate"]] {
        let output = labgate(&folder, arguments, &[("LABGATE_LISEN", "x"), ("LABGATE_LOG__LEVEL", "loud")])
            .output()
            .unwrap();
        let (stdout, stderr) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{stdout}");
        assert!(
            stderr.contains("2 problems") && stderr.contains("LABGATE_LISEN") && stderr.contains("log.level"),
            "{stderr}"
        );
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let output = labgate(&folder, &["config", "check", "--config", "other.toml"], &[]).output().unwrap();
    let (_, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("file other.toml: cannot be read"), "{stderr}");
}

#[test]
fn keys_are_listed_and_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let run = |command| {
        let output = labgate(&folder, &["keys", command], &[]).output().unwrap();
        let (stdout, stderr) = text(&output);
        assert!(output.status.success(), "{stderr}");
        stdout
    };
    let first = run("rotate");
    let second = run("rotate");
    let list = run("list");
    let lines: Vec<_> = list.lines().collect();
    let kid = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
    assert!(lines[0].contains(&kid(&second)) && lines[0].ends_with("is not in use yet"), "{list}");
    assert!(lines[1].contains(&kid(&first)) && lines[1].ends_with("signs"), "{list}");
    assert!(lines[2].starts_with("seal-") && lines[2].ends_with("is not in use yet"), "{list}");
    assert!(lines[3].starts_with("seal-") && lines[3].ends_with("seals"), "{list}");
    assert!(first.ends_with("signs from now on\n") && second.contains("signs in 10 minutes"), "{second}");
}

#[test]
fn the_version_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let output = labgate(&folder, &["--version"], &[]).output().unwrap();
    assert_eq!(text(&output).0, concat!("labgate ", env!("CARGO_PKG_VERSION"), "\n"));
}

/// A process that does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn it_serves_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("LABGATE_LISTEN", "127.0.0.1:0"),
        ("LABGATE_PUBLIC_URL", "http://127.0.0.1:8091"),
        ("LABGATE_LOG__FORMAT", "json"),
    ];
    let mut command = labgate(&folder, &["serve"], &environment);
    let mut running = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(running.0.stderr.take().unwrap()).lines().map(Result::unwrap);

    let line: serde_json::Value = serde_json::from_str(&log.next().unwrap()).unwrap();
    assert_eq!(
        (&line["message"], &line["public_url"]),
        (&"labgate is listening".into(), &"http://127.0.0.1:8091".into())
    );
    let address = line["address"].as_str().unwrap();
    assert!(log.next().unwrap().contains("external sign-in is off"));
    let line: serde_json::Value = serde_json::from_str(&log.next().unwrap()).unwrap();
    let setup = std::fs::read_to_string(folder.path().join(line["file"].as_str().unwrap())).unwrap();
    assert!(setup.starts_with("http://127.0.0.1:8091/setup?token="));

    let mut second = labgate(&folder, &["serve"], &[("LABGATE_LISTEN", address)]);
    let output = second.output().unwrap();
    let (_, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(address) && stderr.contains("LABGATE_LISTEN"), "{stderr}");

    let told = Command::new("kill").arg(running.0.id().to_string()).status().unwrap();
    assert!(told.success());
    assert!(running.0.wait().unwrap().success());
    let rest: Vec<_> = log.collect();
    assert!(rest.iter().any(|line| line.contains("stopped")), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("/setup?")), "the link is for terminals: {rest:?}");
}

#[cfg(unix)]
fn signal(running: &Running, name: &str) {
    let process = running.0.id().to_string();
    let told = Command::new("kill").args(["-s", name, &process]).status();
    assert!(told.is_ok_and(|told| told.success()), "{name} was not sent");
}

/// Waits until the log has a line with this text.
#[cfg(unix)]
fn logged(log: &mut impl Iterator<Item = String>, text: &str) -> String {
    let found = log.find(|line| line.contains(text));
    assert!(found.is_some(), "{text} was not logged");
    found.unwrap_or_default()
}

#[cfg(unix)]
#[test]
fn f10_a_hangup_has_the_keys_read_again_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("LABGATE_LISTEN", "127.0.0.1:0"),
        ("LABGATE_PUBLIC_URL", "http://127.0.0.1:8091"),
        ("LABGATE_VERSION", "1.2.3"),
    ];
    let mut command = labgate(&folder, &["serve"], &environment);
    let mut running = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(running.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    logged(&mut log, "there is no administrator yet");
    // Keys that cannot be read are told at once, and not only within the minute.
    let keys = folder.path().join("labgate-data/keys");
    std::fs::rename(&keys, folder.path().join("elsewhere")).unwrap();
    signal(&running, "HUP");
    logged(&mut log, "SIGHUP: the keys are read again");
    logged(&mut log, "the previous ones stay in use");
    signal(&running, "HUP");
    logged(&mut log, "the previous ones stay in use");
    signal(&running, "TERM");
    logged(&mut log, "stopped");
    assert!(running.0.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn f10_a_second_signal_ends_the_process_at_once() {
    use std::io::{Read as _, Write as _};

    let folder = tempfile::tempdir().unwrap();
    let environment = [("LABGATE_LISTEN", "127.0.0.1:0"), ("LABGATE_PUBLIC_URL", "http://127.0.0.1:8091")];
    let mut command = labgate(&folder, &["serve"], &environment);
    let mut running = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(running.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = logged(&mut log, "labgate is listening");
    let (_, address) = line.split_once("address=").unwrap();
    let mut client = std::net::TcpStream::connect(address.split(' ').next().unwrap()).unwrap();
    logged(&mut log, "there is no administrator yet");
    // A request whose body does not come is under way for ten seconds.
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nPOST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n";
    client.write_all(request).unwrap();
    client.read_exact(&mut [0; 12]).unwrap();
    signal(&running, "TERM");
    logged(&mut log, "stopping");
    signal(&running, "INT");
    logged(&mut log, "stopped at once by a second signal");
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
}

const ENTRA: &str = r#"
[[provider]]
id = "entra"
name = "Entra"
auth_url = "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize"
token_url = "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"
client_id = "lab"
client_secret = "the-secret"
allow_tenants = ["11111111-2222-3333-4444-555555555555"]
allow_groups = ["lab"]
allow_accounts = ["ada@contoso.example"]
admin_groups = ["lab-admins"]
"#;

#[test]
fn admission_check_judges_the_claims_of_an_id_token() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("labgate.toml"), ENTRA).unwrap();
    let check = |tenant: &str, more: &str| {
        let iss = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let claims = format!("{{\"iss\":\"{iss}\",\"tid\":\"{tenant}\",\"oid\":\"o\",\"sub\":\"s\"{more}}}");
        std::fs::write(folder.path().join("claims.json"), claims).unwrap();
        let arguments = ["admission", "check", "--provider", "entra", "--claims", "claims.json"];
        let output = labgate(&folder, &arguments, &[]).output().unwrap();
        let (stdout, stderr) = text(&output);
        (output.status.success(), format!("{stdout}{stderr}"))
    };
    let home = "11111111-2222-3333-4444-555555555555";
    let other = "99999999-2222-3333-4444-555555555555";
    for (tenant, more, admitted, words) in [
        (home, ",\"groups\":[\"lab\"]", true, "admitted by tenants, groups"),
        (home, ",\"groups\":[\"lab\",\"lab-admins\"]", true, "the groups make the person an administrator"),
        (home, "", false, "refused: groups does not hold"),
        (home, ",\"hasgroups\":true", false, "does not name all groups"),
        (other, ",\"groups\":[\"lab\"]", false, "refused: tenants does not hold"),
        // An address that anybody can write into an account of theirs is nobody's.
        (other, ",\"email\":\"ada@contoso.example\"", false, "no address is trusted"),
        (other, ",\"email\":\"ada@contoso.example\",\"xms_edov\":true", true, "admitted by accounts"),
    ] {
        let (success, told) = check(tenant, more);
        assert_eq!(success, admitted, "{more}: {told}");
        assert!(told.contains(words), "{words}: {told}");
        assert!(!told.contains("the-secret"), "{told}");
    }
    let output = labgate(&folder, &["admission", "check", "--provider", "x", "--claims", "claims.json"], &[]);
    let (_, stderr) = text(&{ output }.output().unwrap());
    assert!(stderr.contains("no such provider: configured are entra"), "{stderr}");
}
