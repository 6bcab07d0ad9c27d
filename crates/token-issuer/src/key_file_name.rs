use std::fmt;

use labgate_domain::time::Timestamp;

use crate::Algorithm;

/// The name of a key file: everything about the key but the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyFileName {
    /// A key for session tokens.
    Session { created: Timestamp, algorithm: Algorithm, kid: String },
    /// A key for sign-in attempts.
    Seal { created: Timestamp },
}

impl KeyFileName {
    /// Parses the name of a file; `None` if it is not that of a key file.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let parsed = if let Some(rest) = name.strip_prefix("seal-") {
            Self::Seal { created: timestamp(rest.strip_suffix(".key")?)? }
        } else {
            let (stem, _) = name.strip_prefix("session-")?.rsplit_once('.')?;
            let (created, rest) = stem.split_once('-')?;
            let (algorithm, kid) = rest.split_once('-')?;
            let algorithm = Algorithm::parse(algorithm).ok()?;
            Self::Session { created: timestamp(created)?, algorithm, kid: kid.to_owned() }
        };
        (parsed.to_string() == name).then_some(parsed)
    }

    pub(crate) fn created(&self) -> Timestamp {
        match self {
            Self::Session { created, .. } | Self::Seal { created } => *created,
        }
    }

    /// Returns the name of the same key with another time of creation.
    pub(crate) fn dated(&self, created: Timestamp) -> Self {
        match self {
            Self::Session { algorithm, kid, .. } => {
                Self::Session { created, algorithm: *algorithm, kid: kid.clone() }
            }
            Self::Seal { .. } => Self::Seal { created },
        }
    }

    /// Sorts by age, and by name if a copied file makes two keys equally old.
    pub(crate) fn sort_key(&self) -> (Timestamp, String) {
        (self.created(), self.to_string())
    }
}

impl fmt::Display for KeyFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { created, algorithm, kid } => {
                let extension = if *algorithm == Algorithm::Hs256 { "secret" } else { "pem" };
                let (created, algorithm) = (created.as_unix_seconds(), algorithm.as_str());
                write!(f, "session-{created}-{algorithm}-{kid}.{extension}")
            }
            Self::Seal { created } => write!(f, "seal-{}.key", created.as_unix_seconds()),
        }
    }
}

fn timestamp(seconds: &str) -> Option<Timestamp> {
    seconds.parse().ok().map(Timestamp::from_unix_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let created = Timestamp::from_unix_seconds(1_792_080_000);
        let kid = "--_kid-with.all-kinds_of-characters".to_owned();
        for name in [
            KeyFileName::Seal { created },
            KeyFileName::Session { created, algorithm: Algorithm::Es256, kid: kid.clone() },
            KeyFileName::Session { created, algorithm: Algorithm::Hs256, kid },
        ] {
            assert_eq!(KeyFileName::parse(&name.to_string()), Some(name));
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
