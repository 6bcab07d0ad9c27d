//! Hashes that other programs made with bcrypt (`htpasswd -B`, PHP, Rails, …): checked as those programs
//! check them, never made.
//!
//! bcrypt looks at the first 72 bytes of a password, and in C ends it at the first NUL. So whatever begins
//! with the same 72 bytes is right until the first sign-in; from then on it is what was typed there, as a
//! whole.

use std::ops::RangeInclusive;

use bcrypt::HashParts;

/// The costs that are checked. Each step doubles the work: 12 takes about a quarter of a second, 14 a second.
pub(crate) const COSTS: RangeInclusive<u32> = 4..=14;

/// Tells whether this is a whole hash of a sound version (`2x` is broken) and of a cost that is checked.
pub(crate) fn can_be_checked(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|version| hash.starts_with(version))
        && hash.parse::<HashParts>().is_ok_and(|parts| COSTS.contains(&parts.get_cost()))
}

/// Compares the password with a hash.
pub(crate) fn fits(password: &[u8], hash: &str) -> bool {
    let key = password.split(|byte| *byte == 0).next().unwrap_or_default();
    // Nothing is no password, though some programs hash it: a NUL in front would stand for it.
    bcrypt::verify(key, hash).unwrap_or(false) && !key.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the `crypt` of the C library (libxcrypt).
    const CORRECT_HORSE: &str = "abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
    /// Of 72 times `a`, of 80 times, and of any number in between.
    const MANY_A: &str = "$2y$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe";

    #[test]
    fn hashes_of_other_programs_are_checked_whatever_their_version_and_cost() {
        let of_4 = ["2a", "2b", "2y"].map(|version| format!("${version}$04${CORRECT_HORSE}"));
        let others = [
            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.WrAwgFxicHZ3kL7zMvXYXHKosDn8ot2".to_owned(),
            "$2b$06$abcdefghijklmnopqrstuud/5IuQmqhVO0kfNEbHJM.fJkPiliBzC".to_owned(),
        ];
        for hash in of_4.iter().chain(&others) {
            assert!(can_be_checked(hash), "{hash}");
            assert!(fits(b"correct horse", hash), "{hash}");
            for wrong in ["correct horsf", "correct hors", "correct horse ", "Correct horse"] {
                assert!(!fits(wrong.as_bytes(), hash), "{hash} {wrong}");
            }
        }
    }

    #[test]
    fn letters_of_other_scripts_are_hashed_as_utf_8() {
        let hash = "$2b$04$abcdefghijklmnopqrstuu.daOuaQtoWwNFrJUdQ48RbU3Jbl1dqC";
        assert!(fits("läuft gut genug".as_bytes(), hash));
        assert!(!fits("lauft gut genug".as_bytes(), hash));
    }

    #[test]
    fn of_a_long_password_the_first_72_bytes_count_as_elsewhere() {
        for (len, right) in [(71, false), (72, true), (73, true), (80, true), (1024, true)] {
            assert_eq!(fits(&vec![b'a'; len], MANY_A), right, "{len}");
        }
        let another_end = [vec![b'a'; 71], vec![b'b']].concat();
        assert!(!fits(&another_end, MANY_A));
        // 72 bytes end within no letter here, but at the 36th of 40.
        let umlauts = "$2y$04$abcdefghijklmnopqrstuuKiIlCeXB6chNXkLyAo8C7XcLPzh6zUe";
        assert!(fits("é".repeat(40).as_bytes(), umlauts));
        assert!(!fits("é".repeat(35).as_bytes(), umlauts));
    }

    #[test]
    fn a_password_ends_at_a_nul_as_it_did_where_it_was_hashed() {
        let hash = format!("$2y$04${CORRECT_HORSE}");
        assert!(fits(b"correct horse\0tail", &hash));
        // Without the end it would be the same key: bcrypt repeats it with a NUL in between.
        assert!(!fits(b"correct\0horse", &hash));
    }

    #[test]
    fn nothing_is_no_password() {
        let of_nothing = bcrypt::hash_with_salt("", 4, [7; 16]).unwrap().to_string();
        assert!(can_be_checked(&of_nothing));
        assert!(!fits(b"", &of_nothing) && !fits(b"\0anything", &of_nothing));
    }

    #[test]
    fn c174_a_costly_or_damaged_hash_is_not_checked() {
        for odd in [
            format!("$2b$03${CORRECT_HORSE}"),
            format!("$2b$15${CORRECT_HORSE}"),
            format!("$2b$31${CORRECT_HORSE}"),
            format!("$2b$99${CORRECT_HORSE}"),
            format!("$2b$xx${CORRECT_HORSE}"),
            format!("$2x$04${CORRECT_HORSE}"),
            format!("$2$04${CORRECT_HORSE}"),
            format!("$2b$04${CORRECT_HORSE}x"),
            format!("$2b$04${}", &CORRECT_HORSE[1..]),
            format!("$2b$04${}", CORRECT_HORSE.replace('j', "!")),
            "$2b$".to_owned(),
            String::new(),
        ] {
            assert!(!can_be_checked(&odd), "{odd}");
        }
        assert!(can_be_checked(&format!("$2b$14${CORRECT_HORSE}")));
    }
}
