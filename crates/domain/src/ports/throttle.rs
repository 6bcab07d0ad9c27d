use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::people::AccountId;
use crate::time::Timestamp;

/// Rate limits sign-in attempts (brute-force protection), and never locks an account for good. The rules are
/// in [`rate_limit`](crate::rate_limit); an adapter keeps the counts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait Throttle: Send + Sync {
    /// Grants an attempt, and counts it as a failure until its success or cancellation
    /// ([`rate_limit::admit`](crate::rate_limit::admit)); atomically, so that concurrent attempts cannot pass
    /// one by one. Memory MUST be bounded for any number of targets.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn admit(&self, guess: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError>;

    /// Records a right password: forgets the failures for this target from this source, cancels this attempt
    /// everywhere else ([`rate_limit::record_success`](crate::rate_limit::record_success)), and remembers the
    /// source as known for the account. Only for a granted attempt.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn record_success(&self, guess: LoginAttempt, now: Timestamp) -> Result<(), StoreError>;

    /// Cancels an attempt without a password check, everywhere
    /// ([`rate_limit::cancel`](crate::rate_limit::cancel)). Only for a granted attempt.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn cancel(&self, guess: LoginAttempt, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes expired entries, and returns their number. To be called now and then.
    ///
    /// # Errors
    /// When the store cannot answer; the rest goes next time.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// An attempt to sign in with a password, or to register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoginAttempt {
    /// The target: the account, however the person named it; or the name, if there is no account.
    pub target: LoginTarget,
    /// The source, if known: an IPv6 address stands for its /64.
    pub source: Option<Source>,
}

/// The target of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoginTarget {
    /// An account.
    Account(AccountId),
    /// A name without an account.
    UnknownName(String),
    /// A registration, which could reveal taken names.
    Registration,
}

/// The network source of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// Returns the source for an address: an IPv6 host stands for its /64, an IPv4-mapped address for the
    /// IPv4 one.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self(IpAddr::V6(network.into()))
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }

    /// Returns the address that stands for the source.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }
}

/// The decision about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The attempt may go on.
    Granted,
    /// The attempt must wait this long. It was not counted.
    RetryAfter(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c177_an_ipv6_host_is_its_network() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
