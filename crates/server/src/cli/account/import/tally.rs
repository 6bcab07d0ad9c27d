use std::fmt::Write as _;

use labgate_domain::people::Username;
use serde_json::{Value, json};

use super::Problem;

/// How many lines are told one by one.
const MOST_TOLD: usize = 20;

/// What came of an import.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) created: usize,
    /// Who was there already, and on which line.
    pub(super) skipped: Vec<(u64, Username)>,
    pub(super) problems: Vec<Problem>,
}

impl Tally {
    pub(super) fn json(&self, dry_run: bool) -> Value {
        let error = |Problem { line, problem }: &Problem| json!({ "line": line, "problem": problem });
        let errors: Vec<Value> = self.problems.iter().map(error).collect();
        json!({ "created": self.created, "skipped": self.skipped.len(), "errors": errors, "dry_run": dry_run })
    }

    /// What is wrong, if anything is.
    pub(super) fn errors(&self) -> Option<String> {
        let told =
            told(self.problems.iter().map(|Problem { line, problem }| format!("line {line}: {problem}")));
        let count = self.problems.len();
        let errors = if count == 1 { "1 error" } else { &format!("{count} errors") };
        (count > 0).then(|| format!("{errors}, and nothing is imported:\n{}", told.trim_end()))
    }

    pub(super) fn words(&self, dry_run: bool) -> String {
        let mut words =
            told(self.skipped.iter().map(|(line, name)| format!("line {line}: {name} is there already")));
        let accounts = if self.created == 1 { "account" } else { "accounts" };
        let done = match (dry_run, self.created) {
            (true, _) => "would be created",
            (false, 1) => "is created",
            (false, _) => "are created",
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            words,
            "{} {accounts} {done}, {} skipped (there already)",
            self.created,
            self.skipped.len()
        );
        words
    }
}

/// The first lines, and how many more there are.
fn told(lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(MOST_TOLD);
    let mut text: String = lines.take(MOST_TOLD).map(|line| line + "\n").collect();
    if more > 0 {
        // Writing to a string does not fail.
        let _ = writeln!(text, "and {more} more");
    }
    text
}
