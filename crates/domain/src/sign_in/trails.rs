use super::provider_list::ProviderList;
use super::trail::{FoundBy, Outcome, SessionState, Step, Trail, Way};
use crate::ForeignText;
use crate::error::{Reference, Refusal, SignInError};
use crate::people::{Account, AccountId};
use crate::ports::{Observer, Person, RefusalKind, SignInEvent, SignInRecords, Source};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::SealId;
use crate::session::SessionId;
use crate::time::Timestamp;
use crate::world::{Clock, Entropy};

/// Keeps the trail of each sign-in: observers see it at once, records store it.
#[derive(Clone, Copy)]
pub struct Trails<'a> {
    /// Sees finished trails.
    pub observer: &'a dyn Observer,
    /// Stores them.
    pub records: &'a dyn SignInRecords,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Makes references.
    pub entropy: &'a dyn Entropy,
}

/// The part of a typed name without an account that a trail shows, in characters.
const SHOWN_OF_UNKNOWN_NAMES: usize = 2;

/// The trail of a sign-in that is still under way, and what a refusal of it tells.
pub(super) struct OpenTrail {
    way: Way,
    began_at: Timestamp,
    steps: Vec<Step>,
    outcome: Option<Outcome>,
    name: Option<String>,
    source: Source,
    pub(super) provider: Option<ProviderId>,
    pub(super) attempt: Option<SealId>,
    pub(super) return_to: ReturnTo,
}

impl OpenTrail {
    /// Notes the account that was found.
    pub(super) fn found(&mut self, account: &Account, by: FoundBy) {
        self.name = Some(account.username.to_string());
        self.step(Step::AccountFound { account: account.id, by });
    }

    /// Notes a typed name that no account has, by its beginning: people type passwords into the wrong field.
    pub(super) fn found_none(&mut self, typed: &str) {
        let typed = ForeignText::new(typed.trim());
        let mut beginning: String = typed.as_str().chars().take(SHOWN_OF_UNKNOWN_NAMES).collect();
        beginning.push('…');
        self.name = Some(beginning);
    }

    /// Returns the person of an account in this sign-in.
    pub(super) fn person(&self, account: &Account) -> Person {
        Person::of(account, self.source)
    }

    pub(super) fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Notes the outcome of a sign-in that succeeds, unless a later step fails.
    pub(super) fn conclude(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }

    pub(super) fn steps(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.steps.extend(steps);
    }

    /// Notes that the person has to prove that this account is theirs.
    pub(super) fn ask_for_proof(&mut self, account: AccountId) {
        self.step(Step::ProofAsked);
        self.conclude(Outcome::ProofDue { account });
    }

    fn finish(self, trails: Trails<'_>, reference: Reference, outcome: Outcome) -> Trail {
        Trail {
            reference,
            way: self.way,
            provider: self.provider,
            name: self.name,
            source: self.source,
            began_at: self.began_at,
            ended_at: trails.clock.now(),
            steps: self.steps,
            outcome,
        }
    }
}

impl Trails<'_> {
    /// Begins the trail of a sign-in from this source.
    pub(super) fn begin(self, way: Way, source: Source) -> OpenTrail {
        OpenTrail {
            way,
            began_at: self.clock.now(),
            steps: Vec::new(),
            outcome: None,
            name: None,
            source,
            provider: None,
            attempt: None,
            return_to: ReturnTo::main_page(),
        }
    }

    /// Ends the trail of a sign-in without a provider.
    pub(super) async fn end<T>(self, trail: OpenTrail, result: Result<T, SignInError>) -> Result<T, Refusal> {
        self.end_at(ProviderList(&[]), trail, result).await
    }

    /// Ends the trail of a sign-in, which becomes a refusal if it failed. A sign-in without an outcome, which
    /// has only begun, leaves no trail.
    pub(super) async fn end_at<T>(
        self,
        providers: ProviderList<'_>,
        mut trail: OpenTrail,
        result: Result<T, SignInError>,
    ) -> Result<T, Refusal> {
        let error = match result {
            Ok(value) => {
                if let Some(outcome) = trail.outcome.take() {
                    self.keep(trail.finish(self, Reference::fresh(self.entropy), outcome)).await;
                }
                return Ok(value);
            }
            Err(error) => error,
        };
        let explanation =
            trail.provider.as_ref().and_then(|provider| providers.explanation(provider, &error));
        let (code, text) = (error.code(), error.to_string());
        let kind = RefusalKind {
            code: code.as_str(),
            provider: trail.provider.clone(),
            source: trail.source,
            name: trail.name.clone(),
            error: text.clone(),
        };
        let outcome = Outcome::Refused { code, error: text, explanation };
        let (attempt, return_to) = (trail.attempt, std::mem::take(&mut trail.return_to));
        let earlier = self.observer.earlier_refusal(&kind);
        let is_told = earlier.is_some();
        let reference = earlier.unwrap_or_else(|| Reference::fresh(self.entropy));
        let finished = trail.finish(self, reference.clone(), outcome);
        let provider = finished.provider.clone();
        if is_told {
            self.store(finished).await;
        } else {
            self.keep(finished).await;
        }
        Err(Refusal { reference, error, attempt, provider, explanation, return_to })
    }

    /// Ends the trail of a check that a token's session did not pass. Observers alone see it: to present the
    /// same token again and again must not fill the records.
    pub(super) fn end_check(self, step: Option<Step>, outcome: Outcome) {
        let mut trail = self.begin(Way::Check, Source::default());
        trail.steps.extend(step);
        self.observer.finished(&trail.finish(self, Reference::fresh(self.entropy), outcome));
    }

    /// Ends the trail of a check that renewed the token.
    pub(super) async fn renewed(self, account: AccountId, session: SessionId) {
        let mut trail = self.begin(Way::Check, Source::default());
        trail.step(Step::SessionFound(SessionState::Live));
        let outcome = Outcome::Renewed { account, session };
        self.keep(trail.finish(self, Reference::fresh(self.entropy), outcome)).await;
    }

    /// Shows and stores a trail. A store that fails does not fail the sign-in.
    async fn keep(self, trail: Trail) {
        self.observer.finished(&trail);
        self.store(trail).await;
    }

    async fn store(self, trail: Trail) {
        if let Err(error) = self.records.store(&trail).await {
            self.observer
                .observe(&SignInEvent::RecordLost { reference: trail.reference, error: error.to_string() });
        }
    }
}
