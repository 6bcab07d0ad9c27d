//! What `labgate keys list` says about the files of a key directory. Their names tell everything but the key.

use std::fmt::Write as _;
use std::time::Duration;

use labgate_domain::time::Timestamp;

/// A line for each key file among these, the newest first: its name, its age, and what it does.
pub(crate) fn of_files(names: &[String], now: Timestamp) -> String {
    let mut text = String::new();
    for (purpose, newest_does, others_do) in [("session-", "signs", "verifies"), ("seal-", "seals", "opens")]
    {
        let mut keys: Vec<_> =
            names.iter().filter_map(|name| Some((created(name.strip_prefix(purpose)?)?, name))).collect();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        let mut does = newest_does;
        for (created, name) in keys {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name}  {}, {does}", age(now.since(created)));
            does = others_do;
        }
    }
    text
}

/// When the key was made: the number that comes next in the name.
fn created(rest_of_name: &str) -> Option<Timestamp> {
    let number = rest_of_name.split(['-', '.']).next()?;
    number.parse().ok().map(Timestamp::from_unix_seconds)
}

fn age(age: Duration) -> String {
    if age.as_secs() < 60 { "just made".to_owned() } else { format!("{} old", how_long(age)) }
}

/// A span of time as people say it.
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
