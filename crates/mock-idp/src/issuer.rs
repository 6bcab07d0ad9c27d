use std::fmt;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use labgate_domain::ForeignText;
use serde_json::Value;

use crate::client::RegisteredClient;
use crate::faults::{ArmedFaults, Fault, Stage};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::persona::{Persona, Profile, ProviderBehaviour};
use crate::protocol::{Claims, UnanswerableRequest};
use crate::site::Site;
use crate::user::User;

/// One issuer: its site and behaviour, its users and clients, and everything that it has handed out.
pub(crate) struct IssuerCore {
    pub(crate) site: Site,
    pub(crate) persona: Persona,
    pub(crate) behaviour: Box<dyn ProviderBehaviour>,
    pub(crate) profile: Profile,
    /// The document that it publishes.
    pub(crate) metadata: Claims,
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<RegisteredClient>,
    pub(crate) keys: Mutex<Keys>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) faults: Mutex<ArmedFaults>,
}

impl IssuerCore {
    /// Returns true if a member of its metadata is true.
    pub(crate) fn supports(&self, member: &str) -> bool {
        self.metadata.get(member) == Some(&Value::Bool(true))
    }

    pub(crate) fn client(&self, id: &str) -> Option<&RegisteredClient> {
        self.clients.iter().find(|client| client.id.as_str() == id)
    }

    pub(crate) fn user(&self, subject: &str) -> Result<&User, UnanswerableRequest> {
        let user = self.users.iter().find(|user| user.subject() == subject);
        user.ok_or_else(|| UnanswerableRequest::UnknownUser(ForeignText::new(subject)))
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }

    /// The armed faults of a stage.
    pub(crate) fn take_faults(&self, stage: Stage) -> Vec<Fault> {
        locked(&self.faults).take(stage)
    }

    /// The armed faults of a stage, and those that were chosen for a sign-in.
    pub(crate) fn faults(&self, stage: Stage, chosen: &[Fault]) -> Vec<Fault> {
        let chosen = chosen.iter().filter(|fault| fault.stage() == stage).cloned();
        self.take_faults(stage).into_iter().chain(chosen).collect()
    }
}

impl Deref for IssuerCore {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl fmt::Debug for IssuerCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerCore({})", self.issuer)
    }
}

/// Locks, also after a holder that panicked: every change under it is complete in itself.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
