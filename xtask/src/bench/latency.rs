//! The latency of a check, one by one, and while many people sign in with passwords and register.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::cores::Pinned;
use super::crowd::{self, Crowd};
use super::load::{Connection, Load};
use super::median;
use super::usage::Usage;
use crate::lab::{self, Places};
use crate::net;
use crate::process::{Log, Server};
use crate::workspace::Programs;

/// Odd, so that there is a middle one.
const ROUNDS: usize = 5;
const CHECKS_PER_ROUND: usize = 2000;

/// Between two checks, so that they are no load of their own.
const PAUSE: Duration = Duration::from_millis(1);

/// Medians over all rounds.
pub(super) struct Latencies {
    pub(super) quiet: Percentiles,
    pub(super) crowded: Percentiles,
    /// While the crowd signs in to another Labgate on the same machine: the cost of its mere presence.
    pub(super) beside: Percentiles,
    pub(super) sign_ins_per_second: f64,
    /// The server's memory after the last sign-in.
    pub(super) resident_bytes: u64,
    /// Alone and crowded, with a core for the load and one for Labgate, where there are two.
    pub(super) pinned: Option<[Percentiles; 2]>,
}

pub(super) struct Percentiles {
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

/// Compares them in a lab of its own, in turn.
pub(super) fn compare(programs: &Programs, folder: &Path) -> Result<Latencies> {
    let here = Crowded::start(programs, folder, "crowd")?;
    let elsewhere = Crowded::start(programs, folder, "crowd-elsewhere")?;

    let cookie = here.crowd.sign_in(0)?;
    let check = Load::new(here.port, "/api/auth/verify", Some(&cookie));
    let mut connection = check.connect()?;
    // Connections, caches and the pools of the hashes get warm.
    for lab in [&here, &elsewhere] {
        lab.crowd.while_signing_in(|| measure(&mut connection))?;
    }
    let (mut quiet, mut crowded, mut beside, mut sign_ins) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        quiet.push(measure(&mut connection)?);
        let (measured, per_second) = here.crowd.while_signing_in(|| measure(&mut connection))?;
        crowded.push(measured);
        sign_ins.push(per_second);
        beside.push(elsewhere.crowd.while_signing_in(|| measure(&mut connection))?.0);
    }
    Ok(Latencies {
        quiet: middle(&quiet),
        crowded: middle(&crowded),
        beside: middle(&beside),
        sign_ins_per_second: median(sign_ins),
        resident_bytes: Usage::of(here.server.id())?.resident_bytes,
        pinned: compare_pinned(programs, folder)?,
    })
}

fn compare_pinned(programs: &Programs, folder: &Path) -> Result<Option<[Percentiles; 2]>> {
    let Some(_load) = Pinned::load() else { return Ok(None) };
    let lab = Crowded::start(programs, folder, "crowd-pinned")?;
    Pinned::leave_to(lab.server.id())?;
    let cookie = lab.crowd.sign_in(0)?;
    let check = Load::new(lab.port, "/api/auth/verify", Some(&cookie));
    let mut connection = check.connect()?;
    lab.crowd.while_signing_in(|| measure(&mut connection))?;
    let (mut quiet, mut crowded) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        quiet.push(measure(&mut connection)?);
        crowded.push(lab.crowd.while_signing_in(|| measure(&mut connection))?.0);
    }
    Ok(Some([middle(&quiet), middle(&crowded)]))
}

/// A lab that many people sign in to.
struct Crowded {
    crowd: Crowd,
    port: u16,
    server: Server,
}

impl Crowded {
    fn start(programs: &Programs, folder: &Path, name: &str) -> Result<Self> {
        let places = Places::fresh(folder.join(name))?;
        let crowd = Crowd::invite(programs, &places, folder)?;
        let command = crowd::labgate_command(programs, &places);
        let log = folder.join(format!("labgate-{name}.log"));
        let mut server = Server::start("labgate", &command, &Log::File(&log))?;
        server.wait_until(lab::START_LIMIT, || net::answers(places.lab_port, "/healthz"))?;
        Ok(Self { crowd, port: places.lab_port, server })
    }
}

fn measure(connection: &mut Connection<'_>) -> Result<Percentiles> {
    let mut checks = 0..CHECKS_PER_ROUND;
    measure_while(|| connection.ask(), || checks.next().is_some())
}

/// Measures check after check, as long as that is wanted.
pub(super) fn measure_while(
    mut check: impl FnMut() -> Result<()>,
    mut is_wanted: impl FnMut() -> bool,
) -> Result<Percentiles> {
    let mut times = Vec::new();
    while is_wanted() {
        thread::sleep(PAUSE);
        let since = Instant::now();
        check()?;
        times.push(since.elapsed());
    }
    times.sort();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().context("nothing was measured");
    Ok(Percentiles { p50: at(50)?, p99: at(99)? })
}

fn middle(rounds: &[Percentiles]) -> Percentiles {
    let of = |which: fn(&Percentiles) -> Duration| {
        Duration::from_secs_f64(median(rounds.iter().map(|round| which(round).as_secs_f64()).collect()))
    };
    Percentiles { p50: of(|round| round.p50), p99: of(|round| round.p99) }
}
