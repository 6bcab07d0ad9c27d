//! The services in force on a replica.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::Deserialize;

use super::policy::Policy;
use crate::ForeignText;
use crate::access::{NoService, Service, ServiceUrl, Services, Target, Verdict, WrittenService};
use crate::ports::{
    DefinitionDigest, Observer, ServiceStore, ServicesRevision, SignInEvent, StoreError, StoredService,
    StoredServices,
};
use crate::time::Timestamp;

/// The services that a check judges by: those of the configuration, which come first and win, and beside them those
/// that administrators added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicesInForce {
    services: Services,
    added: Vec<AddedService>,
    /// `None` until the store has told them, and when it told them too long ago.
    revision: Option<ServicesRevision>,
}

/// A service that an administrator added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedService {
    /// The id, as the store has it.
    pub id: String,
    /// The digest of its definition.
    pub digest: DefinitionDigest,
    /// The service as it was written; `None` if this version cannot read it.
    pub written: Option<WrittenService>,
    /// The service in force, or the reason that it is left out: all requests to it are refused then.
    pub service: Result<Arc<Service>, String>,
}

impl ServicesInForce {
    /// Returns those of the configuration alone, while nothing is known of others.
    fn unknown(policy: &Policy) -> Self {
        Self { services: (*policy.services).clone(), added: Vec::new(), revision: None }
    }

    /// Puts the services of the configuration and the stored ones together. A stored one that cannot be read, or
    /// cannot stand beside the others, is left out.
    #[must_use]
    pub fn new(policy: &Policy, stored: StoredServices) -> Self {
        let mut services = (*policy.services).clone();
        let added = stored.list.into_iter().map(|stored| place(&mut services, stored, policy)).collect();
        Self { services, added, revision: Some(stored.revision) }
    }

    /// Returns the services.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Finds out who may pass to a target. While the added services are not known, those of the configuration answer
    /// alone.
    ///
    /// # Errors
    /// When no service has it, or which one has it cannot be told.
    pub fn judge(&self, target: &Target) -> Result<Verdict<'_>, NoService> {
        match self.services.judge(target) {
            Ok(verdict) if !self.are_known() && !self.services.is_configured(verdict.service) => {
                Err(NoService::NotKnown)
            }
            Err(NoService::Unknown) if !self.are_known() => Err(NoService::NotKnown),
            judged => judged,
        }
    }

    /// Returns the added ones in the order of their ids, those that are left out, too.
    #[must_use]
    pub fn added(&self) -> &[AddedService] {
        &self.added
    }

    /// Returns whether the store has told of the added ones, and not too long ago.
    #[must_use]
    pub fn are_known(&self) -> bool {
        self.revision.is_some()
    }

    /// Returns whether the check answers for the session alone: no service is configured, and none was ever added.
    /// The lab stays one with services when the last is removed, and is one as long as the store has told nothing:
    /// otherwise everything would be open.
    #[must_use]
    pub fn is_lab_without_services(&self) -> bool {
        self.services.configured().next().is_none()
            && self.revision.as_ref().is_some_and(ServicesRevision::is_first)
    }
}

/// Places a stored service among the others, or leaves it out.
fn place(services: &mut Services, stored: StoredService, policy: &Policy) -> AddedService {
    let digest = stored.digest();
    let StoredService { id, definition } = stored;
    let written: Result<WrittenService, _> = serde_json::from_str(&definition);
    let added = match &written {
        Ok(written) if written.id != id => Err("it is stored under another id".to_owned()),
        Ok(written) => {
            let fits = written.clone().service(&policy.public_url).map_err(|error| error.to_string());
            fits.and_then(|it| services.add(it, &policy.public_url).map_err(|error| error.to_string()))
        }
        Err(error) => Err(format!("this version cannot read it: {error}")),
    };
    let service = match added {
        Ok(()) => services.find(&id).cloned().ok_or_else(String::new),
        Err(reason) => {
            if let Some(url) = address_of(&definition) {
                services.leave_out(url);
            }
            Err(reason)
        }
    };
    AddedService { id, digest, written: written.ok(), service }
}

/// Returns the address in a definition, whatever else is in it.
fn address_of(definition: &str) -> Option<ServiceUrl> {
    #[derive(Deserialize)]
    struct Address {
        url: String,
    }
    serde_json::from_str::<Address>(definition).ok().and_then(|it| ServiceUrl::parse(&it.url).ok())
}

/// The answer of the store that holds.
struct Known {
    /// The number of the question that was answered.
    turn: u64,
    /// The time at which the services were these for certain.
    at: Timestamp,
    services: Arc<ServicesInForce>,
}

/// What this replica knows of the services.
pub struct ServicesMemory {
    known: RwLock<Known>,
    /// The number of questions to the store.
    asked: AtomicU64,
}

impl ServicesMemory {
    /// Returns a memory that knows the services of the configuration alone.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        let services = Arc::new(ServicesInForce::unknown(policy));
        let known = Known { turn: 0, at: Timestamp::from_unix_seconds(0), services };
        Self { known: RwLock::new(known), asked: AtomicU64::new(0) }
    }

    // A poisoned lock is passed over: no code that holds it can panic half-way.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The services in force, and the store that has the added ones.
#[derive(Clone, Copy)]
pub struct LiveServices<'a> {
    /// Stores the added services.
    pub store: &'a dyn ServiceStore,
    /// What is known of them.
    pub memory: &'a ServicesMemory,
    /// The services of the configuration.
    pub policy: &'a Policy,
}

impl LiveServices<'_> {
    /// Returns the services in force as they were told last.
    pub(super) fn known(&self) -> Arc<ServicesInForce> {
        Arc::clone(&self.memory.read().services)
    }

    /// Returns the services in force at this time. What was told longer ago than [`Policy::database_grace`] is
    /// known no longer.
    pub(super) fn at(&self, now: Timestamp) -> Arc<ServicesInForce> {
        let known = self.memory.read();
        let is_outdated = known.services.are_known() && now > known.at.plus(self.policy.database_grace);
        let services = Arc::clone(&known.services);
        drop(known);
        if !is_outdated {
            return services;
        }
        let outdated = Arc::new(ServicesInForce { revision: None, ..(*services).clone() });
        let mut known = self.memory.write();
        if Arc::ptr_eq(&known.services, &services) {
            known.services = Arc::clone(&outdated);
        }
        outdated
    }

    /// Brings the services to this revision, unless they are of it already.
    pub(super) async fn follow(
        &self,
        revision: &ServicesRevision,
        now: Timestamp,
        observer: &dyn Observer,
    ) -> Result<(), StoreError> {
        let turn = self.memory.asked.load(Ordering::SeqCst);
        match &self.known().revision {
            Some(known) if known == revision => {
                self.memory.write().at = now;
                Ok(())
            }
            // There is nothing to ask for.
            None if revision.is_first() => {
                self.take(turn, now, StoredServices::default(), observer);
                Ok(())
            }
            _ => self.refresh(now, observer).await,
        }
    }

    /// Asks the store for the services.
    pub(super) async fn refresh(&self, now: Timestamp, observer: &dyn Observer) -> Result<(), StoreError> {
        let turn = self.memory.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let stored = self.store.list().await?;
        self.take(turn, now, stored, observer);
        Ok(())
    }

    /// Takes the answer to this question. One that comes late does not turn the time back.
    fn take(&self, turn: u64, at: Timestamp, stored: StoredServices, observer: &dyn Observer) {
        let services = Arc::new(ServicesInForce::new(self.policy, stored));
        let mut known = self.memory.write();
        if known.turn > turn {
            return;
        }
        (known.turn, known.at) = (turn, at);
        if known.services.revision == services.revision {
            return;
        }
        let is_another = known.services.added != services.added;
        known.services = Arc::clone(&services);
        drop(known);
        if !is_another {
            return;
        }
        for (added, reason) in services.added.iter().filter_map(|it| Some((it, it.service.as_ref().err()?))) {
            let (service, reason) = (ForeignText::new(&added.id), ForeignText::new(reason));
            observer.observe(&SignInEvent::ServiceLeftOut { service, reason });
        }
    }
}
