//! `cargo xtask bench`: what Labgate costs, measured in one run. Ratios can be compared between machines;
//! times are those of this one. It fails on no number: a person judges the table. With `--data` it measures
//! what many accounts cost, with `--hostile` what attacks cost others, with `--sessions` many sessions alone, with
//! `--services` what services and their rules add, with `--proxy` what the check costs behind nginx and HAProxy.

mod cores;
mod crowd;
mod data;
mod hostile;
mod http;
mod latency;
mod load;
mod proxy;
mod services;
mod sessions;
mod sign_in;
mod usage;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use self::crowd::{NEWCOMERS, PEOPLE};
use self::latency::Latencies;
use self::load::Load;
use self::sessions::ManySessions;
use self::usage::Usage;
use crate::lab::{self, Lab, Places};
use crate::net;
use crate::options::Options;
use crate::process::{Log, Server};
use crate::workspace::{self, Profile, Programs};

pub(crate) const ABOUT: &str = "the cost of a check, a sign-in and an idle lab, against the aims (Linux); --data: many accounts; \
     --hostile: attacks; --sessions: many sessions alone; --services: services and rules; --proxy: behind nginx, HAProxy";

/// An option, and the measurement that it asks for.
type Run = (&'static str, fn() -> Result<()>);

/// The measurements that are runs of their own.
const RUNS: [Run; 5] = [
    ("--data", data::run),
    ("--hostile", hostile::run),
    ("--proxy", proxy::run),
    ("--services", services::run),
    ("--sessions", run_sessions),
];

/// Odd, so that there is a middle one.
const ROUNDS: usize = 7;
const SIGN_INS: u32 = 200;

pub(crate) fn run(mut options: Options) -> Result<()> {
    let chosen: Vec<_> = RUNS.into_iter().filter(|(name, _)| options.flag(name)).collect();
    options.finish()?;
    let machine = load_average();
    println!("{machine}");
    let measured = match chosen.as_slice() {
        [] => run_programs(),
        [(_, run)] => run(),
        _ => bail!("each of {} is a run of its own", RUNS.map(|(name, _)| name).join(", ")),
    };
    // Once more, below the table, where it is read together with the numbers.
    measured.inspect(|()| println!("\n{machine}"))
}

fn run_programs() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("reads /proc, which only Linux has");
    }
    let programs = workspace::build(Profile::Release)?;
    let folder = workspace::scratch("bench")?;
    lab::empty(&folder)?;
    let places = Places::fresh(folder.join("data"))?;
    // The first start makes the administrator, whose password is judged by dictionaries that stay in memory.
    // It is the starts after that one which a lab idles from.
    drop(Lab::start(&programs, &places, Some(&folder))?);
    let lab = Lab::start(&programs, &places, Some(&folder))?;
    let process = lab.labgate.id();

    println!("resident memory");
    let idle = Usage::of(process)?;
    println!("checks and empty responses, {ROUNDS} rounds in turn");
    let cookie = sign_in::once(&places)?;
    let checks = compare_checks(&places, process, &cookie)?;
    println!("{SIGN_INS} sign-ins, one after the other");
    let per_sign_in = cpu_per_sign_in(&places, process)?;
    let loaded = Usage::of(process)?;
    drop(lab);
    println!("{ROUNDS} starts");
    let start = time_to_start(&programs, &places, &folder)?;
    println!(
        "checks without and with {PEOPLE} password sign-ins and {NEWCOMERS} registrations at once, in turn"
    );
    let latencies = latency::compare(&programs, &folder)?;
    println!("checks with many sessions in turn, on each database");
    let many_sessions = sessions::measure(&programs, &folder)?;
    let size = std::fs::metadata(&programs.labgate).context("the program's size")?.len();

    let Latencies { quiet, crowded, beside, sign_ins_per_second, resident_bytes, pinned } = latencies;
    let times =
        |with: Duration, alone: Duration| format!("{:.2} x", with.as_secs_f64() / alone.as_secs_f64());
    let row = |what: &str, measured: &str, aim: &str| println!("{what:<54} {measured:>12}   {aim}");
    println!();
    row("", "measured", "aim");
    row("a check against an empty response: requests/s", &format!("{:.2} x", checks.rate), "at least 0.85 x");
    row("a check against an empty response: CPU time", &format!("{:.2} x", checks.cpu), "at most 1.25 x");
    row("checks per second, keep-alive", &format!("{:.0}", checks.per_second), "");
    row("CPU time of a whole external sign-in", &milliseconds(per_sign_in), "at most 5 ms");
    row("a check, p50: alone", &microseconds(quiet.p50), "");
    row("a check, p50: in the crowd", &microseconds(crowded.p50), "");
    row("a check, p99: alone", &microseconds(quiet.p99), "");
    row("a check, p99: in the crowd", &microseconds(crowded.p99), "");
    row("a check, p99: in the crowd against alone", &times(crowded.p99, quiet.p99), "");
    row("a check, p99: with the crowd at another Labgate here", &microseconds(beside.p99), "");
    row("a check, p99: in the crowd against at another", &times(crowded.p99, beside.p99), "");
    if let Some([quiet, crowded]) = pinned {
        row("the load on one core, p99: alone", &microseconds(quiet.p99), "");
        row("the load on one core, p99: in the crowd", &microseconds(crowded.p99), "");
        row("the load on one core, p99: against alone", &times(crowded.p99, quiet.p99), "at most 3 x");
    }
    row("password sign-ins per second meanwhile", &format!("{sign_ins_per_second:.0}"), "");
    row("size of the program", &mebibytes(size), "at most 20 MiB");
    row("resident memory, idle", &mebibytes(idle.resident_bytes), "under 20 MB");
    row("resident memory, after the load above", &mebibytes(loaded.resident_bytes), "at most 50 MiB");
    row("resident memory, after the password sign-ins", &mebibytes(resident_bytes), "at most 50 MiB");
    row("from spawn to the first answer", &milliseconds(start), "under 150 ms");
    for measured in &many_sessions {
        print_sessions(measured, &many_sessions);
    }
    Ok(())
}

fn run_sessions() -> Result<()> {
    let programs = workspace::build(Profile::Release)?;
    let folder = workspace::scratch("bench")?;
    lab::empty(&folder)?;
    let many_sessions = sessions::measure(&programs, &folder)?;
    for measured in &many_sessions {
        print_sessions(measured, &many_sessions);
    }
    Ok(())
}

fn print_sessions(measured: &ManySessions, all: &[ManySessions]) {
    let ManySessions { database, size, per_second, cpu_micros, first_cpu_micros, grown_bytes } = measured;
    let with_one = all.iter().find(|other| other.database == *database && other.size == 1);
    let ratio = with_one.map_or(f64::NAN, |with_one| per_second / with_one.per_second);
    println!(
        "{size:>7} sessions on {database:<10} {per_second:>6.0} checks/s, {ratio:.2} x (aim at least 0.80 x); \
         {cpu_micros:.1} µs CPU each, {first_cpu_micros:.0} µs at first; memory + {} (aim under 64 MB)",
        mebibytes(*grown_bytes)
    );
}

/// Checks against empty responses of the same server; medians over all rounds.
struct Checks {
    rate: f64,
    cpu: f64,
    per_second: f64,
}

fn compare_checks(places: &Places, process: u32, cookie: &str) -> Result<Checks> {
    let empty = Load::new(places.lab_port, "/healthz", None);
    let check = Load::new(places.lab_port, "/api/auth/verify", Some(cookie));
    // Connections, caches and the processor's clock get warm.
    empty.run()?;
    check.run()?;
    let (mut rates, mut cpus, mut per_second) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (empty_rate, empty_cpu) = measured(process, &empty)?;
        let (check_rate, check_cpu) = measured(process, &check)?;
        rates.push(check_rate / empty_rate);
        cpus.push(check_cpu.as_secs_f64() / empty_cpu.as_secs_f64());
        per_second.push(check_rate);
    }
    Ok(Checks { rate: median(rates), cpu: median(cpus), per_second: median(per_second) })
}

/// Requests per second, and the server's CPU time for all of them.
fn measured(process: u32, load: &Load) -> Result<(f64, Duration)> {
    let before = Usage::of(process)?;
    let rate = load.run()?;
    Ok((rate, Usage::of(process)?.cpu.saturating_sub(before.cpu)))
}

fn cpu_per_sign_in(places: &Places, process: u32) -> Result<Duration> {
    let before = Usage::of(process)?;
    for _ in 0..SIGN_INS {
        sign_in::once(places)?;
    }
    Ok(Usage::of(process)?.cpu.saturating_sub(before.cpu) / SIGN_INS)
}

/// With keys and database in place, as at every start but the first.
fn time_to_start(programs: &Programs, places: &Places, folder: &Path) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let log = folder.join("labgate-start.log");
        let since = Instant::now();
        let mut server = Server::start("labgate", &lab::labgate_command(programs, places), &Log::File(&log))?;
        while !net::answers(places.lab_port, "/healthz") {
            server.is_alive()?;
            if since.elapsed() > lab::START_LIMIT {
                bail!("labgate does not answer; see {}", log.display());
            }
            thread::sleep(Duration::from_micros(200));
        }
        times.push(since.elapsed().as_secs_f64());
    }
    Ok(Duration::from_secs_f64(median(times)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns the load of the machine before the run: other processes affect each number.
fn load_average() -> String {
    let average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minutes: Vec<_> = average.split_whitespace().take(3).collect();
    let is_busy = minutes.first().and_then(|last| last.parse().ok()).is_some_and(|last: f64| last > 0.5);
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let minutes = minutes.join(", ");
    let verdict = if is_busy { ": on a BUSY machine, the numbers are noisy" } else { "" };
    format!("load average over 1, 5 and 15 minutes, before: {minutes} ({cores} cores){verdict}")
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn microseconds(duration: Duration) -> String {
    format!("{:.0} µs", duration.as_secs_f64() * 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "for display, with one decimal")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
