use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use labgate_domain::error::{ErrorCode, Reference};
use labgate_domain::ports::{Observer, RefusalKind, SignInEvent, SignInRecords, Source, StoreError};
use labgate_domain::sign_in::{Outcome, Trail, Way};

use super::sign_in_log::{TracingLog, tell_again};

/// The [`TracingLog`], with equal refusals summed up: the first of a minute is told whole, the others are
/// counted and quote its reference, and the number is told at the end of the minute. So refusals, which
/// strangers can cause at no cost, fill the log with time and not with requests.
///
/// Refusals are equal if code, provider, source, name and error text are. Of at most 16 kinds of a source that is
/// looked at, beyond that at code and source, and beyond 1,024 in all at the code alone: one source cannot blur
/// what others do. A wrong password is always told: the rate limit bounds their number, and a program that bans
/// addresses counts them. With the level `debug` on, each refusal is told.
#[derive(Default)]
pub struct SummingLog {
    log: TracingLog,
    told: Mutex<HashMap<RefusalKind, Told>>,
    /// Each refusal is told, and none only counted. Not asked of the subscriber at each refusal: the question
    /// itself makes it drop the next event.
    tells_all: bool,
}

/// The most kinds of refusals, within a minute, that are told apart by more than their codes.
const MOST_KINDS: usize = 1024;

/// The most of one source that are told apart by more than code and source.
const MOST_OF_A_SOURCE: usize = 16;

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

/// The kind that a refusal is counted under: its own, unless there are too many.
fn known_or_coarse(told: &HashMap<RefusalKind, Told>, kind: RefusalKind) -> RefusalKind {
    let (code, source) = (kind.code, kind.source);
    let coarse = |source| RefusalKind { code, provider: None, source, name: None, error: String::new() };
    if told.contains_key(&kind) {
        kind
    } else if told.len() >= MOST_KINDS {
        let of_source = coarse(source);
        if told.contains_key(&of_source) { of_source } else { coarse(Source::default()) }
    } else if told.keys().filter(|known| known.source == source).count() >= MOST_OF_A_SOURCE {
        coarse(source)
    } else {
        kind
    }
}

impl Observer for SummingLog {
    fn observe(&self, event: &SignInEvent) {
        match event {
            SignInEvent::Refused { reference, code, error, source } => {
                let (code, error) = (code.as_str(), error.clone());
                let kind = RefusalKind { code, provider: None, source: *source, name: None, error };
                self.remember(kind, reference);
            }
            SignInEvent::RequestRefused { reference, code, reason, source, .. } => {
                let error = reason.clone().unwrap_or_default();
                let kind = RefusalKind { code, provider: None, source: *source, name: None, error };
                self.remember(kind, reference);
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
                name: trail.name.clone(),
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
        let (code_text, text) = (code.as_str(), error.to_owned());
        let kind = RefusalKind { code: code_text, provider: None, source, name: None, error: text };
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
    fn f35_a_source_with_many_kinds_of_refusals_blurs_no_other() {
        let (log, code) = (SummingLog::default(), ErrorCode::CsrfFailed);
        let text = log_of("info", LogFormat::Text, || {
            for number in 0..10_000 {
                refuse(&log, code, &format!("forged {number}"), source(1), 7);
            }
            for error in ["forged", "another"] {
                refuse(&log, code, error, source(2), 8);
            }
        });
        let lines = |source: &str| text.lines().filter(|line| line.contains(source)).count();
        assert_eq!((lines("192.0.2.1\""), lines("192.0.2.2\"")), (MOST_OF_A_SOURCE + 1, 2), "{text}");
    }

    #[test]
    fn f35_many_sources_need_bounded_memory_and_lines() {
        let (log, code) = (SummingLog::default(), ErrorCode::CsrfFailed);
        let text = log_of("info", LogFormat::Text, || {
            for number in 0..10_000_u32 {
                let [.., a, b] = number.to_be_bytes();
                refuse(&log, code, &format!("forged {number}"), Source::of([10, 0, a, b].into()), 7);
            }
        });
        assert_eq!(text.lines().count(), MOST_KINDS + 1);
        assert_eq!(log.told().len(), MOST_KINDS + 1);
    }

    #[test]
    fn f35_refusals_of_two_people_behind_one_address_are_two() {
        let log = SummingLog::default();
        let kind = |name: &str| RefusalKind {
            code: ErrorCode::AccountDisabled.as_str(),
            provider: None,
            source: source(1),
            name: Some(name.to_owned()),
            error: "the account is disabled".to_owned(),
        };
        log.remember(kind("ada"), &Reference::fresh(&Bytes(1)));
        assert_eq!(log.earlier_refusal(&kind("ada")), Some(Reference::fresh(&Bytes(1))));
        assert_eq!(log.earlier_refusal(&kind("bob")), None);
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
