use serde_json::json;

use crate::persona::ids;
use crate::protocol::{Claims, set};
use crate::site::Site;

/// Completes an error of the token endpoint by the number at the beginning of its description.
pub(super) fn finish(site: &Site, error: &mut Claims) {
    let sentence = error.get("error_description").and_then(|text| text.as_str()).unwrap_or_default();
    let number = sentence.strip_prefix("AADSTS").and_then(|rest| rest.split(':').next()).unwrap_or_default();
    let number: u32 = number.parse().unwrap_or_default();
    let (trace, correlation) = (ids::guid(&[&site.random_text()]), ids::guid(&[&site.random_text()]));
    let timestamp = timestamp(site.now().as_unix_seconds());
    let description =
        format!("{sentence} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}");
    set(error, "error_description", description);
    set(error, "error_codes", json!([number]));
    set(error, "timestamp", timestamp);
    set(error, "trace_id", trace);
    set(error, "correlation_id", correlation);
    set(error, "error_uri", format!("https://login.microsoftonline.com/error?code={number}"));
}

/// `2026-11-24 13:52:56Z`, in the Gregorian calendar. Counts in years that begin with March, so that a leap
/// day is the last of its year, and in eras of 400 of them.
fn timestamp(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let since_era = days + 719_468;
    let (era, day_of_era) = (since_era.div_euclid(146_097), since_era.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096).div_euclid(365);
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_a_date_and_a_time() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_800_000_000, "2027-01-15 08:00:00Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(timestamp(seconds), expected);
        }
    }
}
