//! The memory that makes the forward-auth check cost next to nothing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::session::{SessionClaims, SessionId, SessionToken};
use crate::time::Timestamp;

/// Tokens that were checked a moment ago, and sessions that ended a moment ago.
///
/// A hit costs one hash of the token and two look-ups: no signature, no database. It is answered only within the second of
/// the check it repeats, so whatever ends a session, on whatever replica or from the command line, ends it everywhere within
/// a second, and a token that is asked about all the time costs the store one look a second.
pub struct RecentChecks {
    checked: Cache<Box<str>, Checked>,
    ended: RwLock<HashMap<SessionId, Timestamp>>,
}

/// A token that was found good.
#[derive(Clone)]
pub(super) struct Checked {
    /// The facts about the person: the token's claims, or those of the token that renews it.
    pub(super) claims: Arc<SessionClaims>,
    /// The token that renews it, when it has expired itself. The next request gets the same one.
    pub(super) renewed: Option<SessionToken>,
    /// The time at which the store was asked.
    pub(super) at: Timestamp,
}

impl Default for RecentChecks {
    fn default() -> Self {
        Self { checked: Cache::new(Self::CAPACITY), ended: RwLock::default() }
    }
}

impl RecentChecks {
    /// The number of tokens that are remembered; the least useful are forgotten first.
    const CAPACITY: usize = 10_000;
    /// The time for which this replica remembers that a session has ended: longer than any check that began before.
    const ENDED_FOR: Duration = Duration::from_mins(1);

    pub(super) fn find(&self, token: &str, now: Timestamp) -> Option<Checked> {
        let checked = self.checked.get(token)?;
        (checked.at == now && !self.has_ended(checked.claims.sid)).then_some(checked)
    }

    pub(super) fn remember(&self, token: &str, checked: Checked) {
        self.checked.insert(token.into(), checked);
    }

    /// From now on no token of these sessions is answered from memory.
    pub(super) fn mark_ended(&self, sessions: impl IntoIterator<Item = SessionId>, now: Timestamp) {
        // A poisoned map is still a map: no code that holds the lock can panic half-way.
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now);
        ended.extend(sessions.into_iter().map(|session| (session, now.plus(Self::ENDED_FOR))));
    }

    pub(super) fn has_ended(&self, session: SessionId) -> bool {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }
}
