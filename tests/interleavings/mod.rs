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
mod provider;
mod steps;

use std::collections::BTreeMap;

use self::cases::CASES;
use self::executor::{Decision, explore};
use self::invariants::violations;
use self::lab::{Beginning, Case, Fixture};

/// The violations that are known, and why they stay.
const ACCEPTED: &[(&str, &str)] = &[];

#[test]
fn of_every_pair_every_order_holds_the_invariants() {
    let only = std::env::var("LABGATE_INTERLEAVINGS").ok();
    let fixture = Fixture::new();
    let (mut pairs, mut schedules) = (0, 0);
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (number, one) in CASES.iter().enumerate() {
        for other in &CASES[number..] {
            if only.as_ref().is_some_and(|only| !one.name.contains(only) && !other.name.contains(only)) {
                continue;
            }
            let cases = [one, other];
            pairs += 1;
            schedules += explore(
                || Beginning::of(&fixture, &cases),
                true,
                |end, path| {
                    for violation in violations(end, &cases) {
                        let pair = format!("{} + {}: {violation}", one.name, other.name);
                        found.entry(pair).or_insert_with(|| story(&fixture, &cases, path));
                    }
                },
            );
        }
    }
    println!("{pairs} pairs, {schedules} schedules, {} violations", found.len());
    found.retain(|violation, _| !ACCEPTED.iter().any(|(accepted, _)| violation.contains(accepted)));
    let told: Vec<String> = found.iter().map(|(violation, story)| format!("{violation}\n{story}")).collect();
    assert!(found.is_empty(), "{}", told.join("\n"));
}

/// Tells the calls of a schedule, one a line.
fn story(fixture: &std::rc::Rc<Fixture>, cases: &[&Case], path: &[Decision]) -> String {
    let mut lines = String::new();
    executor::replay(&mut Beginning::of(fixture, cases), path, |number, call, fate| {
        lines += &format!("    {}: {} {fate:?}\n", cases[number].name, call.name);
    });
    lines
}
