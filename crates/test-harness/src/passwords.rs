//! Passwords without the cost of hashing and judging.

use async_trait::async_trait;
use labgate_domain::people::{Password, PasswordHash};
use labgate_domain::ports::{
    HashingError, PasswordHasher, PasswordJudge, PasswordVerdict, PasswordWeakness, Share,
};

/// Writes the password down in hexadecimal. Never for anything but tests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlainHasher;

fn plain(password: &Password) -> String {
    let start = "$plain$".to_owned();
    password.expose().bytes().fold(start, |text, byte| text + &format!("{byte:02x}"))
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: Password, _: Share) -> Result<PasswordHash, HashingError> {
        PasswordHash::parse(&plain(&password)).map_err(|_| HashingError::Failed)
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        _: Share,
    ) -> Result<PasswordVerdict, HashingError> {
        let is_right = hash.is_some_and(|hash| hash.expose() == plain(&password));
        Ok(if is_right { PasswordVerdict::Right } else { PasswordVerdict::Wrong })
    }

    fn can_verify(&self, hash: &PasswordHash) -> bool {
        hash.expose().starts_with("$plain$")
    }
}

/// Refuses passwords with the word `password` or a personal word in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WordJudge;

#[async_trait]
impl PasswordJudge for WordJudge {
    async fn weakness(
        &self,
        password: Password,
        personal: Vec<String>,
        _: Share,
    ) -> Result<Option<PasswordWeakness>, HashingError> {
        let password = password.expose().to_lowercase();
        Ok(if personal.iter().any(|word| password.contains(&word.to_lowercase())) {
            Some(PasswordWeakness::Personal)
        } else if password.contains("password") {
            Some(PasswordWeakness::Common)
        } else {
            None
        })
    }
}
