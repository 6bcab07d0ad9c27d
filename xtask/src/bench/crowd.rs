//! Many people who sign in with their passwords or register at once, again and again.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::http::{Response, exchange};
use crate::lab::{self, Places};
use crate::process;
use crate::workspace::Programs;

/// Those who sign in: as many as may wait for a hash at once.
pub(super) const PEOPLE: u32 = 64;

/// Those who register meanwhile, again and again.
pub(super) const NEWCOMERS: u32 = 50;

pub(super) const PASSWORD: &str = "harbour lantern mosaic";

/// Of [`PASSWORD`], with the parameters that Labgate hashes with. It opens nothing but the labs of this
/// bench.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Susnjg7HhR1laXsfnB0pdQ$WTgJvn2KHXbQxGnN4JGj+zq0GQoV/nrYrxsvxQ77ZfE";

/// The most tries of a sign-in, a tenth of a second apart.
const TRIES: u32 = 600;

const IMPORT_LIMIT: Duration = Duration::from_mins(1);

/// The setting without which all of them would count as one who guesses.
pub(super) const TRUSTED_PROXIES: (&str, &str) = ("LABGATE_TRUSTED_PROXIES", "127.0.0.1/32");

/// A lab for a crowd: it has passwords and no provider.
pub(super) fn labgate_command(programs: &Programs, places: &Places) -> Command {
    let mut command = lab::labgate_command(programs, places);
    for (provider, _) in places.settings() {
        command.env_remove(provider);
    }
    command.envs([TRUSTED_PROXIES, ("LABGATE_ALLOW_SELF_REGISTRATIONS", "true")]);
    command
}

/// All of them, with accounts in one lab.
pub(super) struct Crowd {
    port: u16,
    /// Each request comes from somewhere else.
    sources: AtomicU32,
    /// As many as have registered.
    registered: AtomicU32,
}

impl Crowd {
    /// Gives each an account, in a lab that is not running.
    pub(super) fn invite(programs: &Programs, places: &Places, folder: &Path) -> Result<Self> {
        let mut rows = "username,password_hash\n".to_owned();
        for person in 0..PEOPLE {
            writeln!(rows, "{},\"{HASH}\"", name(person))?;
        }
        let file = folder.join("people.csv");
        std::fs::write(&file, rows)?;
        let mut import = Command::new(&programs.labgate);
        import.args(["account", "import"]).arg(&file).env("LABGATE_DATA_DIR", &places.data_dir);
        import.env("LABGATE_LOG__LEVEL", "warn");
        process::run(import.current_dir(&places.data_dir), IMPORT_LIMIT)?;
        Ok(Self { port: places.lab_port, sources: AtomicU32::new(0), registered: AtomicU32::new(0) })
    }

    /// Signs one of them in and returns what the browser sends as `Cookie` from then on. Where there are too many
    /// at once, the person tries again.
    pub(super) fn sign_in(&self, person: u32) -> Result<String> {
        let mut response = self.post("/api/auth/login", &name(person))?;
        for _ in 0..TRIES {
            if response.status() != Some("503") {
                break;
            }
            thread::sleep(Duration::from_millis(100));
            response = self.post("/api/auth/login", &name(person))?;
        }
        ensure!(matches!(response.status(), Some("200" | "303")), "no sign-in:\n{response}");
        let cookies = response.cookies();
        ensure!(!cookies.is_empty(), "a sign-in without a session:\n{response}");
        Ok(cookies)
    }

    /// Registers somebody, unless there are too many at once.
    fn register(&self) -> Result<()> {
        let number = self.registered.fetch_add(1, Ordering::Relaxed);
        let response = self.post("/api/auth/register", &format!("newcomer-{number}"))?;
        ensure!(matches!(response.status(), Some("200" | "303" | "503")), "not registered:\n{response}");
        Ok(())
    }

    fn post(&self, path: &str, name: &str) -> Result<Response> {
        let [_, a, b, c] = self.sources.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let body = format!("{{\"username\":\"{name}\",\"password\":\"{PASSWORD}\"}}");
        exchange(self.port, "POST", path, &as_browser(&format!("10.{a}.{b}.{c}")), &body)
    }

    /// Does something while all of them sign in and register as fast as they can. Returns what it came to,
    /// and how many signed in per second.
    pub(super) fn while_signing_in<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
        let (done, count) = (AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| {
            let keep_on = |person| -> Result<()> {
                while !done.load(Ordering::Relaxed) {
                    self.sign_in(person)?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            };
            let keep_coming = || -> Result<()> {
                while !done.load(Ordering::Relaxed) {
                    self.register()?;
                }
                Ok(())
            };
            let signing_in = (0..PEOPLE).map(|person| scope.spawn(move || keep_on(person)));
            let registering = (0..NEWCOMERS).map(|_| scope.spawn(keep_coming));
            let people: Vec<_> = signing_in.chain(registering).collect();
            // Until all of them are at it.
            while count.load(Ordering::Relaxed) < PEOPLE
                && !people.iter().any(thread::ScopedJoinHandle::is_finished)
            {
                thread::sleep(Duration::from_millis(10));
            }
            let (before, since) = (count.load(Ordering::Relaxed), Instant::now());
            let worked = work();
            let signed_in = count.load(Ordering::Relaxed) - before;
            let per_second = f64::from(signed_in) / since.elapsed().as_secs_f64();
            done.store(true, Ordering::Relaxed);
            for person in people {
                match person.join() {
                    Ok(ended) => ended?,
                    Err(_) => bail!("one of the crowd panicked"),
                }
            }
            Ok((worked?, per_second))
        })
    }
}

/// The headers of a form's script, for a client behind the trusted proxy.
pub(super) fn as_browser(address: &str) -> String {
    format!("content-type: application/json\r\nsec-fetch-site: same-origin\r\nx-forwarded-for: {address}\r\n")
}

pub(super) fn name(person: u32) -> String {
    format!("person-{person}")
}
