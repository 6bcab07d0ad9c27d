//! `cargo xtask bench --hostile`: what attacks cost others. Each meets a lab of its own, over loopback, and
//! is bounded in requests and time. Meanwhile one session is checked all the time, and the owner of an
//! account signs in twice: with a known device, and as a stranger.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::cores::Pinned;
use super::crowd::{self, Crowd, PASSWORD, as_browser, name};
use super::http::{self, exchange};
use super::latency::{Percentiles, measure_while};
use super::load::Load;
use super::usage::Usage;
use super::{mebibytes, microseconds};
use crate::lab::{self, Lab, Places};
use crate::workspace::{self, Profile, Programs};

const ATTACKERS: u32 = 8;
/// Of each attacker.
const PAUSE: Duration = Duration::from_millis(10);
/// An attack is over after so many requests.
const REQUESTS: u32 = 40_000;
/// An attack lasts at least so long, and then until the owner is in.
const AT_LEAST: Duration = Duration::from_secs(5);
/// The owner gives up.
const PATIENCE: Duration = Duration::from_secs(90);

/// The account that is attacked, and where its owner is.
const OWNER: u32 = 0;
const OWNERS_ADDRESS: &str = "10.255.0.1";

/// One request of an attack, by its number.
type Step = fn(&Target, u32) -> Result<()>;

/// What an attack needs of the lab.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Passwords,
    Provider,
}

const ATTACKS: &[(&str, Needs, Step)] = &[
    ("none", Needs::Passwords, |_, _| Ok(())),
    ("wrong passwords, the owner's name and address", Needs::Passwords, |target, _| {
        target.guess(&name(OWNER), OWNERS_ADDRESS)
    }),
    ("wrong passwords, the owner's name, many addresses", Needs::Passwords, |target, number| {
        target.guess(&name(OWNER), &address(number))
    }),
    ("wrong passwords, many names, the owner's address", Needs::Passwords, |target, number| {
        target.guess(&format!("nobody-{number}"), OWNERS_ADDRESS)
    }),
    ("registrations with long passwords", Needs::Passwords, |target, number| {
        let password = "correct horse battery staple ".repeat(8);
        target.post("/api/auth/register", &format!("newcomer-{number}"), &password, &address(number))
    }),
    ("right passwords, sessions of one account", Needs::Passwords, |target, number| {
        target.post("/api/auth/login", &name(1), PASSWORD, &address(number))
    }),
    ("made-up session tokens", Needs::Passwords, |target, number| {
        let token = format!("cookie: labgate=eyJhbGciOiJFUzI1NiJ9.e30.{number:086}\r\n");
        target.send("GET", "/api/auth/verify", &token, "")
    }),
    ("sign-ins begun at the provider", Needs::Provider, |target, number| {
        target.send("GET", "/api/auth/oidc/login", &format!("x-forwarded-for: {}\r\n", address(number)), "")
    }),
    ("made-up callbacks", Needs::Provider, |target, number| {
        target.send("GET", &format!("/api/auth/oidc/callback?code={number}&state={number}"), "", "")
    }),
    ("made-up logout tokens", Needs::Provider, |target, number| {
        let form = "content-type: application/x-www-form-urlencoded\r\n";
        // {"alg":"RS256","kid":"x"}
        let token = format!("logout_token=eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.{number:08}");
        target.send("POST", "/api/auth/oidc/backchannel-logout", form, &token)
    }),
    ("half a request on each connection", Needs::Passwords, |target, _| {
        target.hold("GET /healthz HTTP/1.1\r\nhost: 127")
    }),
    ("an announced body that does not come", Needs::Passwords, |target, _| {
        target.hold(
            "POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: same-origin\r\n\
             content-type: application/json\r\ncontent-length: 4000\r\n\r\n{",
        )
    }),
];

pub(super) fn run() -> Result<()> {
    let programs = workspace::build(Profile::Release)?;
    let folder = workspace::scratch("bench-hostile")?;
    lab::empty(&folder)?;
    let load = Pinned::load();
    let mut rows = vec![format!(
        "{:<58} {:>8} {:>10} {:>9} {:>9} {:>10} {:>6}",
        "attack", "requests", "check p99", "device", "stranger", "memory +", "files"
    )];
    for (attack, needs, step) in ATTACKS {
        println!("{attack}");
        let lab = start(&programs, &folder, *needs, load.is_some())?;
        let Measured { requests, check, waits: [device, stranger], grown_bytes, files } =
            measure(&lab, *step)?;
        rows.push(format!(
            "{attack:<58} {requests:>8} {:>10} {:>9} {:>9} {:>10} {files:>6}",
            microseconds(check.p99),
            seconds(device),
            seconds(stranger),
            mebibytes(grown_bytes)
        ));
    }
    println!("\n{}", rows.join("\n"));
    println!(
        "\ndevice, stranger: how long the owner waited until signed in (aims: at most 5 s and 60 s). memory: the \
         peak above\nthat before. files: those that are open at the end. Load and Labgate {}.",
        if load.is_some() { "have a core each" } else { "share the cores" }
    );
    Ok(())
}

/// The cost of one attack.
struct Measured {
    requests: u32,
    check: Percentiles,
    /// With a known device, and as a stranger.
    waits: [Duration; 2],
    grown_bytes: u64,
    files: usize,
}

struct Attacked {
    process: u32,
    target: Target,
    crowd: Crowd,
    _lab: Lab,
}

fn start(programs: &Programs, folder: &Path, needs: Needs, is_pinned: bool) -> Result<Attacked> {
    let places = Places::fresh(folder.join("data"))?;
    let crowd = Crowd::invite(programs, &places, folder)?;
    let mut command = crowd::labgate_command(programs, &places);
    if needs == Needs::Provider {
        command.envs(places.settings());
    }
    let lab = Lab::start_with(programs, &places, Some(folder), &command)?;
    let process = lab.labgate.id();
    if is_pinned {
        Pinned::leave_to(process)?;
    }
    let target = Target { port: places.lab_port, held: Mutex::default() };
    Ok(Attacked { process, target, crowd, _lab: lab })
}

fn measure(attacked: &Attacked, step: Step) -> Result<Measured> {
    let Attacked { process, target, crowd, .. } = attacked;
    let Attempt::SignedIn(device) = target.sign_in("")? else {
        bail!("the owner does not get in before the attack");
    };
    let cookie = crowd.sign_in(2)?;
    let check = Load::new(target.port, "/api/auth/verify", Some(&cookie));
    let mut connection = check.connect()?;

    let before = Usage::of(*process)?;
    let (since, over, requests) = (Instant::now(), AtomicBool::new(false), AtomicU32::new(0));
    let (check, waits, files) = thread::scope(|scope| {
        for _ in 0..ATTACKERS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = requests.fetch_add(1, Ordering::Relaxed);
                    if number >= REQUESTS {
                        break;
                    }
                    // A refused or broken connection is an answer, too.
                    drop(step(target, number));
                    thread::sleep(PAUSE);
                }
            });
        }
        let watched = scope.spawn(|| {
            let ask = || {
                let since = Instant::now();
                while let Err(reason) = connection.ask() {
                    if since.elapsed() > PATIENCE {
                        return Err(reason);
                    }
                    // Connections are scarce, and this one had been open for long. A proxy opens another one,
                    // which may be cut, too.
                    thread::sleep(PAUSE);
                    if let Ok(another) = check.connect() {
                        connection = another;
                    }
                }
                Ok(())
            };
            measure_while(ask, || !over.load(Ordering::Relaxed))
        });
        thread::sleep(Duration::from_secs(1));
        let owners =
            [device.as_str(), ""].map(|cookies| scope.spawn(move || target.wait_to_sign_in(cookies)));
        let waits = owners.map(|owner| owner.join().map_err(|_| anyhow!("the owner's sign-in panicked")));
        thread::sleep(AT_LEAST.saturating_sub(since.elapsed()));
        let files = std::fs::read_dir(format!("/proc/{process}/fd")).map(Iterator::count);
        over.store(true, Ordering::Relaxed);
        let check = watched.join().unwrap_or_else(|_| bail!("the check panicked"));
        (check, waits, files)
    });
    let [device, stranger] = waits;
    let grown_bytes = Usage::of(*process)?.peak_bytes.saturating_sub(before.resident_bytes);
    let requests = requests.into_inner().min(REQUESTS);
    Ok(Measured { requests, check: check?, waits: [device?, stranger?], grown_bytes, files: files? })
}

/// A lab under attack.
struct Target {
    port: u16,
    /// The connections that stay open until the attack is over.
    held: Mutex<Vec<TcpStream>>,
}

impl Target {
    fn guess(&self, name: &str, address: &str) -> Result<()> {
        self.post("/api/auth/login", name, "a wrong password", address)
    }

    fn post(&self, path: &str, name: &str, password: &str, address: &str) -> Result<()> {
        let body = format!("{{\"username\":\"{name}\",\"password\":\"{password}\"}}");
        self.send("POST", path, &as_browser(address), &body)
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<()> {
        exchange(self.port, method, path, headers, body).map(drop)
    }

    /// Opens a connection, begins a request, and stays.
    fn hold(&self, beginning: &str) -> Result<()> {
        let mut connection = http::connect(self.port)?;
        connection.write_all(beginning.as_bytes())?;
        self.held.lock().map_err(|_| anyhow!("an attacker panicked"))?.push(connection);
        Ok(())
    }

    /// Signs the owner in and returns how long that took, with all the waits that the answers ask for.
    fn wait_to_sign_in(&self, device: &str) -> Duration {
        let (since, mut cookies) = (Instant::now(), device.to_owned());
        while since.elapsed() < PATIENCE {
            match self.sign_in(&cookies) {
                Ok(Attempt::SignedIn(_)) => break,
                Ok(Attempt::Refused { wait, turn }) => {
                    // Without a new turn the one before stays.
                    if turn.contains("labgate-turn=") {
                        cookies = [device, &turn].join("; ");
                    }
                    thread::sleep(wait);
                }
                // Its connection was refused or cut: there are too many.
                Err(_) => thread::sleep(PAUSE),
            }
        }
        since.elapsed()
    }

    fn sign_in(&self, cookies: &str) -> Result<Attempt> {
        let headers = format!("{}cookie: {cookies}\r\n", as_browser(OWNERS_ADDRESS));
        let body = format!("{{\"username\":\"{}\",\"password\":\"{PASSWORD}\"}}", name(OWNER));
        let response = exchange(self.port, "POST", "/api/auth/login", &headers, &body)?;
        match (response.status(), response.header("retry-after")) {
            (Some("200" | "303"), _) => Ok(Attempt::SignedIn(response.cookies())),
            (Some("429" | "503"), Some(wait)) => {
                let wait = Duration::from_secs(wait.parse()?);
                Ok(Attempt::Refused { wait, turn: response.cookies() })
            }
            _ => bail!("the owner is refused:\n{response}"),
        }
    }
}

/// The answer to the owner's sign-in. Both have cookies for the next one.
enum Attempt {
    SignedIn(String),
    Refused { wait: Duration, turn: String },
}

/// An address of its own for each request.
fn address(number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

fn seconds(duration: Duration) -> String {
    let gave_up = if duration >= PATIENCE { "over " } else { "" };
    format!("{gave_up}{:.1} s", duration.as_secs_f64())
}
