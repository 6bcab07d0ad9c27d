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

    /// Checks a password against a hash. Without a hash the answer is [`PasswordVerdict::Wrong`] after the
    /// same work: an adapter MUST NOT reveal by its timing that there was none. A hash with higher parameters
    /// than the current ones, or a malformed one, is [`PasswordVerdict::Wrong`] after the same work, too.
    ///
    /// A hash of another function, from another program, costs that function's work instead, which an adapter
    /// MUST bound: until its first sign-in, such an account can be recognised by the time of a check. From
    /// then on it has a current hash.
    ///
    /// # Errors
    /// See [`HashingError`].
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, HashingError>;

    /// Returns whether [`Self::verify`] could accept a password for this hash: the function is known, the
    /// hash is whole, and its work is within the limit of a sign-in. Nothing is hashed for the answer.
    fn can_verify(&self, hash: &PasswordHash) -> bool;
}

/// The result of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// The password is right.
    Right,
    /// The password is right, but its hash is weaker than a current one: it should be hashed again.
    RightButWeak,
    /// The password is wrong.
    Wrong,
}

/// The reason that a password was not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// Too many others are waiting; a retry in a moment will do.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The hash function failed.
    #[error("hashing the password failed")]
    Failed,
}

/// Judges the strength of a new password, offline.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait PasswordJudge: Send + Sync {
    /// Returns the weakness of a password, given words that an attacker would try first (the person's name
    /// and address, the lab's); `None` when it is strong enough.
    fn weakness(&self, password: &Password, personal: &[String]) -> Option<PasswordWeakness>;
}

/// The reason that a password is too easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordWeakness {
    /// It is on the list of common passwords.
    Common,
    /// It is made of the person's or the lab's own words.
    Personal,
    /// It is a pattern, or too few words.
    Guessable,
}
