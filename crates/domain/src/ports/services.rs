use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::StoreError;

/// A revision of the added services: each change makes another one. Its text means something to the store alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicesRevision(pub String);

impl ServicesRevision {
    /// Returns whether no service was ever added: in this revision the text is empty.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.0.is_empty()
    }
}

/// An added service as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredService {
    /// Its id.
    pub id: String,
    /// Its definition, a JSON object. Another version may have written it.
    pub definition: String,
}

/// The digest of a definition: a change names by it what it was made from. What is not the digest of a stored definition
/// fits none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionDigest(pub String);

impl StoredService {
    /// Returns the digest of its definition.
    #[must_use]
    pub fn digest(&self) -> DefinitionDigest {
        DefinitionDigest(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&self.definition)))
    }
}

/// The added services at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredServices {
    /// The revision.
    pub revision: ServicesRevision,
    /// The services, in the order of their ids.
    pub list: Vec<StoredService>,
}

/// The services that administrators add beside those of the configuration. What the store has of them need not fit
/// together: the domain looks at all of them before a change, and at the revision in it.
///
/// [`SessionStore::changes_since`](super::SessionStore::changes_since) tells the revision, too, so that a replica
/// asks for the services only when they have changed.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait ServiceStore: Send + Sync {
    /// Returns all of them.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn list(&self) -> Result<StoredServices, StoreError>;

    /// Writes a service, new or not, if the services are still of this revision. The id of a new one is taken out of
    /// the scopes of access tokens, as on [removal](Self::remove): they were made for another service. Returns whether they were: of
    /// concurrent changes that saw one revision, one is done.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn put(&self, service: &StoredService, revision: &ServicesRevision) -> Result<bool, StoreError>;

    /// Removes the service with this id on the same terms, and takes it out of the scopes of access tokens: a service
    /// that gets its id later is another one. Tokens that open nothing else are deleted.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn remove(&self, id: &str, revision: &ServicesRevision) -> Result<bool, StoreError>;
}
