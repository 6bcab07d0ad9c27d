//! Keeps what a provider publishes, and asks for it again at the right times.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use labgate_domain::ports::ProviderError;
use labgate_domain::provider::ProviderHealth;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;

use crate::jwt::TokenKind;

/// One document of a provider: fetched at first need, again after [`TTL`], and kept while the provider is
/// down.
///
/// Any number of calls at once make one fetch; the others wait for it. A failed fetch is repeated after 5
/// seconds at the earliest, then after twice as long each time, up to a minute; until then callers get what
/// is kept, or the failure, at once. A clock that steps back makes a fetch due, never impossible.
pub(crate) struct Cache<T> {
    clock: Arc<dyn Clock>,
    usable_for: Option<Duration>,
    state: Mutex<State<T>>,
    flight: tokio::sync::Mutex<()>,
}

/// After this time a document is fetched again.
pub(crate) const TTL: Duration = Duration::from_hours(1);

/// The fetches for something missing that tokens of one kind can cause at once: a provider may change its
/// keys a few times in a row. Each kind has fetches of its own, so that an attacker with made-up logout
/// tokens does not use up those that a sign-in needs after the provider changed its keys.
const REFETCHES: u32 = 3;

/// The time after which there is one such fetch more.
const REFETCH_INTERVAL: Duration = Duration::from_mins(1);

const FIRST_RETRY: Duration = Duration::from_secs(5);
const SLOWEST_RETRY: Duration = Duration::from_mins(1);

struct State<T> {
    held: Option<Held<T>>,
    failure: Option<Failure>,
    /// The fetches for something missing, by the kind of token that causes them.
    refetches: HashMap<TokenKind, Allowance>,
}

struct Held<T> {
    document: Arc<T>,
    fetched_at: Timestamp,
    /// It was of no use, and is to be fetched again before it is used.
    is_doubtful: bool,
}

/// A newer document than one in which something was missing.
pub(crate) enum Newer<T> {
    /// There is one.
    Document(Arc<T>),
    /// There were too many fetches; the next one can be made after this time.
    In(Duration),
}

/// The fetches that are left: at most [`REFETCHES`], one more in each [`REFETCH_INTERVAL`].
struct Allowance {
    left: u32,
    counted_at: Timestamp,
}

impl Allowance {
    /// Takes one fetch; otherwise the time until there is one.
    fn take(&mut self, now: Timestamp) -> Result<(), Duration> {
        if now < self.counted_at {
            // The clock stepped back.
            *self = Self { left: REFETCHES, counted_at: now };
        }
        let passed = now.since(self.counted_at);
        let gained = u32::try_from(passed.as_secs() / REFETCH_INTERVAL.as_secs()).unwrap_or(u32::MAX);
        if gained > 0 {
            self.left = self.left.saturating_add(gained).min(REFETCHES);
            self.counted_at = self.counted_at.plus(REFETCH_INTERVAL.saturating_mul(gained));
        }
        if self.left == 0 {
            return Err(REFETCH_INTERVAL.saturating_sub(now.since(self.counted_at)));
        }
        if self.left == REFETCHES {
            self.counted_at = now;
        }
        self.left -= 1;
        Ok(())
    }
}

struct Failure {
    error: ProviderError,
    since: Timestamp,
    at: Timestamp,
    retry_after: Duration,
}

impl<T> Cache<T> {
    /// An empty cache. A document that could not be fetched again is used for `usable_for`; without end when
    /// that is `None`.
    pub(crate) fn new(clock: Arc<dyn Clock>, usable_for: Option<Duration>) -> Self {
        let state = State { held: None, failure: None, refetches: HashMap::new() };
        Self { clock, usable_for, state: Mutex::new(state), flight: tokio::sync::Mutex::new(()) }
    }

    /// The document, by `fetch` if it is time. A fetch that fails is an error only when nothing usable is
    /// kept.
    pub(crate) async fn get(
        &self,
        fetch: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<Arc<T>, ProviderError> {
        if let Some(answer) = self.without_fetch() {
            return answer;
        }
        let _one_at_a_time = self.flight.lock().await;
        if let Some(answer) = self.without_fetch() {
            return answer;
        }
        let fetched = self.record(fetch.await);
        fetched.or_else(|error| self.lock().usable(self.usable_for, self.clock.now()).ok_or(error))
    }

    /// A newer document than `seen`, in which something was missing for a token of this kind.
    pub(crate) async fn newer_than(
        &self,
        seen: &Arc<T>,
        kind: TokenKind,
        fetch: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<Newer<T>, ProviderError> {
        let _one_at_a_time = self.flight.lock().await;
        let now = self.clock.now();
        {
            let mut state = self.lock();
            if let Some(held) = &state.held
                && !Arc::ptr_eq(&held.document, seen)
            {
                return Ok(Newer::Document(Arc::clone(&held.document)));
            }
            let failure = state.failure.as_ref();
            if let Some(failure) = failure.filter(|failure| !is_over(failure.at, failure.retry_after, now)) {
                return Err(failure.error.clone());
            }
            if let Err(wait) = state.allowance(kind, now).take(now) {
                return Ok(Newer::In(wait));
            }
        }
        self.record(fetch.await).map(Newer::Document)
    }

    /// Notes that a document was of no use for a token of this kind: it is fetched again before the next use,
    /// as far as such fetches are left.
    pub(crate) fn doubt(&self, seen: &Arc<T>, kind: TokenKind) {
        let now = self.clock.now();
        let mut state = self.lock();
        let is_current = |held: &Held<T>| Arc::ptr_eq(&held.document, seen) && !held.is_doubtful;
        if state.held.as_ref().is_some_and(is_current)
            && state.allowance(kind, now).take(now).is_ok()
            && let Some(held) = &mut state.held
        {
            held.is_doubtful = true;
        }
    }

    /// The document that was fetched last, however old.
    pub(crate) fn last(&self) -> Option<Arc<T>> {
        self.lock().held.as_ref().map(|held| Arc::clone(&held.document))
    }

    /// The outcome of the last fetch.
    pub(crate) fn health(&self) -> ProviderHealth {
        let state = self.lock();
        match (&state.failure, &state.held) {
            (Some(failure), _) => ProviderHealth::Unavailable { since: failure.since },
            (None, Some(_)) => ProviderHealth::Ready,
            (None, None) => ProviderHealth::Unknown,
        }
    }

    /// The answer, unless a fetch is due.
    fn without_fetch(&self) -> Option<Result<Arc<T>, ProviderError>> {
        let now = self.clock.now();
        let state = self.lock();
        match &state.failure {
            None => {
                let held = state.held.as_ref()?;
                let is_due = held.is_doubtful || is_over(held.fetched_at, TTL, now);
                if is_due {
                    return None;
                }
                Some(Ok(Arc::clone(&held.document)))
            }
            Some(failure) if is_over(failure.at, failure.retry_after, now) => None,
            Some(failure) => Some(state.usable(self.usable_for, now).ok_or_else(|| failure.error.clone())),
        }
    }

    fn record(&self, fetched: Result<T, ProviderError>) -> Result<Arc<T>, ProviderError> {
        let now = self.clock.now();
        let mut state = self.lock();
        match fetched {
            Ok(document) => {
                let document = Arc::new(document);
                state.held =
                    Some(Held { document: Arc::clone(&document), fetched_at: now, is_doubtful: false });
                if state.failure.take().is_some() {
                    tracing::info!("the provider answers again");
                }
                Ok(document)
            }
            Err(error) => {
                let (since, retry_after) = match &state.failure {
                    None => (now, FIRST_RETRY),
                    Some(before) => (before.since, SLOWEST_RETRY.min(before.retry_after * 2)),
                };
                if state.held.is_some() {
                    tracing::warn!(%error, "keeping what the provider published before");
                } else {
                    tracing::warn!(%error, "the provider cannot be used");
                }
                state.failure = Some(Failure { error: error.clone(), since, at: now, retry_after });
                Err(error)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn allowance(&mut self, kind: TokenKind, now: Timestamp) -> &mut Allowance {
        self.refetches.entry(kind).or_insert(Allowance { left: REFETCHES, counted_at: now })
    }

    fn usable(&self, usable_for: Option<Duration>, now: Timestamp) -> Option<Arc<T>> {
        let held = self.held.as_ref()?;
        let usable = usable_for.is_none_or(|span| !is_over(held.fetched_at, span, now));
        usable.then(|| Arc::clone(&held.document))
    }
}

/// Returns whether `span` has passed since `from`; a `from` that lies ahead, because the clock stepped back,
/// counts as passed.
fn is_over(from: Timestamp, span: Duration, now: Timestamp) -> bool {
    now < from || now.since(from) >= span
}
