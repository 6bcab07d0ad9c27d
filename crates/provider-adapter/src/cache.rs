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

/// Between two fetches for something missing that tokens of one kind cause, at least. Each kind has a fetch
/// of its own, so that an attacker with made-up logout tokens does not use up the one that a sign-in needs
/// after the provider changed its keys.
const REFETCH_FLOOR: Duration = Duration::from_mins(1);

const FIRST_RETRY: Duration = Duration::from_secs(5);
const SLOWEST_RETRY: Duration = Duration::from_mins(1);

struct State<T> {
    held: Option<Held<T>>,
    failure: Option<Failure>,
    /// The last fetches for something missing, by the kind of token that caused them.
    refetched: HashMap<TokenKind, Timestamp>,
}

struct Held<T> {
    document: Arc<T>,
    fetched_at: Timestamp,
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
        let state = State { held: None, failure: None, refetched: HashMap::new() };
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

    /// A newer document than `seen`, in which something was missing. `None` when there is none: a token of
    /// this kind caused a fetch within the last minute.
    pub(crate) async fn newer_than(
        &self,
        seen: &Arc<T>,
        kind: TokenKind,
        fetch: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<Option<Arc<T>>, ProviderError> {
        let _one_at_a_time = self.flight.lock().await;
        let now = self.clock.now();
        {
            let mut state = self.lock();
            if let Some(held) = &state.held
                && !Arc::ptr_eq(&held.document, seen)
            {
                return Ok(Some(Arc::clone(&held.document)));
            }
            if state.refetched.get(&kind).is_some_and(|at| !is_over(*at, REFETCH_FLOOR, now)) {
                return state.failure.as_ref().map_or(Ok(None), |failure| Err(failure.error.clone()));
            }
            state.refetched.insert(kind, now);
        }
        self.record(fetch.await).map(Some)
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
                let held = state.held.as_ref().filter(|held| !is_over(held.fetched_at, TTL, now))?;
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
                state.held = Some(Held { document: Arc::clone(&document), fetched_at: now });
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
