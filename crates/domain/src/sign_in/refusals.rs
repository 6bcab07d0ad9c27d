use crate::error::{Reference, Refusal, SignInError};
use crate::ports::{Observer, SignInEvent};
use crate::return_to::ReturnTo;
use crate::world::Entropy;

/// Refuses requests other than sign-ins, each under a fresh reference.
#[derive(Clone, Copy)]
pub struct Refusals<'a> {
    /// Sees them.
    pub observer: &'a dyn Observer,
    /// Makes the references.
    pub entropy: &'a dyn Entropy,
}

impl Refusals<'_> {
    /// Runs a use case; its error becomes a refusal.
    pub(super) async fn run<T>(
        self,
        use_case: impl Future<Output = Result<T, SignInError>>,
    ) -> Result<T, Refusal> {
        use_case.await.map_err(|error| self.refuse(error, ReturnTo::main_page()))
    }

    pub(super) fn refuse(self, error: SignInError, return_to: ReturnTo) -> Refusal {
        let reference = Reference::fresh(self.entropy);
        self.observer.observe(&SignInEvent::Refused {
            reference: reference.clone(),
            code: error.code(),
            error: error.to_string(),
        });
        Refusal { reference, error, attempt: None, provider: None, explanation: None, return_to }
    }
}
