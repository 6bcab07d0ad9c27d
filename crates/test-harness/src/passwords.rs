//! Passwords without the cost: what a flow test needs of hashing, judging and slowing down.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::people::{Password, PasswordHash};
use labgate_domain::ports::{
    HashingError, LoginAttempt, LoginTarget, PasswordHasher, PasswordJudge, PasswordVerdict,
    PasswordWeakness, Permit, StoreError, Throttle,
};
use labgate_domain::time::Timestamp;

/// Writes the password down in hexadecimal. Never for anything but tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainHasher;

fn plain(password: &Password) -> String {
    let start = "$plain$".to_owned();
    password.expose().bytes().fold(start, |text, byte| text + &format!("{byte:02x}"))
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HashingError> {
        PasswordHash::parse(&plain(&password)).map_err(|_| HashingError::Failed)
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, HashingError> {
        let is_right = hash.is_some_and(|hash| hash.expose() == plain(&password));
        Ok(if is_right { PasswordVerdict::Right } else { PasswordVerdict::Wrong })
    }

    fn can_verify(&self, hash: &PasswordHash) -> bool {
        hash.expose().starts_with("$plain$")
    }
}

/// Finds weak what has the word `password` or a personal word in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct WordJudge;

impl PasswordJudge for WordJudge {
    fn weakness(&self, password: &Password, personal: &[String]) -> Option<PasswordWeakness> {
        let password = password.expose().to_lowercase();
        if personal.iter().any(|word| password.contains(&word.to_lowercase())) {
            Some(PasswordWeakness::Personal)
        } else if password.contains("password") {
            Some(PasswordWeakness::Common)
        } else {
            None
        }
    }
}

/// Lets five wrong tries pass for each target, then one each minute; registrations it lets pass.
#[derive(Debug, Default)]
pub struct MinuteThrottle(Mutex<HashMap<LoginTarget, (u32, Timestamp)>>);

impl MinuteThrottle {
    const FREE: u32 = 5;
    const WAIT: Duration = Duration::from_mins(1);
}

#[async_trait]
impl Throttle for MinuteThrottle {
    async fn admit(&self, guess: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError> {
        if guess.target == LoginTarget::Registration {
            return Ok(Permit::Granted);
        }
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = failures.entry(guess.target).or_insert((0, now));
        if *count >= Self::FREE && now < last.plus(Self::WAIT) {
            return Ok(Permit::RetryAfter(last.plus(Self::WAIT).since(now)));
        }
        (*count, *last) = (*count + 1, now);
        Ok(Permit::Granted)
    }

    async fn record_success(&self, guess: LoginAttempt, _: Timestamp) -> Result<(), StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&guess.target);
        Ok(())
    }

    async fn cancel(&self, guess: LoginAttempt, _: Timestamp) -> Result<(), StoreError> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = failures.get_mut(&guess.target) {
            *count = count.saturating_sub(1);
        }
        Ok(())
    }

    async fn delete_expired(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}
