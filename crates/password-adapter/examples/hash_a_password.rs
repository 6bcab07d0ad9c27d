//! Judges the strength of a new password, hashes it, and verifies passwords against the hash.

use std::error::Error;
use std::sync::Arc;

use labgate_domain::people::Password;
use labgate_domain::ports::{PasswordHasher as _, PasswordJudge as _, PasswordVerdict, Share, Source};
use labgate_domain::world::Entropy;
use labgate_password::{Argon2Hasher, StrengthJudge, WorkPool};

/// The random generator of the operating system.
struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let personal = ["ada".to_owned(), "Lovelace".to_owned()];
    let pool = WorkPool::new();
    let judge = StrengthJudge::new(pool.clone());
    // The pool is fair to each name and each source of requests.
    let share = || Share::of_name("ada", Source::default());
    for text in ["password123456", "ada.lovelace.1815", "violet harbour seldom quartz"] {
        match judge.weakness(Password::typed(text)?, personal.to_vec(), share()).await? {
            Some(weakness) => println!("{text}: rejected, {weakness:?}"),
            None => println!("{text}: accepted"),
        }
    }

    let hasher = Argon2Hasher::new(Arc::new(OsEntropy), pool);
    let password = Password::typed("violet harbour seldom quartz")?;
    let hash = hasher.hash(password.clone(), share()).await?;
    let right = hasher.verify(password, Some(hash.clone()), share()).await?;
    let wrong = hasher.verify(Password::typed("violet harbour seldom quarz")?, Some(hash), share()).await?;
    // An unknown account costs the same work as a wrong password.
    let unknown = hasher.verify(Password::typed("anything")?, None, share()).await?;
    println!("right: {right:?}, wrong: {wrong:?}, unknown account: {unknown:?}");
    if [right, wrong, unknown] == [PasswordVerdict::Right, PasswordVerdict::Wrong, PasswordVerdict::Wrong] {
        Ok(())
    } else {
        Err("not as promised".into())
    }
}
