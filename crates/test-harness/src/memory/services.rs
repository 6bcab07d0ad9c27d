use async_trait::async_trait;
use labgate_domain::ports::{ServiceStore, ServicesRevision, StoreError, StoredService, StoredServices};

use super::{MemoryStore, State};

#[async_trait]
impl ServiceStore for MemoryStore {
    async fn list(&self) -> Result<StoredServices, StoreError> {
        let state = self.answering()?;
        let stored = state.services.iter();
        let list = stored.map(|(id, text)| StoredService { id: id.clone(), definition: text.clone() });
        Ok(StoredServices { revision: state.services_revision(), list: list.collect() })
    }

    async fn put(&self, service: &StoredService, revision: &ServicesRevision) -> Result<bool, StoreError> {
        let mut state = self.answering()?;
        let is_of_it = state.services_revision() == *revision;
        if is_of_it {
            if !state.services.contains_key(&service.id) {
                state.forget_service(&service.id);
            }
            state.services.insert(service.id.clone(), service.definition.clone());
            state.service_changes += 1;
        }
        Ok(is_of_it)
    }

    async fn remove(&self, id: &str, revision: &ServicesRevision) -> Result<bool, StoreError> {
        let mut state = self.answering()?;
        let is_of_it = state.services_revision() == *revision;
        if is_of_it && state.services.remove(id).is_some() {
            state.service_changes += 1;
            state.forget_service(id);
        }
        Ok(is_of_it)
    }
}

impl State {
    pub(super) fn services_revision(&self) -> ServicesRevision {
        let changes = self.service_changes;
        ServicesRevision(if changes == 0 { String::new() } else { changes.to_string() })
    }
}
