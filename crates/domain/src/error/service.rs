use super::code::{ErrorCode, codes};

/// A service that was not added, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// It is no service, or cannot stand beside the others.
    #[error("{0}")]
    Invalid(String),
    /// No service with this id was added.
    #[error("no service with this id was added")]
    Unknown,
    /// The configuration has it, which alone changes it.
    #[error("the service is in the configuration")]
    Configured,
    /// The services kept changing meanwhile.
    #[error("the services were changed at the same time, again and again")]
    ChangedMeanwhile,
}

codes!(ServiceError {
    Invalid => ServiceInvalid,
    Unknown => ServiceUnknown,
    Configured => ServiceConfigured,
    ChangedMeanwhile => ServicesChanged,
});
