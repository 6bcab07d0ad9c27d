use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::MalformedLocation;
use crate::postgres::Address;

/// The location of a database.
#[derive(Clone, Debug)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database, with its password.
    Postgres(SecretString),
}

impl Location {
    /// Parses a setting: `postgres://user:password@host:5432/name?sslmode=verify-full`, `sqlite:path`, or
    /// a path alone.
    ///
    /// # Errors
    /// When the text is none of them. The error repeats nothing of it: it may be a password.
    pub fn parse(text: &str) -> Result<Self, MalformedLocation> {
        if has_scheme(text, "postgres") || has_scheme(text, "postgresql") {
            let url = SecretString::from(text);
            Address::parse(&url)?;
            return Ok(Self::Postgres(url));
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        // `sqlite://path` may mean a host or a relative path.
        let is_plain = !path.starts_with("//") || path.starts_with("///");
        if path.is_empty() || !is_plain || path.contains("://") {
            return Err(MalformedLocation::Unknown);
        }
        Ok(Self::Sqlite(Path::new(path).to_owned()))
    }
}

/// Shows a path; or a server and a name, without user and password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => match Address::parse(url) {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("a PostgreSQL database"),
            },
        }
    }
}

fn has_scheme(text: &str, scheme: &str) -> bool {
    text.split_once("://").is_some_and(|(before, _)| before.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_are_told_apart() {
        for (text, path) in [
            ("labgate.db", "labgate.db"),
            ("/var/lib/labgate.db", "/var/lib/labgate.db"),
            ("sqlite:labgate.db", "labgate.db"),
            ("sqlite:/var/lib/labgate.db", "/var/lib/labgate.db"),
            ("sqlite:///var/lib/labgate.db", "///var/lib/labgate.db"),
            ("a:b@c", "a:b@c"),
        ] {
            assert!(
                matches!(Location::parse(text), Ok(Location::Sqlite(it)) if it == Path::new(path)),
                "{text}"
            );
        }
        for text in ["postgres://db/lab", "postgresql://db/lab", "POSTGRES://u:p@db:1/lab?sslmode=require"] {
            assert!(matches!(Location::parse(text), Ok(Location::Postgres(_))), "{text}");
        }
        for text in ["", "sqlite:", "sqlite://labgate.db", "mysql://u:planted@db/lab", "http://planted"] {
            assert_eq!(Location::parse(text).unwrap_err(), MalformedLocation::Unknown, "{text}");
        }
    }

    #[test]
    fn a_pooler_lends_sessions_or_transactions() {
        for query in
            ["", "?pool_mode=session", "?pool_mode=transaction", "?sslmode=disable&pool_mode=transaction"]
        {
            assert!(Location::parse(&format!("postgres://db/lab{query}")).is_ok(), "{query}");
        }
        for query in ["?pool_mode", "?pool_mode=statement", "?pool_mode=session&pool_mode=transaction"] {
            let refused = Location::parse(&format!("postgres://db/lab{query}")).unwrap_err();
            assert_eq!(refused, MalformedLocation::Value, "{query}");
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let location = Location::parse("postgres://ada:planted@db.example:5433/lab").unwrap();
        assert_eq!(location.to_string(), "db.example:5433/lab");
        assert!(!format!("{location:?}").contains("planted"));
        for wrong in [
            "postgres://ada:planted/more@db/lab",
            "postgres://ada:1/planted@db/lab",
            "postgres://ada:1#planted@db/lab",
            "postgres://ada:1?planted@db/lab",
            "postgres://ada:p@db/planted/lab",
            "postgres://ada:p@db/lab?sslmode=planted",
            "postgres://ada:p@db/lab?port=planted",
            "postgres://ada:p@db/lab?planted=1",
            "postgres://ada:p@db/lab?pool_mode=planted",
            "postgres://ada:p@db/lab?pool_mode=session&pool_mode=planted",
        ] {
            let error = Location::parse(wrong).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
        }
    }
}
