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
    /// Another administrator changed the service since it was seen.
    #[error("the service has another definition by now than the one that was seen")]
    DefinitionChanged,
    /// The services kept changing meanwhile.
    #[error("the services were changed at the same time, again and again")]
    ChangedMeanwhile,
}

codes!(ServiceError {
    Invalid => ServiceInvalid,
    Unknown => ServiceUnknown,
    Configured => ServiceConfigured,
    DefinitionChanged => DefinitionChanged,
    ChangedMeanwhile => ServicesChanged,
});
