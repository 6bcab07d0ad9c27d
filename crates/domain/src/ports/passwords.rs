use async_trait::async_trait;

use crate::people::{Password, PasswordHash};

/// Hashes passwords slowly, a few at a time.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password with a fresh salt and the current parameters.
    ///
    /// # Errors
    /// See [`HashingError`].
    async fn hash(&self, password: Password) -> Result<PasswordHash, HashingError>;

    /// Compares the password with the hash. Without a hash the answer is [`PasswordVerdict::Wrong`], after
    /// the same work: an adapter MUST NOT make it measurable whether there was one. A hash that asks for more than the
    /// current parameters allow, or cannot be read, is [`PasswordVerdict::Wrong`] after the same work, too.
    ///
    /// A hash that another program made by another function costs that function's work instead, which an adapter MUST
    /// bound: until its first sign-in, such an account can be told from others by how long a check takes. From then on it
    /// has a hash of today's.
    ///
    /// # Errors
    /// See [`HashingError`].
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, HashingError>;

    /// Returns whether [`Self::verify`] could find a password right for this hash: it is of a kind that is known, whole, and asks
    /// for no more work than a sign-in may cost. Nothing is hashed for the answer.
    fn can_verify(&self, hash: &PasswordHash) -> bool;
}

/// The result of comparing a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// It is the one.
    Right,
    /// It is the one, but its hash is weaker than what is made today: it should be hashed again.
    RightButWeak,
    /// It is not the one.
    Wrong,
}

/// The reason for which a password was not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// Too many others are waiting: trying again in a moment will do.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The hash function failed.
    #[error("hashing the password failed")]
    Failed,
}

/// Judges how hard a new password is to guess, offline.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait PasswordJudge: Send + Sync {
    /// Returns the reason for which the password is too easy to guess, given words that an attacker would try first (the person's name and
    /// address, the lab's); `None` when it is not.
    fn weakness(&self, password: &Password, personal: &[String]) -> Option<PasswordWeakness>;
}

/// The reason for which a password is too easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordWeakness {
    /// It is on the list of common passwords.
    Common,
    /// It is made of the person's or the lab's own words.
    Personal,
    /// It is a pattern, or too few words.
    Guessable,
}
