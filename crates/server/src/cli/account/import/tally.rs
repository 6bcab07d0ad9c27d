use std::fmt::Write as _;

use labgate_domain::people::Username;
use serde_json::{Value, json};

use super::rows::Problem;

/// The most lines that are listed one by one.
const MOST_LISTED: usize = 20;

/// The result of an import.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) created: usize,
    /// The existing accounts, with the lines that name them.
    pub(super) skipped: Vec<(u64, Username)>,
    pub(super) problems: Vec<Problem>,
}

impl Tally {
    pub(super) fn json(&self, dry_run: bool) -> Value {
        let error = |Problem { line, problem }: &Problem| json!({ "line": line, "problem": problem });
        let errors: Vec<Value> = self.problems.iter().map(error).collect();
        json!({ "created": self.created, "skipped": self.skipped.len(), "errors": errors, "dry_run": dry_run })
    }

    /// Returns the errors as a text, if there are any.
    pub(super) fn errors(&self) -> Option<String> {
        let listed = shortened(
            self.problems.iter().map(|Problem { line, problem }| format!("line {line}: {problem}")),
        );
        let count = self.problems.len();
        let errors = if count == 1 { "1 error" } else { &format!("{count} errors") };
        (count > 0).then(|| format!("{errors}, and nothing is imported:\n{}", listed.trim_end()))
    }

    pub(super) fn words(&self, dry_run: bool) -> String {
        let mut words =
            shortened(self.skipped.iter().map(|(line, name)| format!("line {line}: {name} exists already")));
        let accounts = if self.created == 1 { "account" } else { "accounts" };
        let done = match (dry_run, self.created) {
            (true, _) => "would be created",
            (false, 1) => "is created",
            (false, _) => "are created",
        };
        // Writing to a string does not fail.
        let _ =
            writeln!(words, "{} {accounts} {done}, {} skipped (existing)", self.created, self.skipped.len());
        words
    }
}

/// Returns the first lines, and the number of the others.
fn shortened(lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(MOST_LISTED);
    let mut text: String = lines.take(MOST_LISTED).map(|line| line + "\n").collect();
    if more > 0 {
        // Writing to a string does not fail.
        let _ = writeln!(text, "and {more} more");
    }
    text
}
