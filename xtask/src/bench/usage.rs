//! The resources that a process has used, from `/proc`.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// CPU time and memory of a process so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// User and system time of all its threads, to a hundredth of a second.
    pub(super) cpu: Duration,
    pub(super) resident_bytes: u64,
    /// The most that was resident at once.
    pub(super) peak_bytes: u64,
}

impl Usage {
    pub(super) fn of(process: u32) -> Result<Self> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}"));
        Self::parse(&read("stat")?, &read("status")?).context("cannot read /proc")
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The second field is the program's name in parentheses and may hold anything; the third follows the
        // last one.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let bytes = |name: &str| -> Option<u64> {
            let value = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
        };
        let (resident_bytes, peak_bytes) = (bytes("VmRSS:")?, bytes("VmHWM:")?);
        // Linux counts in hundredths of a second towards programs, whatever it does inside (proc(5),
        // USER_HZ).
        Some(Self { cpu: Duration::from_millis((user + system) * 10), resident_bytes, peak_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_no_harm() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 7 20 0 5 0 12345 1000 200";
        let usage = Usage::parse(stat, "Name:\tx\nVmHWM:\t   3072 kB\nVmRSS:\t   2048 kB\nThreads:\t5\n");
        let expected = Usage { cpu: Duration::from_secs(3), resident_bytes: 2 << 20, peak_bytes: 3 << 20 };
        assert_eq!(usage, Some(expected));
    }
}
