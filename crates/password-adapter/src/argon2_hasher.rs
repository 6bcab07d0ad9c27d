use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, Version};
use async_trait::async_trait;
use labgate_domain::people::{Password, PasswordHash};
use labgate_domain::ports::{HashingError, PasswordHasher, PasswordVerdict, Share};
use labgate_domain::world::Entropy;

use crate::bcrypt_hash;
use crate::work_pool::WorkPool;
use crate::working_memory::WorkingMemory;

/// Hashes passwords with Argon2id (RFC 9106), in the [`WorkPool`].
///
/// Imported bcrypt hashes are checked there, too, and are weak at any cost, so that the first sign-in
/// replaces them. Until then the duration of a check shows that the account was imported and has not been
/// used since: under 0.1 s at the usual cost of 10, about 1 s at the greatest that is checked, against a few
/// hundredths for Argon2id. Dummy work of that length for every unknown name would help an attacker to keep
/// the cores busy.
pub struct Argon2Hasher {
    entropy: Arc<dyn Entropy>,
    params: Params,
    /// The hash that is checked for an unknown name.
    dummy: Arc<str>,
    pool: WorkPool,
}

/// The most memory, passes and lanes of a stored hash that is still checked.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 4;

impl Argon2Hasher {
    /// Describes the hashes that are checked, for messages.
    pub const CHECKED_HASHES: &str =
        "bcrypt of a cost from 4 to 14, and Argon2id of at most 256 MiB, 10 passes and 4 lanes";

    /// Builds a hasher with the least parameters that OWASP advises: 19 MiB, two passes, one lane.
    #[must_use]
    pub fn new(entropy: Arc<dyn Entropy>, pool: WorkPool) -> Self {
        Self::with_params(entropy, Params::DEFAULT, pool)
    }

    fn with_params(entropy: Arc<dyn Entropy>, params: Params, pool: WorkPool) -> Self {
        // No known password has a hash of 32 zero bytes.
        let dummy = format!(
            "$argon2id$v=19$m={},t={},p={}$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            params.m_cost(),
            params.t_cost(),
            params.p_cost()
        );
        Self { entropy, params, dummy: dummy.into(), pool }
    }

    /// Returns the strength of a stored hash, if it can be checked within the limits.
    fn strength(&self, hash: &str) -> Option<Strength> {
        if bcrypt_hash::can_be_checked(hash) {
            return Some(Strength::Bcrypt);
        }
        let hash = phc::PasswordHash::new(hash).ok()?;
        if hash.algorithm.as_str() != "argon2id" || hash.salt.is_none() || hash.hash.is_none() {
            return None;
        }
        // The library would refuse this only later, without having worked.
        if hash.version.is_some_and(|version| Version::try_from(version).is_err()) {
            return None;
        }
        let params = Params::try_from(&hash).ok()?;
        let affordable = params.m_cost() <= MOST_MEMORY_KIB
            && params.t_cost() <= MOST_PASSES
            && params.p_cost() <= MOST_LANES
            && params.output_len().is_none_or(|len| (16..=64).contains(&len));
        let weaker = params.m_cost() < self.params.m_cost()
            || params.t_cost() < self.params.t_cost()
            || params.output_len().is_some_and(|len| len < Params::DEFAULT_OUTPUT_LEN);
        affordable.then_some(if weaker { Strength::Weaker } else { Strength::Todays })
    }
}

/// Works out hashes, on whatever thread it is called.
struct Argon2id(Arc<WorkingMemory>);

impl Argon2id {
    fn output(&self, params: Params, version: Version, password: &[u8], salt: &[u8]) -> Option<phc::Output> {
        let mut memory = self.0.take(params.block_count());
        let mut output = [0; phc::Output::MAX_LENGTH];
        let output = output.get_mut(..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN));
        let argon2 = Argon2::new(Algorithm::Argon2id, version, params);
        let output = output.and_then(|output| {
            argon2.hash_password_into_with_memory(password, salt, output, &mut memory).ok()?;
            phc::Output::new(output).ok()
        });
        self.0.put_back(memory);
        output
    }

    fn hash(&self, params: &Params, password: &[u8], salt: &[u8]) -> Option<String> {
        let output = self.output(params.clone(), Version::V0x13, password, salt)?;
        let hash = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: params.try_into().ok()?,
            salt: Some(phc::Salt::new(salt).ok()?),
            hash: Some(output),
        };
        Some(hash.to_string())
    }

    /// Compares the password with a PHC string, in constant time.
    fn fits(&self, password: &[u8], hash: &str) -> Option<bool> {
        let hash = phc::PasswordHash::new(hash).ok()?;
        let version = hash.version.map_or(Ok(Version::V0x13), Version::try_from).ok()?;
        let output = self.output(Params::try_from(&hash).ok()?, version, password, &hash.salt?)?;
        Some(hash.hash? == output)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    Todays,
    Weaker,
    /// Of another function, and so weaker, too.
    Bcrypt,
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: Password, share: Share) -> Result<PasswordHash, HashingError> {
        let mut salt = [0; 16];
        self.entropy.fill(&mut salt);
        let (argon2id, params) = (Argon2id(self.pool.memory()), self.params.clone());
        let hashed =
            self.pool.run(share, move || argon2id.hash(&params, password.expose().as_bytes(), &salt)).await?;
        let hashed = hashed.ok_or(HashingError::Failed)?;
        PasswordHash::parse(&hashed).map_err(|_| HashingError::Failed)
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        share: Share,
    ) -> Result<PasswordVerdict, HashingError> {
        let known = hash.and_then(|hash| self.strength(hash.expose()).map(|strength| (hash, strength)));
        let argon2id = Argon2id(self.pool.memory());
        let dummy = Arc::clone(&self.dummy);
        let work = move || {
            let (text, strength) =
                known.as_ref().map_or((&*dummy, None), |(hash, strength)| (hash.expose(), Some(*strength)));
            let password = password.expose().as_bytes();
            let fits = match strength {
                Some(Strength::Bcrypt) => bcrypt_hash::fits(password, text),
                _ => argon2id.fits(password, text).unwrap_or(false),
            };
            match strength {
                Some(Strength::Todays) if fits => PasswordVerdict::Right,
                Some(Strength::Weaker | Strength::Bcrypt) if fits => PasswordVerdict::RightButWeak,
                _ => PasswordVerdict::Wrong,
            }
        };
        self.pool.run(share, work).await
    }

    fn can_verify(&self, hash: &PasswordHash) -> bool {
        self.strength(hash.expose()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work_pool::tests::{fill, occupied, share};

    struct Counter(std::sync::atomic::AtomicU8);

    impl Entropy for Counter {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        }
    }

    fn hasher(memory: u32) -> Argon2Hasher {
        let params = Params::new(memory, 1, 1, None).unwrap();
        Argon2Hasher::with_params(Arc::new(Counter(0.into())), params, WorkPool::new())
    }

    fn somebody() -> Share {
        share("ada", "192.0.2.1")
    }

    fn password(text: &str) -> Password {
        Password::typed(text).unwrap()
    }

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::parse(text).unwrap()
    }

    #[tokio::test]
    async fn c173_hashes_are_phc_strings_of_argon2id_with_the_parameters_of_owasp() {
        let hasher = Argon2Hasher::new(Arc::new(Counter(0.into())), WorkPool::new());
        let hash = hasher.hash(password("correct horse"), somebody()).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert_eq!(
            hasher.verify(password("correct horse"), Some(hash), somebody()).await,
            Ok(PasswordVerdict::Right)
        );
    }

    #[tokio::test]
    async fn a_hash_of_the_reference_implementation_is_understood() {
        let of_others =
            hash("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4");
        let hasher = hasher(256);
        let verdict = hasher.verify(password("password"), Some(of_others.clone()), somebody()).await;
        assert!(matches!(verdict, Ok(PasswordVerdict::Right | PasswordVerdict::RightButWeak)), "{verdict:?}");
        let verdict = hasher.verify(password("Password"), Some(of_others), somebody()).await;
        assert_eq!(verdict, Ok(PasswordVerdict::Wrong));
    }

    #[tokio::test]
    async fn salts_differ_and_only_the_password_itself_fits() {
        let hasher = hasher(64);
        let one = hasher.hash(password("correct horse"), somebody()).await.unwrap();
        let other = hasher.hash(password("correct horse"), somebody()).await.unwrap();
        assert_ne!(one, other);
        assert_eq!(
            hasher.verify(password("correct horse"), Some(one.clone()), somebody()).await,
            Ok(PasswordVerdict::Right)
        );
        for wrong in ["correct horse ", "Correct horse", "correct hors"] {
            let verdict = hasher.verify(password(wrong), Some(one.clone()), somebody()).await;
            assert_eq!(verdict, Ok(PasswordVerdict::Wrong), "{wrong}");
        }
    }

    #[tokio::test]
    async fn c173_a_weaker_hash_is_right_but_weak() {
        let weak = hasher(32).hash(password("correct horse"), somebody()).await.unwrap();
        let verdict = hasher(64).verify(password("correct horse"), Some(weak), somebody()).await;
        assert_eq!(verdict, Ok(PasswordVerdict::RightButWeak));
    }

    #[tokio::test]
    async fn c173_a_hash_of_bcrypt_is_right_but_weak_and_what_replaces_it_is_argon2id() {
        let hasher = hasher(64);
        // By the crypt of the C library, as htpasswd writes it.
        let imported = hash("$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e");
        assert!(hasher.can_verify(&imported));
        let verdict = hasher.verify(password("correct horse"), Some(imported.clone()), somebody()).await;
        assert_eq!(verdict, Ok(PasswordVerdict::RightButWeak));
        let verdict = hasher.verify(password("correct horsf"), Some(imported), somebody()).await;
        assert_eq!(verdict, Ok(PasswordVerdict::Wrong));

        let replaced = hasher.hash(password("correct horse"), somebody()).await.unwrap();
        assert!(replaced.expose().starts_with("$argon2id$"), "{}", replaced.expose());
        let verdict = hasher.verify(password("correct horse"), Some(replaced), somebody()).await;
        assert_eq!(verdict, Ok(PasswordVerdict::Right));
    }

    #[tokio::test]
    async fn c174_the_described_limits_are_those_in_force() {
        let hasher = hasher(64);
        let costs = bcrypt_hash::COSTS;
        let said = format!(
            "bcrypt of a cost from {} to {}, and Argon2id of at most {} MiB, {MOST_PASSES} passes and {MOST_LANES} lanes",
            costs.start(),
            costs.end(),
            MOST_MEMORY_KIB / 1024
        );
        assert_eq!(Argon2Hasher::CHECKED_HASHES, said);

        let of_argon2id = |memory: u32, passes: u32, lanes: u32| {
            let output = "A".repeat(43);
            hash(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$AAAAAAAAAAAAAAAAAAAAAA${output}"))
        };
        assert!(hasher.can_verify(&of_argon2id(256 * 1024, 10, 4)));
        for (memory, passes, lanes) in [(256 * 1024 + 1, 10, 4), (256 * 1024, 11, 4), (256 * 1024, 10, 5)] {
            assert!(!hasher.can_verify(&of_argon2id(memory, passes, lanes)), "{memory} {passes} {lanes}");
        }
    }

    #[tokio::test]
    async fn c174_costly_or_malformed_hashes_are_wrong_and_harmless() {
        let hasher = hasher(64);
        let (salt, output) = ("AAAAAAAAAAAAAAAAAAAAAA", "A".repeat(43));
        for odd in [
            format!("$argon2id$v=19$m=4194304,t=2,p=1${salt}${output}"),
            format!("$argon2id$v=19$m=4294967295,t=4294967295,p=1${salt}${output}"),
            format!("$argon2id$v=19$m=64,t=100000,p=1${salt}${output}"),
            format!("$argon2i$v=19$m=64,t=1,p=1${salt}${output}"),
            format!("$argon2id$v=19$m=64,t=1,p=1${salt}"),
            "$argon2id$".to_owned(),
            "$".to_owned(),
            "$2y$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcdefg".to_owned(),
            "$$$$$$$$".to_owned(),
        ] {
            let verdict = hasher.verify(password("correct horse"), Some(hash(&odd)), somebody()).await;
            assert_eq!(verdict, Ok(PasswordVerdict::Wrong), "{odd}");
        }
    }

    #[tokio::test]
    async fn c174_a_hash_that_cannot_be_checked_costs_the_work_of_the_dummy() {
        let hasher = hasher(64);
        let output = "A".repeat(43);
        for odd in [
            format!("$argon2id$v=99$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA${output}"),
            format!("$argon2id$v=19$m=64,t=1,p=1$AAAAAA${output}"),
            format!("$argon2id$v=19$m=64,t=1,p=16$AAAAAAAAAAAAAAAAAAAAAA${output}"),
            "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAA".to_owned(),
        ] {
            assert!(hasher.strength(&odd).is_none(), "{odd}");
        }
    }

    #[tokio::test]
    async fn c176_without_a_hash_the_same_work_is_done_in_vain() {
        let hasher = hasher(64);
        assert!(hasher.strength(&hasher.dummy).is_some_and(|strength| strength == Strength::Todays));
        assert_eq!(
            hasher.verify(password("correct horse"), None, somebody()).await,
            Ok(PasswordVerdict::Wrong)
        );
    }

    #[tokio::test]
    async fn c175_when_the_queue_is_full_nothing_is_hashed() {
        let (pool, end, running) = occupied().await;
        let waiting = fill(&pool).await;
        let params = Params::new(64, 1, 1, None).unwrap();
        let hasher = Argon2Hasher::with_params(Arc::new(Counter(0.into())), params, pool);
        let busy = hasher.hash(password("correct horse"), somebody()).await;
        assert_eq!(busy, Err(HashingError::Busy));
        end.send(()).unwrap();
        running.await.unwrap().unwrap();
        for job in waiting {
            job.await.unwrap().unwrap();
        }
        assert!(hasher.hash(password("correct horse"), somebody()).await.is_ok());
    }

    #[tokio::test]
    async fn the_memory_is_given_back_after_the_last_hash() {
        let hasher = hasher(64);
        assert_eq!(
            hasher.verify(password("correct horse"), None, somebody()).await,
            Ok(PasswordVerdict::Wrong)
        );
        assert_eq!(hasher.pool.memory().idle().len(), 0);
    }
}
