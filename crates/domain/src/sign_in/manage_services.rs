use std::sync::Arc;

use super::administer::Administration;
use super::administrator::{AccountReader, Administrator};
use super::live_services::ServicesInForce;
use crate::ForeignText;
use crate::access::{Service, UnfitServices, WrittenService};
use crate::error::{Refusal, ServiceError, SignInError};
use crate::ports::{DefinitionDigest, SignInEvent, StoredService, StoredServices};

/// The change of an added service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceChange {
    /// Adds a service.
    Add(WrittenService),
    /// Gives the service with this id another definition.
    Change {
        /// The next definition.
        written: WrittenService,
        /// The digest of the definition that the administrator saw.
        seen: DefinitionDigest,
    },
    /// Removes a service.
    Remove {
        /// Its id.
        id: String,
        /// The digest of the definition that the administrator saw.
        seen: DefinitionDigest,
    },
}

impl ServiceChange {
    /// The most services that can be added.
    const MOST: usize = 500;
    /// The most rules of an added service: every check compares them.
    const MOST_RULES: usize = 100;
    /// The longest definition, in bytes: every replica keeps all of them in memory.
    const LONGEST: usize = 32 * 1024;
    /// The number of times that a change is tried while others change services.
    const TRIES: u8 = 4;

    /// Returns the id of the service.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Add(written) | Self::Change { written, .. } => &written.id,
            Self::Remove { id, .. } => id,
        }
    }

    /// Returns the change as a word for the log.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Add(_) => "added",
            Self::Change { .. } => "changed",
            Self::Remove { .. } => "removed",
        }
    }

    /// Returns the definition as it is stored; a removed service has none.
    pub(super) fn definition(&self) -> Option<String> {
        match self {
            // Texts, lists of them and booleans can always be written.
            Self::Add(written) | Self::Change { written, .. } => {
                Some(serde_json::to_string(written).unwrap_or_default())
            }
            Self::Remove { .. } => None,
        }
    }

    /// Returns the digest of the definition that it was made from; an added service had none.
    pub(super) fn seen(&self) -> Option<&DefinitionDigest> {
        match self {
            Self::Add(_) => None,
            Self::Change { seen, .. } | Self::Remove { seen, .. } => Some(seen),
        }
    }
}

impl Administration<'_> {
    /// Returns the services as they are now.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn services(&self, _: &AccountReader) -> Result<Arc<ServicesInForce>, Refusal> {
        let live = self.requests.services;
        let listed = async {
            live.refresh(self.ender.clock.now(), self.ender.observer).await?;
            Ok(live.known())
        };
        self.refusals.run(listed).await
    }

    /// Adds, changes or removes a service. It is looked at together with all others, those of the configuration too,
    /// and is refused as a whole where they do not fit. A service that was changed since the administrator saw it is
    /// neither changed nor removed. Every replica judges by it within a second.
    ///
    /// # Errors
    /// When nothing was changed.
    pub async fn change_service(&self, by: &Administrator, change: &ServiceChange) -> Result<(), Refusal> {
        self.refusals.run(self.try_change_service(by, change)).await
    }

    async fn try_change_service(
        &self,
        by: &Administrator,
        change: &ServiceChange,
    ) -> Result<(), SignInError> {
        let (live, observer) = (self.requests.services, self.ender.observer);
        for _ in 0..ServiceChange::TRIES {
            let stored = live.store.list().await?;
            let revision = stored.revision.clone();
            let service = self.fits(change, stored)?;
            let id = change.id().to_owned();
            let written = match change.definition() {
                Some(definition) => live.store.put(&StoredService { id, definition }, &revision).await?,
                None => live.store.remove(&id, &revision).await?,
            };
            if written {
                let (url, allows) = service.map(|it| (told(&it.url), told(&allows(&it)))).unzip();
                let (service, change, by) = (told(&change.id()), change.word(), by.author());
                observer.observe(&SignInEvent::ServiceChanged { service, change, url, allows, by });
                // It is done; where this cannot be asked, the feed tells it.
                let _ = live.refresh(self.ender.clock.now(), observer).await;
                return Ok(());
            }
        }
        Err(ServiceError::ChangedMeanwhile.into())
    }

    /// Looks whether the change fits the services that are there, and returns the service that is there then.
    fn fits(
        &self,
        change: &ServiceChange,
        mut stored: StoredServices,
    ) -> Result<Option<Service>, ServiceError> {
        let policy = self.requests.policy;
        let (id, count) = (change.id(), stored.list.len());
        let present =
            stored.list.iter().position(|it| it.id == id).map(|place| stored.list.remove(place).digest());
        let is_added = present.is_some();
        let is_configured = || policy.services.find(id).is_some();
        let written = match change {
            ServiceChange::Add(_) if count >= ServiceChange::MOST => {
                return Err(ServiceError::Invalid(format!("the lab has {count} added services already")));
            }
            ServiceChange::Change { .. } | ServiceChange::Remove { .. } if !is_added => {
                let error = if is_configured() { ServiceError::Configured } else { ServiceError::Unknown };
                return Err(error);
            }
            ServiceChange::Change { seen, .. } | ServiceChange::Remove { seen, .. }
                if present.as_ref() != Some(seen) =>
            {
                return Err(ServiceError::DefinitionChanged);
            }
            ServiceChange::Add(written) | ServiceChange::Change { written, .. } => written,
            ServiceChange::Remove { .. } => return Ok(None),
        };
        let invalid = |text: String| ServiceError::Invalid(text);
        let (rules, len) = (written.rule.len(), change.definition().map_or(0, |text| text.len()));
        if rules > ServiceChange::MOST_RULES || len > ServiceChange::LONGEST {
            let (most, longest) = (ServiceChange::MOST_RULES, ServiceChange::LONGEST / 1024);
            return Err(invalid(format!(
                "{rules} rules in {len} bytes are too many: at most {most} rules, {longest} KiB in all"
            )));
        }
        let service = written.clone().service(&policy.public_url).map_err(|it| invalid(it.to_string()))?;
        if is_added && matches!(change, ServiceChange::Add(_)) {
            return Err(invalid(UnfitServices::SameId(service.id).to_string()));
        }
        let mut beside = ServicesInForce::new(policy, stored).services().clone();
        if let Some(url) = beside.left_out_around(&service.url) {
            let (id, url) = (service.id, url.to_string());
            return Err(invalid(format!(
                "{id} lies at or within {url}, the address of an added service that is left out: change or remove that \
                 one first"
            )));
        }
        beside.add(service.clone(), &policy.public_url).map_err(|it| invalid(it.to_string()))?;
        Ok(Some(service))
    }
}

fn told(text: &impl ToString) -> ForeignText {
    ForeignText::new(&text.to_string())
}

/// Describes who may pass: first where no rule says otherwise, then by the rules.
fn allows(service: &Service) -> String {
    let rules = service.rules.iter().map(|it| format!("; {}{} = {}", it.methods, it.path, it.allowed()));
    std::iter::once(service.allowed()).chain(rules).collect()
}

#[cfg(test)]
mod tests;
