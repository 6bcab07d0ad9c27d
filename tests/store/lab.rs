//! The people of the suite, and the store that they live in.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use labgate_domain::access_token::{AccessToken, AccessTokenId, AccessTokenText, TokenScope};
use labgate_domain::identity::{EmailClaim, ExternalIdentity, LinkedIdentity, Memberships};
use labgate_domain::people::{
    AcceptedTerms, Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, GroupName,
    GroupPatch, LocalGroups, PasswordHash, Role, TermsDigest, TermsVersion, Username,
};
use labgate_domain::ports::{
    AccessTokenCreation, AccessTokenStore, AccountCreation, AccountStore, AdministrationStore,
    CredentialStore, IdentityStore, ServiceStore, SessionStore, SessionTerms, SpentAttempts,
};
use labgate_domain::protocol::{IdTokenHint, Issuer, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::sealed::SealId;
use labgate_domain::session::{ExternalSession, Session, SessionId, UserAgent};
use labgate_domain::time::Timestamp;
use tokio::task::JoinSet;

/// A store, as one replica sees it.
#[derive(Clone)]
pub(super) struct Replica {
    pub(super) access_tokens: Arc<dyn AccessTokenStore>,
    pub(super) accounts: Arc<dyn AccountStore>,
    pub(super) identities: Arc<dyn IdentityStore>,
    pub(super) credentials: Arc<dyn CredentialStore>,
    pub(super) administration: Arc<dyn AdministrationStore>,
    pub(super) sessions: Arc<dyn SessionStore>,
    pub(super) services: Arc<dyn ServiceStore>,
    pub(super) spent_attempts: Arc<dyn SpentAttempts>,
    _kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl Replica {
    pub(super) fn new(
        store: impl AccessTokenStore
        + AccountStore
        + AdministrationStore
        + CredentialStore
        + IdentityStore
        + ServiceStore
        + SessionStore
        + SpentAttempts
        + Clone
        + 'static,
    ) -> Self {
        Self {
            access_tokens: Arc::new(store.clone()),
            accounts: Arc::new(store.clone()),
            identities: Arc::new(store.clone()),
            credentials: Arc::new(store.clone()),
            administration: Arc::new(store.clone()),
            sessions: Arc::new(store.clone()),
            services: Arc::new(store.clone()),
            spent_attempts: Arc::new(store),
            _kept: None,
        }
    }

    /// Keeps a value, such as a folder, for as long as the store exists.
    pub(super) fn keeping(self, kept: Arc<dyn Any + Send + Sync>) -> Self {
        Self { _kept: Some(kept), ..self }
    }
}

/// A connection of its own to a store's database, to get in its way.
pub(super) struct Tampering<C>(C);

impl<C: sqlx::Connection> Tampering<C>
where
    for<'c> &'c mut C: sqlx::Executor<'c, Database = C::Database>,
{
    pub(super) fn new(connection: C) -> Self {
        Self(connection)
    }

    pub(super) async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut self.0).await.unwrap();
    }
}

/// Makes that many calls at once, by turns on both replicas.
pub(super) async fn at_once<F>(
    replicas: &[Replica; 2],
    times: u8,
    call: impl Fn(Replica, u8) -> F,
) -> Vec<F::Output>
where
    F: Future<Output: Debug + Send + 'static> + Send + 'static,
{
    let mut calls = JoinSet::new();
    for (number, replica) in (0..times).zip(replicas.iter().cycle()) {
        calls.spawn(call(replica.clone(), number));
    }
    calls.join_all().await
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

pub(super) fn email(address: &str) -> EmailAddress {
    EmailAddress::parse(address).unwrap()
}

pub(super) fn name(text: &str) -> DisplayName {
    DisplayName::new(text).unwrap()
}

pub(super) fn account_id(number: u8) -> AccountId {
    AccountId::parse(&format!("01890000-0000-7000-8000-0000000000{number:02x}")).unwrap()
}

pub(super) fn session_id(number: u8) -> SessionId {
    SessionId::parse(&format!("AAAAAAAAAAAAAAAAAA{number:03}A")).unwrap()
}

pub(super) fn attempt(number: u8) -> SealId {
    SealId::parse(&format!("AAAAAAAAAAAAAAAAAA{number:03}A")).unwrap()
}

/// Builds an account with an address that is also the username.
pub(super) fn account(number: u8, address: &str) -> Account {
    let email = email(address);
    Account {
        id: account_id(number),
        username: Username::from(&email),
        email: Some(email),
        name: None,
        role: Role::User,
        groups: LocalGroups::default(),
        status: AccountStatus::Active,
        accepted_terms: Vec::new(),
        created_at: at(1000),
    }
}

/// Builds an account with a local name and no address.
pub(super) fn local(number: u8, username: &str) -> Account {
    let account = account(number, "nobody@example.com");
    Account { username: Username::local(username).unwrap(), email: None, ..account }
}

pub(super) fn administrator(account: Account) -> Account {
    Account { role: Role::Admin, ..account }
}

/// Returns the local groups of this list.
pub(super) fn groups(list: &str) -> LocalGroups {
    LocalGroups::default().patched(&added(list)).unwrap()
}

/// Builds the change that adds the groups of this list.
pub(super) fn added(list: &str) -> GroupPatch {
    GroupPatch { add: GroupName::typed_list(list).unwrap(), remove: Vec::new() }
}

/// Builds a credential with this hash.
pub(super) fn credential(hash: &str) -> Credential {
    Credential { hash: PasswordHash::parse(hash).unwrap(), must_change: false }
}

/// Builds an identity at `https://op.example`.
pub(super) fn identity(subject: &str) -> ExternalIdentity {
    identity_at("https://op.example", subject)
}

pub(super) fn identity_at(issuer: &str, subject: &str) -> ExternalIdentity {
    ExternalIdentity {
        issuer: Issuer::parse(issuer).unwrap(),
        subject: Subject::parse(subject).unwrap(),
        email: EmailClaim::Missing,
        username: None,
        name: None,
        groups: Vec::new(),
        memberships: Memberships::default(),
        authentication_methods: Vec::new(),
        authenticated_at: None,
        session: None,
        id_token_hint: None,
        refresh_token: None,
    }
}

pub(super) fn accepted(version: &str, seconds: i64) -> AcceptedTerms {
    let digest = Some(TermsDigest::of(version));
    AcceptedTerms { version: TermsVersion::parse(version).unwrap(), digest, at: at(seconds) }
}

/// Returns Ada, with a value in every field.
pub(super) fn ada() -> (Account, ExternalIdentity) {
    let account = Account {
        name: Some(name("Ada Lovelace, née Byron 👩‍🔬")),
        role: Role::Admin,
        accepted_terms: vec![
            AcceptedTerms { digest: None, ..accepted("- of old", 800) },
            accepted("Version 1, größer", 900),
        ],
        groups: groups("GPU users, a \"quoted\" group; [with] {json}, größe"),
        ..account(1, "ada@example.com")
    };
    let identity = ExternalIdentity {
        email: EmailClaim::Stated { address: email("ada@example.com"), verified: true },
        name: account.name.clone(),
        groups: vec!["staff".to_owned(), "a \"quoted\" group, [with] {json}".to_owned()],
        memberships: Memberships::default(),
        authentication_methods: vec!["pwd".to_owned(), "mfa".to_owned()],
        authenticated_at: Some(at(990)),
        ..identity("ada")
    };
    (account, identity)
}

pub(super) fn disabled(account: Account) -> Account {
    Account { status: AccountStatus::Disabled, ..account }
}

/// Builds a session at `https://op.example` with a value in every field.
pub(super) fn external(subject: &str, sid: &str) -> ExternalSession {
    let ExternalIdentity { issuer, subject, .. } = identity(subject);
    ExternalSession {
        provider: ProviderId::parse("external").unwrap(),
        issuer,
        subject,
        id: Some(ProviderSessionId::parse(sid).unwrap()),
        id_token_hint: Some(IdTokenHint::parse("header.claims.signature").unwrap()),
        revalidation: None,
    }
}

/// The session as it is once it was ended.
pub(super) fn ended(session: Session, seconds: i64) -> Session {
    let external = session.external.map(|external| ExternalSession { id_token_hint: None, ..external });
    Session { external, ended_at: Some(at(seconds)), ..session }
}

/// A session that began at 1000 and ends at 5000.
pub(super) fn session(number: u8, account: AccountId) -> Session {
    Session {
        id: session_id(number),
        account,
        external: Some(external("ada", "sid-1")),
        user_agent: UserAgent::new("Browser/1.0 (a \"quoted\" system; 'x')"),
        address: Some([192, 0, 2, 1].into()),
        groups: vec!["staff".to_owned(), "Gruppe \"Süd\" 🧪".to_owned(), String::new()],
        authentication_methods: vec!["pwd".to_owned()],
        authenticated_at: at(990),
        created_at: at(1000),
        last_seen_at: at(1000),
        expires_at: at(5000),
        ended_at: None,
    }
}

pub(super) async fn add(store: &Replica, account: &Account, identity: &ExternalIdentity) {
    assert_eq!(store.identities.create(account, identity).await, Ok(AccountCreation::Created));
}

pub(super) async fn add_local(store: &Replica, account: &Account, credential: Option<&Credential>) {
    assert_eq!(store.accounts.create_local(account, credential).await, Ok(AccountCreation::Created));
}

pub(super) async fn add_ada(store: &Replica) -> Account {
    let (account, identity) = ada();
    add(store, &account, &identity).await;
    account
}

/// Terms without a limit that matters.
pub(super) fn terms(role: Role) -> SessionTerms {
    SessionTerms { role, at_most: 1000, seen_after: at(0) }
}

/// Adds a session of an account that is there and active.
pub(super) async fn begin_session(store: &Replica, session: &Session) {
    let account = store.accounts.find(session.account).await.unwrap().expect("an account");
    assert_eq!(store.sessions.create(session, terms(account.role)).await, Ok(true));
}

/// The identity as the store keeps it, if it opened its account at this time only.
pub(super) fn linked(identity: &ExternalIdentity, seconds: i64) -> LinkedIdentity {
    let email = match &identity.email {
        EmailClaim::Stated { address, .. } => Some(address.clone()),
        EmailClaim::Missing | EmailClaim::Malformed => None,
    };
    LinkedIdentity {
        issuer: identity.issuer.clone(),
        subject: identity.subject.clone(),
        email,
        first_sign_in_at: at(seconds),
        last_sign_in_at: at(seconds),
    }
}

/// Returns the account of an identity.
pub(super) async fn whose(store: &Replica, identity: &ExternalIdentity) -> Option<AccountId> {
    let account = store.identities.find_by_identity(&identity.issuer, &identity.subject).await.unwrap();
    account.map(|account| account.id)
}

/// An access token that was made with Ada's identity, with a value in every field.
pub(super) fn access_token(account: AccountId) -> AccessToken {
    let identity = identity("ada");
    AccessToken {
        id: AccessTokenId::parse("AAAAAAAAAAAAAAAAAA001A").unwrap(),
        account,
        name: name("CI of \"größe\" 🧪"),
        scope: TokenScope::parse("mlflow git api:admin").unwrap(),
        identity: Some((identity.issuer, identity.subject)),
        groups: vec!["staff".to_owned(), "Gruppe \"Süd\"".to_owned()],
        is_admitted: true,
        told_at: at(1000),
        made_at: at(1000),
        expires_at: at(5000),
        last_used_at: None,
    }
}

/// Adds that token, in this session.
pub(super) async fn add_access_token(store: &Replica, account: AccountId, session: SessionId) {
    let text = AccessTokenText::parse(&format!("lgt_{}", "A".repeat(43))).unwrap();
    let made = store.access_tokens.create(&access_token(account), &text.hash(), session, 3).await;
    assert_eq!(made, Ok(AccessTokenCreation::Created));
}
