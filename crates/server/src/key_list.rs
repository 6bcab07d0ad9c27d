//! The output of `labgate keys list`, from the file names of a key directory. A name contains everything but
//! the key.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::time::Duration;

use labgate_domain::time::Timestamp;
use labgate_token::KeyDirectory;

/// Returns a line for each key file among these, the newest first: its name, age and use.
pub(crate) fn of_files(names: &[String], now: Timestamp) -> String {
    let mut text = String::new();
    for (purpose, does, others_do) in [("session-", "signs", "verifies"), ("seal-", "seals", "opens")] {
        let mut keys: Vec<_> =
            names.iter().filter_map(|name| Some((created(name.strip_prefix(purpose)?)?, name))).collect();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        // The newest published key is in use, otherwise the oldest: see `KeyDirectory`.
        let is_known = |created: Timestamp| now >= created.plus(KeyDirectory::PUBLICATION_DELAY);
        let known = keys.iter().position(|(created, _)| is_known(*created));
        let in_use = known.unwrap_or(keys.len().saturating_sub(1));
        for (index, (created, name)) in keys.into_iter().enumerate() {
            let does = match index.cmp(&in_use) {
                Ordering::Less => "is not in use yet",
                Ordering::Equal => does,
                Ordering::Greater => others_do,
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name}  {}, {does}", age(now.since(created)));
        }
    }
    text
}

/// Returns the creation time of a key: the next number in its file name.
fn created(rest_of_name: &str) -> Option<Timestamp> {
    let number = rest_of_name.split(['-', '.']).next()?;
    number.parse().ok().map(Timestamp::from_unix_seconds)
}

fn age(age: Duration) -> String {
    if age.as_secs() < 60 { "just made".to_owned() } else { format!("{} old", how_long(age)) }
}

/// Returns a duration for people.
pub(crate) fn how_long(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        0..60 => return "less than a minute".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_known_yet_is_not_in_use_unless_it_is_alone() {
        let list = |names: &[&str], now| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            of_files(&names, Timestamp::from_unix_seconds(now))
        };
        let two = ["session-5000-ES256-b.pem", "session-100-ES256-a.pem"];
        assert_eq!(
            list(&two, 5599),
            "session-5000-ES256-b.pem  9 minutes old, is not in use yet\n\
             session-100-ES256-a.pem  1 hour old, signs\n"
        );
        assert_eq!(
            list(&two, 5600),
            "session-5000-ES256-b.pem  10 minutes old, signs\n\
             session-100-ES256-a.pem  1 hour old, verifies\n"
        );
        assert_eq!(list(&["seal-100.key"], 100), "seal-100.key  just made, seals\n");
    }

    #[test]
    fn the_newest_of_each_kind_comes_first_and_is_the_one_in_use() {
        let names = [
            "seal-100.key",
            "session-100-ES256-a.pem",
            "session-86500-HS256-b.secret",
            ".lock",
            "other-7.pem",
        ];
        let list = of_files(&names.map(str::to_owned), Timestamp::from_unix_seconds(90_100));
        assert_eq!(
            list,
            "session-86500-HS256-b.secret  1 hour old, signs\n\
             session-100-ES256-a.pem  1 day old, verifies\n\
             seal-100.key  1 day old, seals\n"
        );
    }
}
