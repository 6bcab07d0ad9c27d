//! A filled store, and what is done to it.

use std::time::{Duration, Instant};

use labgate_domain::people::{Account, Username};
use labgate_domain::ports::{
    AccountStore, AdministrationStore, CredentialStore, IdentityStore, SessionStore,
};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;
use labgate_store::{Location, Store};

use crate::Result;
use crate::filling::{self, Key};
use crate::operation::Operation;

/// As many accounts as the page for administrators shows.
const PAGE: u32 = 50;

/// A store with many accounts.
pub(crate) struct Lab {
    store: Store,
    issuer: Issuer,
    size: u32,
    random: Random,
    now: i64,
}

impl Lab {
    /// Makes a database with the schema of today and this many accounts, and opens it.
    pub(crate) async fn open(location: &Location, size: u32) -> Result<Self> {
        Store::open(location).await?.close().await;
        filling::fill(location, size).await?;
        let store = Store::open(location).await?;
        Ok(Self {
            store,
            issuer: Issuer::parse(filling::ISSUER)?,
            size,
            random: Random(u64::from(size)),
            now: filling::NOW,
        })
    }

    pub(crate) async fn close(self) {
        self.store.close().await;
    }

    /// Returns the average time of the operation over one round.
    pub(crate) async fn measure(&mut self, operation: Operation) -> Result<Duration> {
        let times = operation.times_in_a_round();
        let keys: Vec<_> = (0..times).map(|_| Key::of(self.random.below(self.size))).collect();
        let since = Instant::now();
        for key in &keys {
            match operation {
                Operation::SignInByName => self.sign_in_by_name(key).await?,
                Operation::FindByIdentity => self.find_by_identity(key).await?,
                Operation::RenewSession => self.renew_session(key).await?,
                Operation::Search => self.search(key).await?,
            }
        }
        Ok(since.elapsed() / times)
    }

    async fn sign_in_by_name(&self, key: &Key) -> Result<()> {
        let found = self.store.find_by_name(&Username::typed(&key.username())?).await?;
        let account = expected(found, key)?;
        self.store.credential(account.id).await?.ok_or("a credential is missing")?;
        Ok(())
    }

    async fn find_by_identity(&self, key: &Key) -> Result<()> {
        let found = self.store.find_by_identity(&self.issuer, &Subject::parse(&key.subject())?).await?;
        expected(found, key)?;
        Ok(())
    }

    async fn renew_session(&mut self, key: &Key) -> Result<()> {
        let id = SessionId::parse(&key.session())?;
        SessionStore::find(&self.store, id).await?.ok_or("a session is missing")?;
        // Always later, so that it is always written.
        self.now += 1;
        self.store.touch(id, Timestamp::from_unix_seconds(self.now)).await?;
        Ok(())
    }

    async fn search(&self, key: &Key) -> Result<()> {
        let page = self.store.list(Some(&key.username()), None, PAGE).await?;
        expected(page.accounts.into_iter().next(), key)?;
        Ok(())
    }
}

/// The account that was looked for; finding nothing would be quick.
fn expected(found: Option<Account>, key: &Key) -> Result<Account> {
    let is_it = |account: &Account| account.username.as_str() == key.username();
    found.filter(is_it).ok_or_else(|| format!("{} was not found", key.username()).into())
}

/// `SplitMix64`: evenly distributed, and the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        u32::try_from(mixed % u64::from(limit)).unwrap_or_default()
    }
}
