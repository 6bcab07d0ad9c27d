use crate::error::{Reference, Refusal, SignInError};
use crate::ports::{SignInEvent, SignInLog};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::SealId;
use crate::world::Entropy;

/// Records refusals, each under a fresh reference.
#[derive(Clone, Copy)]
pub struct Refusals<'a> {
    /// Keeps them.
    pub log: &'a dyn SignInLog,
    /// Makes the references.
    pub entropy: &'a dyn Entropy,
}

/// The circumstances of a refusal, as far as they are known.
#[derive(Default)]
pub(super) struct Circumstances {
    pub(super) attempt: Option<SealId>,
    pub(super) provider: Option<ProviderId>,
    pub(super) explanation: Option<&'static str>,
    pub(super) return_to: ReturnTo,
}

impl Refusals<'_> {
    /// Runs a use case; its error becomes a recorded refusal.
    pub(super) async fn run<T>(
        self,
        use_case: impl Future<Output = Result<T, SignInError>>,
    ) -> Result<T, Refusal> {
        use_case.await.map_err(|error| self.refuse(error, Circumstances::default()))
    }

    pub(super) fn refuse(self, error: SignInError, circumstances: Circumstances) -> Refusal {
        let Circumstances { attempt, provider, explanation, return_to } = circumstances;
        let reference = Reference::fresh(self.entropy);
        self.log.record(SignInEvent::Refused {
            reference: reference.clone(),
            provider: provider.clone(),
            error: error.clone(),
            explanation,
        });
        Refusal { reference, error, attempt, provider, explanation, return_to }
    }
}
