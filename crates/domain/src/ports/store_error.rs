/// A failure of a store. The text is for the operator's log; it contains no secrets and no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);
