use super::reference::Reference;
use super::sign_in::SignInError;
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::SealId;

/// A refused sign-in, logged under its reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reference that the person quotes and the operator looks up.
    pub reference: Reference,
    /// The cause.
    pub error: SignInError,
    /// The attempt that is over, if the refusal belongs to one.
    pub attempt: Option<SealId>,
    /// The provider, if it is known.
    pub provider: Option<ProviderId>,
    /// The meaning of the provider's message, for the operator; only for known messages.
    pub explanation: Option<&'static str>,
    /// The page that the person wanted: a new attempt should lead there.
    pub return_to: ReturnTo,
}
