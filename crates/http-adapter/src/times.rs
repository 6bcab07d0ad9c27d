//! Times for people.

use std::borrow::Borrow;

use labgate_domain::time::Timestamp;

/// A time for people: `2027-01-15 08:00 UTC` (the civil-from-days algorithm for the proleptic Gregorian
/// calendar).
pub(crate) fn utc(at: impl Borrow<Timestamp>) -> String {
    let seconds = at.borrow().as_unix_seconds();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", second / 3600, second / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people() {
        let at = |seconds| utc(Timestamp::from_unix_seconds(seconds));
        assert_eq!(at(0), "1970-01-01 00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(at(1_800_000_000), "2027-01-15 08:00 UTC");
        assert_eq!(at(-1), "1969-12-31 23:59 UTC");
    }
}
