use std::collections::HashSet;
use std::sync::LazyLock;

use async_trait::async_trait;
use labgate_domain::people::Password;
use labgate_domain::ports::{HashingError, PasswordJudge, PasswordWeakness, Share};
use zxcvbn::{Score, zxcvbn};

use crate::work_pool::WorkPool;

/// Judges a new password offline: a list of common ones, the person's and the lab's own words, and an
/// estimate of how many guesses it takes (`zxcvbn`). All of it in the [`WorkPool`]: an estimate can cost as much
/// as a hash.
#[derive(Clone)]
pub struct StrengthJudge {
    pool: WorkPool,
}

impl StrengthJudge {
    /// Builds a judge that works in this pool.
    #[must_use]
    pub fn new(pool: WorkPool) -> Self {
        Self { pool }
    }
}

static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../data/common_passwords.txt").lines().collect());

/// Words that belong to every lab.
const OWN_WORDS: [&str; 6] = ["labgate", "jupyter", "notebook", "mlflow", "machine learning", "laboratory"];
/// The number of characters that are estimated. The cost grows with the square of the length and with the
/// variety of signs that can stand for letters: the worst 32 characters cost about as much as one hash, the
/// worst 72 six times that.
const ESTIMATED_CHARS: usize = 32;
/// With fewer letters and at most so many other characters besides the words, little else is left: a date
/// fits, a random number does not.
const LITTLE_LETTERS: usize = 4;
const LITTLE_OTHERS: usize = 8;
/// The shortest word that a password can be made of.
const LEAST_WORD: usize = 3;

#[async_trait]
impl PasswordJudge for StrengthJudge {
    async fn weakness(
        &self,
        password: Password,
        personal: Vec<String>,
        share: Share,
    ) -> Result<Option<PasswordWeakness>, HashingError> {
        self.pool.run(share, move || weakness(password.expose(), &personal)).await
    }
}

fn weakness(password: &str, personal: &[String]) -> Option<PasswordWeakness> {
    let lower = password.to_lowercase();
    if COMMON.contains(lower.as_str()) {
        return Some(PasswordWeakness::Common);
    }
    let words = words(personal);
    if is_made_of(&lower, &words) {
        return Some(PasswordWeakness::Personal);
    }
    let start: String = password.chars().take(ESTIMATED_CHARS).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    (zxcvbn(&start, &words).score() < Score::Three).then_some(PasswordWeakness::Guessable)
}

/// Returns the person's names, their parts, and the lab's words, in lower case.
fn words(personal: &[String]) -> Vec<String> {
    let lower = personal.iter().map(|text| text.to_lowercase());
    let mut words: Vec<String> = lower
        .flat_map(|text| {
            let parts: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
            std::iter::once(text).chain(parts)
        })
        .chain(OWN_WORDS.map(str::to_owned))
        .filter(|word| word.chars().count() >= LEAST_WORD)
        .collect();
    // A long word goes before the shorter ones that stand in it.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// Tells whether little is left of the password without these words, forwards or backwards.
fn is_made_of(password: &str, words: &[String]) -> bool {
    let mut rest = password.to_owned();
    for word in words {
        let backwards: String = word.chars().rev().collect();
        rest = rest.replace(word.as_str(), "").replace(&backwards, "");
    }
    let (letters, others): (Vec<char>, Vec<char>) = rest.chars().partition(|c| c.is_alphabetic());
    rest.len() < password.len() && letters.len() < LITTLE_LETTERS && others.len() <= LITTLE_OTHERS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work_pool::tests::{fill, occupied, share};

    fn weakness(password: &str) -> Option<PasswordWeakness> {
        let personal =
            ["ada.lovelace".to_owned(), "ada@analytical.example".to_owned(), "Ada Lovelace".to_owned()];
        super::weakness(password, &personal)
    }

    #[tokio::test]
    async fn f02_an_estimate_is_made_in_the_pool_and_never_where_it_was_asked_for() {
        let (pool, end, running) = occupied().await;
        let judge = StrengthJudge::new(pool.clone());
        let look_alikes = || Password::typed(&"4@8({[<369|!1l07$5+%2".repeat(6)).unwrap();
        let estimate = judge.weakness(look_alikes(), Vec::new(), share("ada", "192.0.2.1"));
        let mut estimate = std::pin::pin!(estimate);
        // The one core is taken: nothing is estimated on this thread.
        let first =
            std::future::poll_fn(|context| std::task::Poll::Ready(estimate.as_mut().poll(context))).await;
        assert!(first.is_pending());

        let (full, end_of_full, running_in_full) = occupied().await;
        let waiting = fill(&full).await;
        let judge_of_full = StrengthJudge::new(full);
        let busy = judge_of_full.weakness(look_alikes(), Vec::new(), share("ada", "192.0.2.1"));
        assert_eq!(busy.await, Err(HashingError::Busy));

        for end in [end, end_of_full] {
            end.send(()).unwrap();
        }
        assert!(estimate.await.is_ok());
        for job in waiting.into_iter().chain([running, running_in_full]) {
            job.await.unwrap().unwrap();
        }
    }

    #[test]
    fn c171_the_list_is_long_sorted_and_in_lower_case() {
        let list: Vec<&str> = include_str!("../data/common_passwords.txt").lines().collect();
        assert!(list.iter().filter(|password| password.len() >= 8).count() >= 3000);
        assert!(list.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(list.iter().all(|password| **password == password.to_lowercase()));
    }

    #[test]
    fn c171_common_personal_and_guessable_passwords_are_told_apart() {
        for common in ["passwordpassword", "PasswordPassword", "correcthorsebatterystaple"] {
            assert_eq!(weakness(common), Some(PasswordWeakness::Common), "{common}");
        }
        for personal in [
            "ada.lovelace-2027!",
            "LovelaceLovelace",
            "ecalevol-1815-ada",
            "labgate-labgate-1",
            "analytical12345",
        ] {
            assert_eq!(weakness(personal), Some(PasswordWeakness::Personal), "{personal}");
        }
        for guessable in ["aaaaaaaaaaaaaa", "abcabcabcabcabc", "zxcvbnmasdfgh"] {
            let found = weakness(guessable);
            assert!(
                matches!(found, Some(PasswordWeakness::Guessable | PasswordWeakness::Common)),
                "{guessable}"
            );
        }
    }

    #[test]
    fn c171_a_longer_word_is_found_whatever_word_comes_first() {
        let personal = ["ann".to_owned(), "annapurna".to_owned()];
        assert_eq!(super::weakness("annapurna-annapurna", &personal), Some(PasswordWeakness::Personal));
    }

    #[test]
    fn c172_a_word_of_ones_own_does_not_spoil_much_else() {
        for good in ["ada83749201847362", "ada tulip anchor velvet"] {
            assert_eq!(weakness(good), None, "{good}");
        }
    }

    #[test]
    fn only_the_beginning_is_estimated_so_that_no_password_is_costly_to_judge() {
        let strong = "tulip anchor velvet crater";
        assert_eq!(weakness(&format!("{strong}{}", "a".repeat(ESTIMATED_CHARS))), None);
        assert_eq!(
            weakness(&format!("{}{strong}", "a".repeat(ESTIMATED_CHARS))),
            Some(PasswordWeakness::Guessable)
        );
    }

    #[test]
    fn c172_nothing_is_asked_of_the_composition() {
        for good in [
            "tulip anchor velvet crater",
            "correct horse battery drawer",
            "🦀 läuft über die brücke",
            "kwzjqxvbmptr",
        ] {
            assert_eq!(weakness(good), None, "{good}");
        }
        assert_eq!(weakness(&"tulip anchor velvet crater ".repeat(9)), None, "long ones cost no more");
    }
}
