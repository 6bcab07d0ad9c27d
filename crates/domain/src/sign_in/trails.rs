use super::provider_list::ProviderList;
use super::trail::{Outcome, SessionState, Step, Trail, Way};
use crate::error::{Reference, Refusal, SignInError};
use crate::people::AccountId;
use crate::ports::{Observer, SignInEvent, SignInRecords};
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

/// The trail of a sign-in that is still under way, and what a refusal of it tells.
pub(super) struct OpenTrail {
    way: Way,
    began_at: Timestamp,
    steps: Vec<Step>,
    outcome: Option<Outcome>,
    pub(super) provider: Option<ProviderId>,
    pub(super) attempt: Option<SealId>,
    pub(super) return_to: ReturnTo,
}

impl OpenTrail {
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

    fn finish(self, trails: Trails<'_>, outcome: Outcome) -> Trail {
        Trail {
            reference: Reference::fresh(trails.entropy),
            way: self.way,
            provider: self.provider,
            began_at: self.began_at,
            ended_at: trails.clock.now(),
            steps: self.steps,
            outcome,
        }
    }
}

impl Trails<'_> {
    pub(super) fn begin(self, way: Way) -> OpenTrail {
        OpenTrail {
            way,
            began_at: self.clock.now(),
            steps: Vec::new(),
            outcome: None,
            provider: None,
            attempt: None,
            return_to: ReturnTo::main_page(),
        }
    }

    /// Ends the trail of a sign-in without a provider.
    pub(super) async fn end<T>(self, trail: OpenTrail, result: Result<T, SignInError>) -> Result<T, Refusal> {
        self.end_at(ProviderList(&[]), trail, result).await
    }

    /// Ends the trail of a sign-in, which becomes a refusal if it failed. A sign-in without an outcome, which has only begun,
    /// leaves no trail.
    pub(super) async fn end_at<T>(
        self,
        providers: ProviderList<'_>,
        mut trail: OpenTrail,
        result: Result<T, SignInError>,
    ) -> Result<T, Refusal> {
        let error = match result {
            Ok(value) => {
                if let Some(outcome) = trail.outcome.take() {
                    self.keep(trail.finish(self, outcome)).await;
                }
                return Ok(value);
            }
            Err(error) => error,
        };
        let explanation =
            trail.provider.as_ref().and_then(|provider| providers.explanation(provider, &error));
        let outcome = Outcome::Refused { code: error.code(), error: error.to_string(), explanation };
        let (attempt, return_to) = (trail.attempt, std::mem::take(&mut trail.return_to));
        let finished = trail.finish(self, outcome);
        let (reference, provider) = (finished.reference.clone(), finished.provider.clone());
        self.keep(finished).await;
        Err(Refusal { reference, error, attempt, provider, explanation, return_to })
    }

    /// Ends the trail of a check that a token's session did not pass. Observers alone see it: to present the same token again
    /// and again must not fill the records.
    pub(super) fn end_check(self, step: Option<Step>, outcome: Outcome) {
        let mut trail = self.begin(Way::Check);
        trail.steps.extend(step);
        self.observer.finished(&trail.finish(self, outcome));
    }

    /// Ends the trail of a check that renewed the token.
    pub(super) async fn renewed(self, account: AccountId, session: SessionId) {
        let mut trail = self.begin(Way::Check);
        trail.step(Step::SessionFound(SessionState::Live));
        self.keep(trail.finish(self, Outcome::Renewed { account, session })).await;
    }

    /// Shows and stores a trail. A store that fails does not fail the sign-in.
    async fn keep(self, trail: Trail) {
        self.observer.finished(&trail);
        if let Err(error) = self.records.store(&trail).await {
            self.observer
                .observe(&SignInEvent::RecordLost { reference: trail.reference, error: error.to_string() });
        }
    }
}
