use crate::ForeignText;
use crate::error::{Reference, Refusal, SignInError};
use crate::ports::{Observer, RefusalKind, SignInEvent, Source};
use crate::return_to::ReturnTo;
use crate::world::Entropy;

/// Refuses requests other than sign-ins, each under a fresh reference.
#[derive(Clone, Copy)]
pub struct Refusals<'a> {
    /// Sees them.
    pub observer: &'a dyn Observer,
    /// Makes the references.
    pub entropy: &'a dyn Entropy,
    /// The source of the request, where it is known.
    pub source: Source,
}

impl Refusals<'_> {
    /// Returns the refusals of requests from this source.
    pub(super) fn from(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// Runs a use case; its error becomes a refusal.
    pub(super) async fn run<T>(
        self,
        use_case: impl Future<Output = Result<T, SignInError>>,
    ) -> Result<T, Refusal> {
        use_case.await.map_err(|error| self.refuse(error, ReturnTo::main_page()))
    }

    pub(super) fn refuse_request(self, code: &'static str, reason: Option<String>, path: &str) -> Reference {
        let (error, source) = (reason.clone().unwrap_or_default(), self.source);
        let kind = RefusalKind { code, provider: None, source, name: None, error };
        self.observer.earlier_refusal(&kind).unwrap_or_else(|| {
            let (reference, path) = (Reference::fresh(self.entropy), ForeignText::new(path));
            let refused = reference.clone();
            self.observer.observe(&SignInEvent::RequestRefused {
                reference: refused,
                code,
                reason,
                path,
                source,
            });
            reference
        })
    }

    pub(super) fn refuse(self, error: SignInError, return_to: ReturnTo) -> Refusal {
        let (code, text, source) = (error.code(), error.to_string(), self.source);
        let kind =
            RefusalKind { code: code.as_str(), provider: None, source, name: None, error: text.clone() };
        let reference = self.observer.earlier_refusal(&kind).unwrap_or_else(|| {
            let reference = Reference::fresh(self.entropy);
            let refused = SignInEvent::Refused { reference: reference.clone(), code, error: text, source };
            self.observer.observe(&refused);
            reference
        });
        Refusal { reference, error, attempt: None, provider: None, explanation: None, return_to }
    }
}
