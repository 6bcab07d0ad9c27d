//! Many people who sign in with their passwords at once, again and again.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::http::exchange;
use crate::lab::Places;
use crate::process;
use crate::workspace::Programs;

/// The size of the crowd: as many as may wait for a hash at once.
pub(super) const PEOPLE: u32 = 64;

const PASSWORD: &str = "harbour lantern mosaic";

/// Of [`PASSWORD`], with the parameters that Labgate hashes with. It opens nothing but the labs of this
/// bench.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Susnjg7HhR1laXsfnB0pdQ$WTgJvn2KHXbQxGnN4JGj+zq0GQoV/nrYrxsvxQ77ZfE";

const IMPORT_LIMIT: Duration = Duration::from_mins(1);

/// The setting without which all of them would count as one who guesses.
pub(super) const TRUSTED_PROXIES: (&str, &str) = ("LABGATE_TRUSTED_PROXIES", "127.0.0.1/32");

/// All of them, with accounts in one lab.
pub(super) struct Crowd {
    port: u16,
    /// Each sign-in comes from somewhere else.
    sources: AtomicU32,
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
        process::run(import.current_dir(&places.data_dir), IMPORT_LIMIT)?;
        Ok(Self { port: places.lab_port, sources: AtomicU32::new(0) })
    }

    /// Signs one of them in and returns what the browser sends as `Cookie` from then on.
    pub(super) fn sign_in(&self, person: u32) -> Result<String> {
        let [_, a, b, c] = self.sources.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let headers = format!(
            "content-type: application/json\r\nsec-fetch-site: same-origin\r\nx-forwarded-for: 10.{a}.{b}.{c}\r\n"
        );
        let body = format!("{{\"username\":\"{}\",\"password\":\"{PASSWORD}\"}}", name(person));
        let response = exchange(self.port, "POST", "/api/auth/login", &headers, &body)?;
        ensure!(matches!(response.status(), Some("200" | "303")), "no sign-in:\n{response}");
        let cookies = response.cookies();
        ensure!(!cookies.is_empty(), "a sign-in without a session:\n{response}");
        Ok(cookies)
    }

    /// Does something while all of them sign in as fast as they can. Answers what it came to, and how many
    /// signed in per second.
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
            let people: Vec<_> = (0..PEOPLE).map(|person| scope.spawn(move || keep_on(person))).collect();
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
                    Err(_) => bail!("a sign-in of the crowd panicked"),
                }
            }
            Ok((worked?, per_second))
        })
    }
}

fn name(person: u32) -> String {
    format!("person-{person}")
}
