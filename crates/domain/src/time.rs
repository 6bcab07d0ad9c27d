//! Points in time. The domain never reads the clock: every rule takes `now` from the
//! [`Clock`](crate::world::Clock) port.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time in whole seconds since the Unix epoch, as in a JWT's `NumericDate` (RFC 7519 section 2).
///
/// Arithmetic saturates: no date that a provider sends can overflow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns the instant that many seconds after the Unix epoch.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Returns the seconds since the Unix epoch.
    #[must_use]
    pub const fn as_unix_seconds(self) -> i64 {
        self.0
    }

    /// Returns a later instant; saturates at the end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(seconds(span)))
    }

    /// Returns an earlier instant; saturates at the beginning of time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(seconds(span)))
    }

    /// Returns the span since `earlier`; zero when that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// Parses a span of time such as `90s`, `15m`, `12h` or `7d`.
///
/// # Errors
/// The form that a span of time has, to read after the text.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const REFUSED: &str = "is not a span of time: write a whole number and s, m, h or d, such as 15m or 12h";
    let unit_at = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(unit_at).ok_or(REFUSED)?;
    let seconds_per_unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(REFUSED),
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(REFUSED);
    }
    let number: u64 = number.parse().map_err(|_| REFUSED)?;
    number.checked_mul(seconds_per_unit).map(Duration::from_secs).ok_or(REFUSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let end = Timestamp::from_unix_seconds(i64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        let start = Timestamp::from_unix_seconds(i64::MIN);
        assert_eq!(start.minus(Duration::MAX), start);
        assert_eq!(start.since(end), Duration::ZERO);
    }

    #[test]
    fn spans_of_time() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "m",
            "15",
            "15 m",
            "-1m",
            "+1m",
            "1.5h",
            "1h30m",
            "15M",
            "15min",
            "ä",
            "99999999999999999999d",
            "9999999999999999d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
