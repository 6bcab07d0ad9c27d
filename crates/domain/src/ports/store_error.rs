/// A store that could not answer. The text is for the operator's log; it carries no secrets and no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);
