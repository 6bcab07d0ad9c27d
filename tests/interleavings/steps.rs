//! Ports that stop before each call.

use async_trait::async_trait;
use labgate_domain::access_token::{AccessToken, AccessTokenHash, AccessTokenId};
use labgate_domain::identity::{ExternalIdentity, LinkedIdentity};
use labgate_domain::people::{
    AcceptedTerms, Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, GroupPatch,
    PasswordHash, Role, Username,
};
use labgate_domain::ports::{
    AccessTokenCreation, AccessTokenStore, AccountChange, AccountCreation, AccountPage, AccountRenaming,
    AccountStore, AdministrationStore, Consumption, CredentialStore, FeedPosition, FirstAdministrator,
    GroupChange, IdentityLink, IdentityMove, IdentityRemoval, IdentityStore, IdentitySuccession,
    LoginAttempt, Permit, ProfileUpdate, ServiceStore, ServicesRevision, SessionChanges, SessionStore,
    SessionTerms, SpentAttempts, StoreError, StoredService, StoredServices, Throttle,
};
use labgate_domain::protocol::{IdTokenHint, Issuer, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::sealed::SealId;
use labgate_domain::session::{NextRevalidation, Session, SessionId};
use labgate_domain::time::Timestamp;
use labgate_test_harness::memory::MemoryStore;

use super::executor::{Call, Fate, stop_at, told};

/// The store in memory, with a stop before each call.
#[derive(Clone)]
pub(super) struct Stepped(pub(super) MemoryStore);

/// A read that fails has no effect, whenever it fails.
const READ: &[Fate] = &[Fate::FailsBefore];
const WRITE: &[Fate] = &[Fate::FailsBefore, Fate::FailsAfter];

/// The calls that answer with ids of sessions that the caller did not name.
const LISTS: &[&str] = &[
    "SessionStore::list_of",
    "SessionStore::end_all_of",
    "SessionStore::end_all_from",
    "SessionStore::take_due",
    "SessionStore::changes_since",
    "AccessTokenStore::list_of",
    "CredentialStore::change_credential",
    "CredentialStore::reset_credential",
];

macro_rules! stepped {
    ($($port:ident { $(
        $kind:ident $name:ident $(<$life:lifetime>)? ($($argument:ident: $type:ty),*) -> $answer:ty;
    )* })*) => {$(
        #[async_trait]
        impl $port for Stepped {$(
            async fn $name$(<$life>)?(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                let name = concat!(stringify!($port), "::", stringify!($name));
                match stop_at(Call { name, failures: $kind }).await {
                    Fate::Works => {
                        let answer = $port::$name(&self.0, $($argument),*).await;
                        told(&format!("{answer:?}"));
                        // The ids of sessions are not shown; which ones are meant, the whole store tells.
                        if LISTS.contains(&name) {
                            told(&self.0.digest());
                        }
                        answer
                    }
                    Fate::FailsBefore => Err(StoreError("the executor let it fail".to_owned())),
                    Fate::FailsAfter => {
                        $port::$name(&self.0, $($argument),*).await?;
                        Err(StoreError("the executor lost its answer".to_owned()))
                    }
                }
            }
        )*}
    )*};
}

stepped! {
    AccountStore {
        READ find(id: AccountId) -> Option<Account>;
        READ find_by_name(name: &Username) -> Option<Account>;
        WRITE create_local<'a>(account: &Account, credential: Option<&'a Credential>) -> AccountCreation;
        WRITE set_name<'a>(id: AccountId, name: Option<&'a DisplayName>) -> ();
        WRITE accept_terms(id: AccountId, terms: &AcceptedTerms) -> bool;
        READ check() -> ();
    }
    IdentityStore {
        READ find_by_identity(issuer: &Issuer, subject: &Subject) -> Option<Account>;
        WRITE create(account: &Account, identity: &ExternalIdentity) -> AccountCreation;
        WRITE record_sign_in<'a>(
            id: AccountId, identity: &ExternalIdentity, email: Option<&'a EmailAddress>, at: Timestamp
        ) -> ProfileUpdate;
        WRITE claim(
            id: AccountId, identity: &ExternalIdentity, email: &EmailAddress, at: Timestamp
        ) -> IdentityLink;
        WRITE link<'a>(
            id: AccountId, identity: &ExternalIdentity, credential: Option<&'a PasswordHash>, at: Timestamp
        ) -> IdentityLink;
        WRITE unlink(id: AccountId, issuer: &Issuer, subject: &Subject) -> IdentityRemoval;
        READ identities(id: AccountId) -> Vec<LinkedIdentity>;
    }
    CredentialStore {
        READ credential(id: AccountId) -> Option<Credential>;
        WRITE strengthen_credential(id: AccountId, credential: &Credential, only_if: &PasswordHash) -> bool;
        WRITE change_credential(
            id: AccountId, credential: &Credential, only_if: &PasswordHash, at: Timestamp
        ) -> Option<Vec<SessionId>>;
        WRITE reset_credential(id: AccountId, credential: &Credential, at: Timestamp) -> Option<Vec<SessionId>>;
    }
    AdministrationStore {
        WRITE create_first_administrator(account: &Account, credential: &Credential) -> FirstAdministrator;
        READ has_administrator() -> bool;
        READ list<'a>(search: Option<&'a str>, after: Option<AccountId>, limit: u32) -> AccountPage;
        WRITE set_status(id: AccountId, status: AccountStatus, at: Timestamp) -> AccountChange;
        WRITE set_role(id: AccountId, role: Role, at: Timestamp) -> AccountChange;
        WRITE rename(id: AccountId, name: &Username) -> AccountRenaming;
        WRITE change_groups(id: AccountId, patch: &GroupPatch) -> GroupChange;
        WRITE delete(id: AccountId) -> AccountChange;
        WRITE move_identities(from: &Issuer, to: &Issuer, dry_run: bool, at: Timestamp) -> Vec<IdentityMove>;
        WRITE let_give_way(
            from: &Issuer, to: &Issuer, until: Timestamp, dry_run: bool
        ) -> Vec<IdentitySuccession>;
    }
    SessionStore {
        WRITE create(session: &Session, terms: SessionTerms) -> bool;
        READ find(id: SessionId) -> Option<Session>;
        WRITE touch(id: SessionId, at: Timestamp) -> ();
        WRITE end(id: SessionId, at: Timestamp) -> ();
        READ list_of(account: AccountId, now: Timestamp) -> Vec<Session>;
        WRITE end_all_of(account: AccountId, except: Option<SessionId>, at: Timestamp) -> Vec<SessionId>;
        WRITE end_all_from<'a>(
            issuer: &Issuer, session: Option<&'a ProviderSessionId>, subject: Option<&'a Subject>, at: Timestamp
        ) -> Vec<(SessionId, AccountId)>;
        WRITE take_due(
            provider: &ProviderId, now: Timestamp, seen_after: Timestamp, again_at: Timestamp, at_most: u32
        ) -> Vec<Session>;
        WRITE keep_answer<'a>(
            id: SessionId,
            groups: &'a [String],
            newer_hint: Option<&'a IdTokenHint>,
            revalidation: Option<&'a NextRevalidation>
        ) -> ();
        READ changes_since<'a>(position: Option<&'a FeedPosition>) -> SessionChanges;
        WRITE delete_expired(before: Timestamp) -> u64;
    }
    ServiceStore {
        READ list() -> StoredServices;
        WRITE put(service: &StoredService, revision: &ServicesRevision) -> bool;
        WRITE remove(id: &str, revision: &ServicesRevision) -> bool;
    }
    AccessTokenStore {
        WRITE create(
            token: &AccessToken, hash: &AccessTokenHash, session: SessionId, at_most: u32
        ) -> AccessTokenCreation;
        READ find(hash: &AccessTokenHash) -> Option<AccessToken>;
        READ list_of(account: AccountId) -> Vec<AccessToken>;
        WRITE touch(id: AccessTokenId, at: Timestamp) -> ();
        WRITE revoke(account: AccountId, id: AccessTokenId) -> Option<AccessToken>;
        WRITE keep_admission<'a>(
            issuer: &Issuer, subject: &Subject, groups: Option<&'a [String]>, at: Timestamp
        ) -> ();
    }
    SpentAttempts {
        WRITE consume(id: SealId, until: Timestamp) -> Consumption;
        READ is_spent(id: SealId) -> bool;
        WRITE delete_expired(now: Timestamp) -> u64;
    }
    Throttle {
        WRITE admit(guess: LoginAttempt, now: Timestamp) -> Permit;
        WRITE record_success(guess: LoginAttempt, now: Timestamp) -> ();
        WRITE cancel(guess: LoginAttempt, now: Timestamp) -> ();
        WRITE delete_expired(now: Timestamp) -> u64;
    }
}
