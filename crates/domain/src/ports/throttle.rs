use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::people::AccountId;
use crate::time::Timestamp;

/// Rate limiting of login attempts (brute-force protection), which never shuts a person out for good. The rules are those of
/// [`rate_limit`](crate::rate_limit); an adapter keeps the counts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait Throttle: Send + Sync {
    /// Admits an attempt, and counts it as a failure unless it succeeds or is cancelled
    /// ([`rate_limit::admit`](crate::rate_limit::admit)); atomically, so that any number of tries at once are not admitted one
    /// by one. Memory MUST be bounded however many targets are tried.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn admit(&self, guess: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError>;

    /// The person knew the password: forgets the failures for this target from this source, takes this try back
    /// everywhere else ([`rate_limit::record_success`](crate::rate_limit::record_success)), and remembers the source as known for the
    /// account. Only for a try that was admitted.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn record_success(&self, guess: LoginAttempt, now: Timestamp) -> Result<(), StoreError>;

    /// The password was never looked at: takes this try back everywhere
    /// ([`rate_limit::cancel`](crate::rate_limit::cancel)). Only for a try that was admitted.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn cancel(&self, guess: LoginAttempt, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes entries without effect, and returns their number. To be called now and then.
    ///
    /// # Errors
    /// When the store cannot answer; the rest goes next time.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// An attempt to sign in with a password, or to register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoginAttempt {
    /// The target: the account, however it was named; or the name, where there is no account.
    pub target: LoginTarget,
    /// The source, if it is known: an IPv6 address stands for its /64.
    pub source: Option<Source>,
}

/// The target of a login attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoginTarget {
    /// An account.
    Account(AccountId),
    /// A name without an account.
    Nobody(String),
    /// A registration, from which an attacker could learn which names are taken.
    Registration,
}

/// The network source of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The source of a request from this address: an IPv6 host owns its /64, an IPv4-mapped address is the IPv4 one.
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

    /// The address that stands for it.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }
}

/// The answer to a login attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It may.
    Granted,
    /// Not before this span has passed. It was not counted.
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
