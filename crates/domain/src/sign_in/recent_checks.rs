//! The memory that makes the forward-auth check cost next to nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::live_services::LiveServices;
use super::presented::Presented;
use crate::access_token::TokenScope;
use crate::ports::{Changed, FeedPosition, Observer, SessionChanges, SessionStore, SignInEvent, StoreError};
use crate::session::{SessionId, SessionPerson, SessionToken};
use crate::time::Timestamp;

/// Tokens that were checked, and what has changed since.
///
/// A hit costs one hash of the token and a few look-ups: no signature, no database. What ends a session
/// somewhere else, on another replica or from the command line, stands in the store's feed of changes. The
/// first check of each second asks the feed, the others of that second wait for the answer: so a change is
/// effective everywhere within a second, for one query a second whatever the number of sessions.
///
/// While the store does not answer, a checked token stays good for [`Policy::database_grace`], counted from
/// the last answer.
///
/// [`Policy::database_grace`]: super::Policy::database_grace
pub struct RecentChecks {
    checked: Cache<TokenDigest, Checked>,
    ended: RwLock<HashMap<SessionId, Timestamp>>,
    feed: RwLock<Feed>,
    /// The seconds in which the feed was asked. Of many that ask for the same second one does it, and the
    /// others wait.
    asked: Cache<Timestamp, ()>,
}

/// A token that was found good.
#[derive(Clone)]
pub(super) struct Checked {
    /// The person, by the token's claims, or by those of the token that renews it.
    pub(super) person: Arc<SessionPerson>,
    /// The token that renews it, when it has expired itself. The next request gets the same one.
    pub(super) renewed: Option<SessionToken>,
    /// What it opens, if it is an access token.
    pub(super) scope: Option<Arc<TokenScope>>,
    /// The time at which the store was asked.
    pub(super) at: Timestamp,
    /// The time at which it must be asked again, whatever the feed says: a token expires.
    pub(super) until: Timestamp,
    /// The limit of the session itself.
    pub(super) session_until: Timestamp,
    /// The turn of the feed before the store was asked. What the feed says later, this check may not know.
    pub(super) turn: u64,
}

/// What this replica knows of the feed of changes.
#[derive(Default)]
struct Feed {
    position: Option<FeedPosition>,
    /// The number of answers.
    turn: u64,
    /// The time of the last question that was answered.
    known_at: Option<Timestamp>,
    is_lost: bool,
    /// The turn in which each change was told.
    changed: HashMap<Changed, u64>,
    /// Checks of an earlier turn hold no longer, whatever they are about.
    first_turn: u64,
}

impl Default for RecentChecks {
    fn default() -> Self {
        Self {
            checked: Cache::new(Self::CAPACITY),
            ended: RwLock::default(),
            feed: RwLock::default(),
            asked: Cache::new(Self::SECONDS),
        }
    }
}

impl RecentChecks {
    /// The number of tokens that are remembered, some 90 MB; the least useful are forgotten first.
    const CAPACITY: usize = 150_000;
    const SECONDS: usize = 16;
    /// The time for which this replica remembers that a session has ended: longer than any grace, and than
    /// any check that began before.
    const ENDED_FOR: Duration = Duration::from_mins(61);
    /// A request that read the clock before a second began may be overtaken by one that read it after.
    const OVERTAKEN: Duration = Duration::from_secs(1);

    pub(super) fn find(&self, digest: TokenDigest) -> Option<Checked> {
        self.checked.get(&digest)
    }

    pub(super) fn remember(&self, digest: TokenDigest, checked: Checked) {
        self.checked.insert(digest, checked);
    }

    /// Brings the memory up to date, that of the services too: asks the feed, unless it was asked in this second.
    pub(super) async fn catch_up(
        &self,
        sessions: &dyn SessionStore,
        services: LiveServices<'_>,
        observer: &dyn Observer,
        now: Timestamp,
    ) {
        match self.feed().known_at {
            Some(known_at) if is_about(known_at, now) => return,
            // The clock was set back: the seconds that were asked about come once more.
            Some(known_at) if known_at > now => self.asked.clear(),
            _ => {}
        }
        let ask = async {
            let position = self.feed().position.clone();
            let answer = match sessions.changes_since(position.as_ref()).await {
                Ok(SessionChanges { position, changed, services: revision }) => {
                    // At once: what ends a session waits for no other read, and is not lost with it.
                    self.feed_mut().learn(changed);
                    // Before the second counts as asked: nobody who need not ask any more judges by the services
                    // before.
                    let followed = services.follow(&revision, now, observer).await;
                    self.feed_mut().reach(position, now);
                    followed
                }
                Err(error) => Err(error),
            };
            let event = self.feed_mut().answered(answer);
            if let Some(event) = event {
                observer.observe(&event);
            }
            Ok::<_, Infallible>(())
        };
        let Ok(()) = self.asked.get_or_insert_async(&now, ask).await;
    }

    /// Returns the turn of the feed. A look at the store that begins now sees all that was told until then.
    pub(super) fn turn(&self) -> u64 {
        self.feed().turn
    }

    /// Returns whether the check still holds. For `grace` it may be older than what the feed knows.
    pub(super) fn vouches(&self, checked: &Checked, now: Timestamp, grace: Duration) -> bool {
        let feed = self.feed();
        let until = match feed.known_at {
            Some(known_at) if is_about(known_at, now) => checked.until,
            Some(known_at) if known_at < now && now <= known_at.plus(grace) => checked.session_until,
            _ => return false,
        };
        let person = &checked.person;
        checked.at <= now
            && now < until
            && !feed.has_changed(Changed::Session(person.session), checked.turn)
            && !feed.has_changed(Changed::Account(person.account), checked.turn)
            && !self.has_ended(person.session)
    }

    /// From now on no token of this session or account is answered from memory before it was checked again.
    pub(super) fn forget(&self, changed: Changed) {
        let mut feed = self.feed_mut();
        feed.turn += 1;
        let turn = feed.turn;
        feed.changed.insert(changed, turn);
    }

    /// From now on no token is answered from memory before it was checked again.
    pub(super) fn forget_all(&self) {
        self.feed_mut().forget_all();
    }

    /// From now on no token of these sessions is answered from memory.
    pub(super) fn mark_ended(&self, sessions: impl IntoIterator<Item = SessionId>, now: Timestamp) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now);
        ended.extend(sessions.into_iter().map(|session| (session, now.plus(Self::ENDED_FOR))));
    }

    pub(super) fn has_ended(&self, session: SessionId) -> bool {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    // A poisoned lock is passed over: no code that holds one can panic half-way.
    fn feed(&self) -> RwLockReadGuard<'_, Feed> {
        self.feed.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed_mut(&self) -> RwLockWriteGuard<'_, Feed> {
        self.feed.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    /// The number of changes that are remembered, some 3 MB. Beyond it every token is checked again.
    const CAPACITY: usize = 50_000;

    /// Learns what has changed; `None` is more than can be told.
    fn learn(&mut self, changed: Option<Vec<Changed>>) {
        self.turn += 1;
        match changed {
            Some(changed) => self.changed.extend(changed.into_iter().map(|changed| (changed, self.turn))),
            None => self.forget_all(),
        }
        if self.changed.len() > Self::CAPACITY {
            self.forget_all();
        }
    }

    /// Notes how far the feed is known by the answer to a question of that time.
    fn reach(&mut self, position: FeedPosition, asked_at: Timestamp) {
        // An answer that comes late may tell something once more; it does not turn the time back.
        if self.known_at != Some(asked_at.plus(RecentChecks::OVERTAKEN)) {
            self.position = Some(position);
            self.known_at = Some(asked_at);
        }
    }

    /// Returns what the operator should know of the answers, of the sessions and of the services.
    fn answered(&mut self, answer: Result<(), StoreError>) -> Option<SignInEvent> {
        let was_lost = std::mem::replace(&mut self.is_lost, answer.is_err());
        match answer {
            Ok(()) => was_lost.then_some(SignInEvent::ChangesKnown),
            Err(error) => (!was_lost).then(|| SignInEvent::ChangesLost { error: error.to_string() }),
        }
    }

    fn has_changed(&self, what: Changed, since: u64) -> bool {
        since < self.first_turn || self.changed.get(&what).is_some_and(|told_in| *told_in > since)
    }

    fn forget_all(&mut self) {
        self.turn += 1;
        self.first_turn = self.turn;
        self.changed.clear();
    }
}

/// Returns whether the feed was asked in this second, or in the next one by a request that overtook this.
fn is_about(known_at: Timestamp, now: Timestamp) -> bool {
    known_at == now || known_at == now.plus(RecentChecks::OVERTAKEN)
}

/// What a token is remembered by: half of its SHA-256, with the origin of a pass, and with a word before an access
/// token. No other text with the digest of a given token can be found; two tokens of one person with the same
/// digest would answer for each other, and gain nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 16]);

impl TokenDigest {
    /// Returns the digest of an access token, which no other kind of token has.
    pub(super) fn of_access_token(text: &str) -> Self {
        Self::of(&["access token\n", text])
    }

    /// No token, and no origin, has a line break.
    fn of(texts: &[&str]) -> Self {
        let hash = texts.iter().fold(Sha256::new(), Sha256::chain_update).finalize();
        let [digest, _] = *hash.as_chunks().0 else { return Self([0; 16]) };
        Self(digest)
    }
}

impl From<Presented<'_>> for TokenDigest {
    fn from(presented: Presented<'_>) -> Self {
        match presented {
            Presented::Session(token) => Self::of(&[token]),
            Presented::Pass { origin, token } => Self::of(&[origin, "\n", token]),
        }
    }
}
