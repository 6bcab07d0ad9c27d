//! The table of cases and providers, from the output of the tests.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

#[derive(Clone, Copy)]
enum Outcome {
    Passed,
    Failed,
    /// A test says what Labgate lacks for it.
    NotYet,
}

/// Cases by provider, filled from the lines that the tests print.
pub(super) struct Table {
    /// Modules of `tests/interop`, each with its provider's version.
    providers: Vec<(&'static str, String)>,
    /// For each case, in the order of their names, who passed.
    cases: BTreeMap<String, BTreeMap<String, Outcome>>,
    is_complete: bool,
}

impl Table {
    /// A column for each of these modules, with its provider's version.
    pub(super) fn new(providers: Vec<(&'static str, String)>) -> Self {
        Self { providers, cases: BTreeMap::new(), is_complete: false }
    }

    /// Adds what a line tells of `interop::<provider>::<case>`; most tell nothing.
    pub(super) fn read(&mut self, line: &str) {
        self.is_complete |= line.starts_with("test result: ");
        let Some((name, result)) =
            line.strip_prefix("test interop::").and_then(|rest| rest.split_once(" ... "))
        else {
            return;
        };
        let case = |module: &str| name.strip_prefix(module)?.strip_prefix("::");
        let column = self.providers.iter().find_map(|(module, _)| Some((*module, case(module)?)));
        let Some((provider, case)) = column else { return };
        let outcome = match result {
            "ok" => Outcome::Passed,
            ignored if ignored.starts_with("ignored") => Outcome::NotYet,
            _ => Outcome::Failed,
        };
        self.cases.entry(case.to_owned()).or_default().insert(provider.to_owned(), outcome);
    }

    /// A provider that no test has met.
    pub(super) fn without_result(&self) -> Option<&'static str> {
        let met = |provider: &&str| self.cases.values().any(|results| results.contains_key(*provider));
        self.providers.iter().map(|(module, _)| *module).find(|provider| !met(provider))
    }
}

/// A module's or a test's name in words.
pub(super) fn title(name: &str) -> String {
    name.replace("::", " ").replace('_', " ")
}

const LEGEND: &str = "✓ passed  ✗ failed  … not yet  – not applicable";

/// The providers by number, and a row for each case with a column for each number.
impl Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((module, version), number) in self.providers.iter().zip(1..) {
            writeln!(out, "{number:>2} {} {version}", title(module))?;
        }
        let width = self.cases.keys().map(String::len).max().unwrap_or(0);
        write!(out, "{:width$}", "")?;
        for number in 1..=self.providers.len() {
            write!(out, "{number:>4}")?;
        }
        writeln!(out)?;
        for (case, results) in &self.cases {
            write!(out, "{:width$}", title(case))?;
            for (module, _) in &self.providers {
                let mark = match results.get(*module) {
                    Some(Outcome::Passed) => "✓",
                    Some(Outcome::Failed) => "✗",
                    Some(Outcome::NotYet) => "…",
                    None => "–",
                };
                write!(out, "{mark:>4}")?;
            }
            writeln!(out)?;
        }
        if !self.is_complete {
            return write!(out, "{LEGEND}, or not reached: the tests were cut short");
        }
        write!(out, "{LEGEND}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(output: &str) -> Table {
        let mut table =
            Table::new(vec![("oidc_provider", "9.13.3".to_owned()), ("keycloak", "26.5.5".to_owned())]);
        output.lines().for_each(|line| table.read(line));
        table
    }

    #[test]
    fn it_has_a_row_for_each_case_and_a_column_for_each_provider() {
        let table = table(
            "\
running 4 tests
test interop::oidc_provider::sign_in ... ok
test interop::keycloak::groups ... ok
test interop::keycloak::sign_in ... FAILED
test interop::keycloak::later ... ignored, for a reason
test interop::oidc_provider_mock::of_another_table ... ok
test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert_eq!(
            table.to_string(),
            " 1 oidc provider 9.13.3
 2 keycloak 26.5.5
          1   2
groups    –   ✓
later     –   …
sign in   ✓   ✗
✓ passed  ✗ failed  … not yet  – not applicable"
        );
        assert_eq!(table.without_result(), None);
    }

    #[test]
    fn a_provider_that_no_test_has_met_is_named() {
        assert_eq!(table("test interop::oidc_provider::sign_in ... ok").without_result(), Some("keycloak"));
    }

    #[test]
    fn a_run_that_was_cut_short_is_not_taken_for_a_whole_one() {
        let table = table("test interop::oidc_provider::sign_in ... ok").to_string();
        assert!(table.ends_with("the tests were cut short"), "{table}");
    }
}
