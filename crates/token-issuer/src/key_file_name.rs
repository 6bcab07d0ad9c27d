use std::fmt;

use labgate_domain::time::Timestamp;

use crate::Algorithm;

/// The name of a key file: everything about the key but the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyFileName {
    pub(crate) created: Timestamp,
    pub(crate) purpose: Purpose,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A key for session tokens.
    Session { algorithm: Algorithm, kid: String },
    /// A key for sign-in attempts.
    Seal,
}

impl KeyFileName {
    /// Parses the name of a file; `None` if it is not that of a key file.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (created, purpose) = if let Some(rest) = name.strip_prefix("seal-") {
            (rest.strip_suffix(".key")?, Purpose::Seal)
        } else {
            let (stem, _) = name.strip_prefix("session-")?.rsplit_once('.')?;
            let (created, rest) = stem.split_once('-')?;
            let (algorithm, kid) = rest.split_once('-')?;
            let algorithm = Algorithm::parse(algorithm).ok()?;
            (created, Purpose::Session { algorithm, kid: kid.to_owned() })
        };
        let parsed = Self { created: Timestamp::from_unix_seconds(created.parse().ok()?), purpose };
        (parsed.to_string() == name).then_some(parsed)
    }

    /// Returns whether this is the name of a key for session tokens of an algorithm that this version does
    /// not know: a newer version, which shares the directory during an update, made it.
    pub(crate) fn is_of_newer_version(name: &str) -> bool {
        let algorithm = || {
            let (created, rest) = name.strip_prefix("session-")?.split_once('-')?;
            let (algorithm, rest) = rest.split_once('-')?;
            let (kid, extension) = rest.rsplit_once('.')?;
            let is_kid_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"-_".contains(&letter);
            let is_whole = created.parse::<i64>().is_ok()
                && !kid.is_empty()
                && [kid, extension].concat().bytes().all(is_kid_letter);
            is_whole.then_some(algorithm)
        };
        algorithm().is_some_and(|algorithm| {
            algorithm.starts_with(|letter: char| letter.is_ascii_uppercase())
                && algorithm.bytes().all(|letter| letter.is_ascii_alphanumeric())
                && Algorithm::parse(algorithm).is_err()
        })
    }

    /// Returns the name of the same key with another time of creation.
    pub(crate) fn dated(&self, created: Timestamp) -> Self {
        Self { created, ..self.clone() }
    }

    /// Sorts by age, and by name if a copied file makes two keys equally old.
    pub(crate) fn sort_key(&self) -> (Timestamp, String) {
        (self.created, self.to_string())
    }
}

impl fmt::Display for KeyFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let created = self.created.as_unix_seconds();
        match &self.purpose {
            Purpose::Session { algorithm, kid } => {
                let extension = if *algorithm == Algorithm::Hs256 { "secret" } else { "pem" };
                write!(f, "session-{created}-{}-{kid}.{extension}", algorithm.as_str())
            }
            Purpose::Seal => write!(f, "seal-{created}.key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let created = Timestamp::from_unix_seconds(1_792_080_000);
        let kid = "--_kid-with.all-kinds_of-characters".to_owned();
        for purpose in [
            Purpose::Seal,
            Purpose::Session { algorithm: Algorithm::Es256, kid: kid.clone() },
            Purpose::Session { algorithm: Algorithm::Hs256, kid },
        ] {
            let name = KeyFileName { created, purpose };
            assert_eq!(KeyFileName::parse(&name.to_string()), Some(name));
        }
    }

    #[test]
    fn f46_only_a_whole_name_with_an_unknown_algorithm_is_of_a_newer_version() {
        for newer in ["session-12-ES384-kid.pem", "session-12-Ed448--a_b-.jwk"] {
            assert!(KeyFileName::is_of_newer_version(newer), "{newer}");
        }
        for other in [
            "session-12-ES256-kid.pem",
            "session-12-ES256-kid.secret",
            "session-12-es384-kid.pem",
            "session-12-none-kid.pem",
            "session-12-384-kid.pem",
            "session-12-ES384-.pem",
            "session-12-ES384-../kid.pem",
            "session-12-ES384-kid./pem",
            "session-12-ES384-kid",
            "session-twelve-ES384-kid.pem",
            "session-ES384-kid.pem",
            "seal-12-ES384-kid.key",
        ] {
            assert!(!KeyFileName::is_of_newer_version(other), "{other}");
        }
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in [
            "",
            "seal-.key",
            "seal-12.pem",
            "seal-+12.key",
            "seal-012.key",
            "seal-99999999999999999999.key",
            "session-12-ES256-kid",
            "session-12-ES256-kid.secret",
            "session-12-HS256-kid.pem",
            "session-12-none-kid.pem",
            "session-12-ES256.pem",
            "session-12-ES256-kid.pem.bak",
            "session-twelve-ES256-kid.pem",
        ] {
            assert_eq!(KeyFileName::parse(name), None, "{name}");
        }
    }
}
