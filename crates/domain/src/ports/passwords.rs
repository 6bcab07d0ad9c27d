use async_trait::async_trait;

use super::{LoginAttempt, LoginTarget, Source};
use crate::people::{Password, PasswordHash};

/// The party that a piece of work is for. Work on passwords is costly, and all of it waits in one bounded
/// queue; each party has a share of it, and none can take the others'.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    /// The name, device or session. It has a few places in the queue.
    pub subject: String,
    /// The line that it waits in. The lines take turns.
    pub line: String,
}

impl Share {
    /// Returns the share of a stranger at a source, under a name.
    #[must_use]
    pub fn of_name(name: &str, source: Source) -> Self {
        Self { subject: format!("name {name}"), line: format!("{:?}", source.site()) }
    }

    /// Returns the share of an attempt to sign in. The known devices of an account have a line of their own, and
    /// its sessions, so that no neighbour behind their address is before them; one line, however many they are.
    #[must_use]
    pub fn of_attempt(attempt: &LoginAttempt) -> Self {
        let alone = |subject: String| Self { line: subject.clone(), subject };
        match attempt {
            LoginAttempt::Stranger { target, source } | LoginAttempt::Turn { target, source } => match target
            {
                LoginTarget::Name(name) => Self::of_name(name, *source),
                LoginTarget::Registration => Self::of_name("", *source),
            },
            LoginAttempt::AccessToken { source } => Self::of_name("", *source),
            LoginAttempt::Device { account, .. } => alone(format!("devices of {account}")),
            LoginAttempt::Session { account, .. } => alone(format!("sessions of {account}")),
        }
    }
}

/// Hashes passwords slowly, a few at a time.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password with a fresh salt and the current parameters.
    ///
    /// # Errors
    /// See [`HashingError`].
    async fn hash(&self, password: Password, share: Share) -> Result<PasswordHash, HashingError>;

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
        share: Share,
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

/// The reason that a password was neither hashed nor judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// Too many others are waiting, or too many of this share; a retry in a moment will do.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The work failed.
    #[error("hashing the password failed")]
    Failed,
}

/// Judges the strength of a new password, offline. An estimate can cost as much as a hash, so an adapter MUST
/// make it in the same bounded queue.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait PasswordJudge: Send + Sync {
    /// Returns the weakness of a password, given words that an attacker would try first (the person's name
    /// and address, the lab's); `None` when it is strong enough.
    ///
    /// # Errors
    /// See [`HashingError`].
    async fn weakness(
        &self,
        password: Password,
        personal: Vec<String>,
        share: Share,
    ) -> Result<Option<PasswordWeakness>, HashingError>;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::DeviceId;
    use crate::people::AccountId;
    use crate::world::MockEntropy;

    #[test]
    fn f07_all_devices_of_an_account_have_one_line() {
        let account = AccountId::parse("01890000-0000-7000-8000-000000000001").unwrap();
        let share = |byte| {
            let mut entropy = MockEntropy::new();
            entropy.expect_fill().returning(move |bytes| bytes.fill(byte));
            Share::of_attempt(&LoginAttempt::Device { account, device: DeviceId::fresh(&entropy) })
        };
        assert_eq!(share(1), share(2));
    }
}
