//! Every interleaving: each pair of use cases, in every order of their calls of ports, and with every single
//! call failing once, before or after its effect. Whatever the order, the invariants below hold at its end.
//!
//! Each use case runs in a process of its own, over one store in memory. A new use case is a line in
//! `cases.rs`. `LABGATE_INTERLEAVINGS=name` runs the pairs with one use case only.

// Tells clippy that the helpers are tests too.
#![cfg(test)]

mod cases;
mod executor;
mod invariants;
mod lab;
mod plain;
mod provider;
mod steps;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::cases::{CASES, TRIPLES};
use self::executor::{Decision, Scene as _, explore};
use self::invariants::violations;
use self::lab::{Beginning, Case, Fixture};

/// Use cases that meet.
type Meeting = Vec<&'static Case>;

/// The results of many meetings.
#[derive(Default)]
struct Findings {
    schedules: usize,
    /// Each with the schedule that led to it.
    violations: BTreeMap<String, String>,
}

#[test]
fn each_use_case_alone_does_what_it_is_for() {
    let fixture = Fixture::new();
    let mut failed = Vec::new();
    for case in CASES {
        let mut end = Beginning::of(&fixture, &[case]);
        executor::finish(&mut end);
        let (broken, answer) = (violations(&mut end, &[case]), end.tasks()[0].answer.take());
        if !broken.is_empty() || !matches!(&answer, Some((Ok(_), _))) {
            failed.push(format!("{}: {answer:?} {broken:?}", case.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn of_every_pair_every_order_holds_the_invariants() {
    let pairs = CASES
        .iter()
        .enumerate()
        .flat_map(|(number, one)| CASES.iter().skip(number).map(move |other| vec![one, other]));
    all_hold("pairs", pairs.collect(), true);
}

#[test]
fn of_chosen_triples_every_order_holds_the_invariants() {
    let named = |name: &&str| CASES.iter().find(|case| case.name == *name).expect("the name of a use case");
    all_hold("triples", TRIPLES.iter().map(|names| names.iter().map(named).collect()).collect(), false);
}

/// Runs the meetings that `LABGATE_INTERLEAVINGS` leaves, on all cores, and prints what they came to.
fn all_hold(kind: &str, mut meetings: Vec<Meeting>, with_failures: bool) {
    if let Ok(only) = std::env::var("LABGATE_INTERLEAVINGS") {
        meetings.retain(|cases| cases.iter().any(|case| case.name.contains(&only)));
    }
    let (next, findings) = (AtomicUsize::new(0), Mutex::new(Findings::default()));
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let fixture = Fixture::new();
                while let Some(cases) = meetings.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = meet(&fixture, cases, with_failures);
                    let mut findings = findings.lock().unwrap();
                    findings.schedules += found.schedules;
                    findings.violations.extend(found.violations);
                }
            });
        }
    });
    let Findings { schedules, violations } = findings.into_inner().unwrap();
    println!("{} {kind}, {schedules} schedules, {} violations", meetings.len(), violations.len());
    let told: Vec<String> =
        violations.iter().map(|(violation, story)| format!("{violation}\n{story}")).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

fn meet(fixture: &std::rc::Rc<Fixture>, cases: &[&Case], with_failures: bool) -> Findings {
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    let mut found = BTreeMap::new();
    let schedules = explore(
        || Beginning::of(fixture, cases),
        with_failures,
        |end, path| {
            for violation in violations(end, cases) {
                let violation = format!("{}: {violation}", names.join(" + "));
                found.entry(violation).or_insert_with(|| story(fixture, cases, path));
            }
        },
    );
    Findings { schedules, violations: found }
}

/// Tells the calls of a schedule, one a line.
fn story(fixture: &std::rc::Rc<Fixture>, cases: &[&Case], path: &[Decision]) -> String {
    let mut lines = String::new();
    executor::replay(&mut Beginning::of(fixture, cases), path, |number, call, fate| {
        let _ = writeln!(lines, "    {}: {} {fate:?}", cases[number].name, call.name);
    });
    lines
}
