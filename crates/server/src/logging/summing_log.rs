use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use labgate_domain::error::{ErrorCode, Reference};
use labgate_domain::ports::{Observer, RefusalKind, SignInEvent, SignInRecords, Source, StoreError};
use labgate_domain::sign_in::{Outcome, Trail, Way};

use super::sign_in_log::{TracingLog, tell_again};

/// The [`TracingLog`], with equal refusals summed up: the first of a minute is told whole, the others are
/// counted and quote its reference, and the number is told at the end of the minute. So what strangers can
/// cause at no cost grows with time and not with their requests.
///
/// Refusals are equal if code, provider, source and error text are. Of at most [`MOST_KINDS`] kinds that is
/// looked at; beyond that, at the code alone. A wrong password is always told: the rate limit bounds their
/// number, and a program that bans addresses counts them. With the level `debug` on, each refusal is told.
#[derive(Default)]
pub struct SummingLog {
    log: TracingLog,
    told: Mutex<HashMap<RefusalKind, Told>>,
    /// Each refusal is told, and none only counted. Not asked of the subscriber at each refusal: the question
    /// itself makes it drop the next event.
    tells_all: bool,
}

/// The most kinds of refusals, within a minute, that are told apart by more than their codes.
const MOST_KINDS: usize = 256;

struct Told {
    reference: Reference,
    further: u64,
}

impl SummingLog {
    /// Returns a log over this one, which tells each refusal or sums equal ones up.
    #[must_use]
    pub fn over(log: TracingLog, tells_all: bool) -> Self {
        Self { log, told: Mutex::default(), tells_all }
    }

    /// Tells how often each kind of refusal was met again, and begins to count anew. To be called every
    /// minute.
    pub fn tell_sums(&self) {
        let told = std::mem::take(&mut *self.told());
        for (kind, Told { reference, further }) in told {
            if further > 0 {
                tell_again(reference.as_str(), &kind, further, &self.log);
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, HashMap<RefusalKind, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a refusal with an equal one, and returns its reference, if there is one.
    fn count(&self, kind: RefusalKind) -> Option<Reference> {
        let mut told = self.told();
        let kind = known_or_coarse(&told, kind);
        told.get_mut(&kind).map(|told| {
            told.further += 1;
            told.reference.clone()
        })
    }

    fn remember(&self, kind: RefusalKind, reference: &Reference) {
        let mut told = self.told();
        let kind = known_or_coarse(&told, kind);
        told.entry(kind).or_insert_with(|| Told { reference: reference.clone(), further: 0 });
    }
}

fn known_or_coarse(told: &HashMap<RefusalKind, Told>, kind: RefusalKind) -> RefusalKind {
    if told.len() < MOST_KINDS || told.contains_key(&kind) {
        kind
    } else {
        RefusalKind { code: kind.code, provider: None, source: Source::default(), error: String::new() }
    }
}

impl Observer for SummingLog {
    fn observe(&self, event: &SignInEvent) {
        match event {
            SignInEvent::Refused { reference, code, error, source } => {
                let (code, error) = (code.as_str(), error.clone());
                self.remember(RefusalKind { code, provider: None, source: *source, error }, reference);
            }
            SignInEvent::RequestRefused { reference, code, reason, .. } => {
                let (source, error) = (Source::default(), reason.clone().unwrap_or_default());
                self.remember(RefusalKind { code, provider: None, source, error }, reference);
            }
            _ => {}
        }
        self.log.observe(event);
    }

    fn finished(&self, trail: &Trail) {
        if let Outcome::Refused { code, error, .. } = &trail.outcome {
            let error = if trail.way == Way::Check { format!("check: {error}") } else { error.clone() };
            let kind = RefusalKind {
                code: code.as_str(),
                provider: trail.provider.clone(),
                source: trail.source,
                error,
            };
            // Each request of the lab asks for a check, and the failure of the store is the same for all.
            if trail.way == Way::Check && !self.tells_all && self.count(kind.clone()).is_some() {
                return;
            }
            self.remember(kind, &trail.reference);
        }
        self.log.finished(trail);
    }

    fn earlier_refusal(&self, kind: &RefusalKind) -> Option<Reference> {
        let is_told = kind.code == ErrorCode::CredentialsWrong.as_str() || self.tells_all;
        if is_told { None } else { self.count(kind.clone()) }
    }
}

#[async_trait]
impl SignInRecords for SummingLog {
    async fn store(&self, trail: &Trail) -> Result<(), StoreError> {
        self.log.store(trail).await
    }
}

#[cfg(test)]
mod tests {
    use labgate_domain::world::Entropy;

    use super::*;
    use crate::logging::LogFormat;
    use crate::logging::testing::log_of;

    struct Bytes(u8);

    impl Entropy for Bytes {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    /// Refuses as the domain does, and returns the reference that the person gets.
    fn refuse(log: &SummingLog, code: ErrorCode, error: &str, source: Source, number: u8) -> Reference {
        let kind = RefusalKind { code: code.as_str(), provider: None, source, error: error.to_owned() };
        log.earlier_refusal(&kind).unwrap_or_else(|| {
            let (reference, error) = (Reference::fresh(&Bytes(number)), error.to_owned());
            log.observe(&SignInEvent::Refused { reference: reference.clone(), code, error, source });
            reference
        })
    }

    fn source(last: u8) -> Source {
        Source::of([192, 0, 2, last].into())
    }

    #[test]
    fn f35_equal_refusals_are_told_once_and_each_reference_is_found() {
        let (log, code) = (SummingLog::default(), ErrorCode::CsrfFailed);
        let mut references = Vec::new();
        let text = log_of("info", LogFormat::Text, || {
            references.extend((0..100).map(|number| refuse(&log, code, "forged", source(1), number)));
            references.push(refuse(&log, code, "another", source(1), 200));
            references.push(refuse(&log, code, "forged", source(2), 201));
            log.tell_sums();
            references.push(refuse(&log, code, "forged", source(1), 202));
            log.tell_sums();
        });
        assert_eq!(text.matches("event=\"refused\"").count(), 4, "{text}");
        let sums: Vec<_> = text.lines().filter(|line| line.contains("event=\"refused_again\"")).collect();
        assert_eq!(sums.len(), 1, "{text}");
        let of_one = ["count=99", "csrf_failed", "source=\"192.0.2.1\""];
        assert!(of_one.iter().all(|part| sums[0].contains(part)), "{text}");
        for reference in references {
            assert!(text.contains(&format!("reference=\"{}\"", reference.as_str())), "{reference}: {text}");
        }
    }

    #[test]
    fn f35_many_kinds_of_refusals_need_bounded_memory_and_lines() {
        let log = SummingLog::default();
        let text = log_of("info", LogFormat::Text, || {
            for number in 0..10_000 {
                refuse(&log, ErrorCode::CsrfFailed, &format!("forged {number}"), source(1), 7);
            }
        });
        assert_eq!(text.lines().count(), MOST_KINDS + 1);
        assert_eq!(log.told().len(), MOST_KINDS + 1);
    }

    #[test]
    fn f35_a_wrong_password_is_always_told_and_at_debug_each_refusal() {
        for (levels, code) in [("info", ErrorCode::CredentialsWrong), ("debug", ErrorCode::CsrfFailed)] {
            let log = SummingLog::over(TracingLog::default(), levels == "debug");
            let text = log_of(levels, LogFormat::Text, || {
                assert_ne!(refuse(&log, code, "x", source(1), 1), refuse(&log, code, "x", source(1), 2));
            });
            assert_eq!(text.matches("event=\"refused\"").count(), 2, "{text}");
        }
    }
}
