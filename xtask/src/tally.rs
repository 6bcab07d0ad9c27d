//! The number of passed tests, from the output of cargo test.

use std::fmt::{self, Display};

/// Counts of tests.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally {
    /// Adds what a line of output tells; most tell nothing.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        let of = |what: &str| {
            let mut parts = counts.split(['.', ';']).map(str::trim);
            parts.find_map(|part| part.strip_suffix(what)?.trim().parse::<u32>().ok()).unwrap_or(0)
        };
        self.passed += of("passed");
        self.failed += of("failed");
        self.skipped += of("ignored");
    }

    /// Counts a check that failed, unless tests that failed are counted already.
    pub(crate) fn fail(&mut self) {
        self.failed = self.failed.max(1);
    }

    /// Counts a whole check that was not made.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }
}

impl Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(out, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_test_programs_are_summed() {
        let mut tally = Tally::default();
        for line in [
            "running 7 tests",
            "test somewhere::something ... ok",
            "test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured; 9 filtered out; finished in 0.64s",
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            tally.read(line);
        }
        tally.skip();
        tally.fail();
        assert_eq!(tally.to_string(), "17 passed, 3 failed, 3 skipped");
    }

    #[test]
    fn a_failed_check_is_never_counted_as_nothing() {
        let mut tally = Tally::default();
        tally.fail();
        assert_eq!(tally.to_string(), "0 passed, 1 failed, 0 skipped");
    }
}
