//! Known devices: browsers that a person signed in with before. An attempt with one is rate limited by its own
//! failures alone (the "device cookies" of OWASP), so strangers cannot keep the person out.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::people::{AccountId, PasswordHash};
use crate::text::secret_text;
use crate::time::Timestamp;
use crate::world::{Entropy, random_bytes};

/// The id of a device: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceId([u8; 16]);

impl DeviceId {
    /// Returns a fresh id.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_bytes(entropy))
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceId([redacted])")
    }
}

/// A known device as its browser carries it: account, device and expiry, under an HMAC whose key is the
/// account's password hash.
///
/// That hash is a secret of the store with 128 bits of salt, so the text can be neither forged nor used to try
/// passwords. It needs no other key: it outlives restarts and key rotations, and each new password, whoever
/// sets it, voids all devices of the account. It proves nothing but that the password was known once, and
/// opens nothing.
#[derive(Clone)]
pub struct DeviceToken(String);

secret_text!(DeviceToken);

/// Bound into every code, so that it fits no other purpose.
const PURPOSE: &[u8] = b"labgate known device, version 1\n";

impl DeviceToken {
    /// The time that a device stays known after a sign-in.
    pub const LIFETIME: Duration = Duration::from_hours(365 * 24);

    /// The longest text that is looked at, in bytes; ours are shorter.
    const MAX_LEN: usize = 160;

    /// Makes a device known to the account with this password hash.
    #[must_use]
    pub fn issue(account: AccountId, hash: &PasswordHash, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let until = now.plus(Self::LIFETIME).as_unix_seconds();
        let content = format!("{account}.{}.{until}", DeviceId::fresh(entropy));
        let code =
            code(&content, hash).map(|code| BASE64_URL_SAFE_NO_PAD.encode(code.finalize().into_bytes()));
        Self(format!("{content}.{}", code.unwrap_or_default()))
    }
}

/// A device that a browser presents; nothing of it is believed yet.
pub(crate) struct PresentedDevice<'a> {
    pub(crate) account: AccountId,
    device: DeviceId,
    until: Timestamp,
    content: &'a str,
    code: Vec<u8>,
}

impl<'a> PresentedDevice<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > DeviceToken::MAX_LEN {
            return None;
        }
        let (content, code) = text.rsplit_once('.')?;
        let (account, rest) = content.split_once('.')?;
        let (device, until) = rest.split_once('.')?;
        let device: [u8; 16] = BASE64_URL_SAFE_NO_PAD.decode(device).ok()?.try_into().ok()?;
        Some(Self {
            account: AccountId::parse(account).ok()?,
            device: DeviceId(device),
            until: Timestamp::from_unix_seconds(until.parse().ok()?),
            content,
            code: BASE64_URL_SAFE_NO_PAD.decode(code).ok()?,
        })
    }

    /// Returns the device, if it is one that the account with this password hash knows.
    pub(crate) fn known(&self, account: AccountId, hash: &PasswordHash, now: Timestamp) -> Option<DeviceId> {
        let is_genuine =
            || code(self.content, hash).is_some_and(|code| code.verify_slice(&self.code).is_ok());
        (self.account == account && now < self.until && is_genuine()).then_some(self.device)
    }
}

fn code(content: &str, hash: &PasswordHash) -> Option<Hmac<Sha256>> {
    let code = Hmac::<Sha256>::new_from_slice(hash.expose().as_bytes()).ok()?;
    Some(code.chain_update(PURPOSE).chain_update(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::MockEntropy;

    const DAY: i64 = 86_400;

    fn account(number: u8) -> AccountId {
        AccountId::parse(&format!("01900000-0000-7000-8000-0000000000{number:02}")).unwrap()
    }

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::parse(text).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn issued() -> DeviceToken {
        let mut entropy = MockEntropy::new();
        entropy.expect_fill().returning(|bytes| bytes.fill(7));
        DeviceToken::issue(account(1), &hash("$argon2id$one"), at(0), &entropy)
    }

    fn is_known(text: &str, of: AccountId, with: &str, now: i64) -> bool {
        PresentedDevice::parse(text).is_some_and(|device| device.known(of, &hash(with), at(now)).is_some())
    }

    #[test]
    fn f03_a_device_is_known_to_its_account_for_a_year_and_until_the_password_changes() {
        let device = issued();
        let text = device.as_str();
        assert!(is_known(text, account(1), "$argon2id$one", 365 * DAY - 1));
        assert!(!is_known(text, account(1), "$argon2id$one", 365 * DAY), "expired");
        assert!(!is_known(text, account(2), "$argon2id$one", 1), "another account");
        assert!(!is_known(text, account(1), "$argon2id$two", 1), "a new password");
        assert_eq!(format!("{device:?}"), "DeviceToken([redacted])");
    }

    #[test]
    fn f03_a_device_changed_anywhere_or_cut_is_not_known() {
        let device = issued();
        let text = device.as_str();
        assert!(text.len() <= DeviceToken::MAX_LEN);
        for position in 0..text.len() {
            for other in ["A", "0", "9", ".", "_"] {
                let changed = format!("{}{other}{}", &text[..position], &text[position + 1..]);
                if changed != text {
                    assert!(!is_known(&changed, account(1), "$argon2id$one", 1), "{changed}");
                }
            }
            assert!(!is_known(&text[..position], account(1), "$argon2id$one", 1));
        }
        for odd in ["", "....", "a.b.c.d", &"x".repeat(10_000), &format!("{text}.{text}")] {
            assert!(!is_known(odd, account(1), "$argon2id$one", 1), "{odd}");
        }
    }
}
