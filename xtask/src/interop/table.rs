//! The table of cases and providers, from the output of the tests.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// Cases by provider, filled from the lines that the tests print.
pub(super) struct Table {
    providers: Vec<&'static str>,
    /// For each case, in the order of their names, who passed.
    cases: BTreeMap<String, BTreeMap<String, bool>>,
    is_complete: bool,
}

impl Table {
    /// A column for each of these modules of `tests/interop`.
    pub(super) fn new(providers: impl Iterator<Item = &'static str>) -> Self {
        Self { providers: providers.collect(), cases: BTreeMap::new(), is_complete: false }
    }

    /// Adds what a line tells of `interop::<provider>::<case>`; most tell nothing.
    pub(super) fn read(&mut self, line: &str) {
        self.is_complete |= line.starts_with("test result: ");
        let Some((name, result)) =
            line.strip_prefix("test interop::").and_then(|rest| rest.split_once(" ... "))
        else {
            return;
        };
        let Some((provider, case)) = name.split_once("::") else { return };
        if result != "ignored" {
            self.cases.entry(case.to_owned()).or_default().insert(provider.to_owned(), result == "ok");
        }
    }

    /// A provider that no test has met.
    pub(super) fn without_result(&self) -> Option<&'static str> {
        let met = |provider: &&str| self.cases.values().any(|results| results.contains_key(*provider));
        self.providers.iter().copied().find(|provider| !met(provider))
    }
}

/// A module's or a test's name in words.
pub(super) fn title(name: &str) -> String {
    name.replace('_', " ")
}

impl Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.cases.keys().map(String::len).max().unwrap_or(0);
        let titles: Vec<_> = self.providers.iter().map(|provider| title(provider)).collect();
        writeln!(out, "{:width$}  {}", "", titles.join("  "))?;
        for (case, results) in &self.cases {
            let mut cells = vec![format!("{:width$}", title(case))];
            cells.extend(self.providers.iter().map(|provider| {
                let mark = match results.get(*provider) {
                    Some(true) => "✓",
                    Some(false) => "✗",
                    None => "–",
                };
                format!("{mark:<0$}", provider.len())
            }));
            writeln!(out, "{}", cells.join("  ").trim_end())?;
        }
        if !self.is_complete {
            return write!(
                out,
                "✓ passed  ✗ failed  – not applicable, or not reached: the tests were cut short"
            );
        }
        write!(out, "✓ passed  ✗ failed  – not applicable")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(output: &str) -> Table {
        let mut table = Table::new(["oidc_provider", "keycloak"].into_iter());
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
test interop::keycloak::later ... ignored
test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert_eq!(
            table.to_string(),
            "         oidc provider  keycloak
groups   –              ✓
sign in  ✓              ✗
✓ passed  ✗ failed  – not applicable"
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
