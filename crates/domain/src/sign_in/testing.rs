//! A world of fakes for the use cases' tests: small real ones where state matters, `mockall` where calls
//! matter.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use url::Url;

use super::{Policy, Ports, Requests, SignIn, Trail, Visitor};
use crate::access::Services;
use crate::admission::AdmissionRules;
use crate::attempt::PresentedAttempt;
use crate::identity::{EmailClaim, ExternalIdentity, Memberships};
use crate::people::{
    Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, LocalGroups, Password,
    PasswordHash, RequiredTerms, Role, Username,
};
use crate::ports::{
    Changed, Consumption, FeedPosition, HashingError, LoginAttempt, MockAccessTokenStore, MockAccountStore,
    MockAdministrationStore, MockCredentialStore, MockIdentityProvider, MockIdentityStore, MockPasswordJudge,
    MockSessionStore, Observer, PasswordHasher, PasswordVerdict, Permit, ServiceStore, ServicesRevision,
    SessionChanges, Share, SignInEvent, SignInRecords, SigningError, SpentAttempts, StoreError,
    StoredService, StoredServices, Throttle, TokenFault, TokenIssuer,
};
use crate::protocol::{
    ClientId, EndSessionEndpoint, EndSessionForm, HintParameters, Hints, Issuer, Scopes, Subject,
};
use crate::provider::{AuthorizationServer, EmailTrust, ProviderDescription, ProviderHealth, ProviderId};
use crate::public_url::{PlainHttp, PublicUrl, RegisteredPaths};
use crate::return_to::ReturnTo;
use crate::sealed::{SealError, Sealer};
use crate::sealed::{SealId, Sealed};
use crate::session::{Assertion, AssertionClaims, Session, SessionClaims, SessionId, SessionToken};
use crate::time::Timestamp;
use crate::world::{Clock, Entropy};

/// The paths that tests expect in URLs.
const PATHS: RegisteredPaths =
    RegisteredPaths { callback: "/api/auth/oidc/callback", signed_out: "/signed-out" };

pub(super) const ISSUER: &str = "https://op.example";
pub(super) const NOW: i64 = 1_800_000_000;

/// Everything but accounts, sessions and the provider, which each test mocks as it needs.
#[derive(Default)]
pub(super) struct World {
    clock: Arc<FakeClock>,
    log: Arc<FakeLog>,
    /// Stores the trails in place of the log.
    pub(super) records: Option<Arc<dyn SignInRecords>>,
    pub(super) tokens: Arc<FakeTokens>,
    spent: Arc<FakeSpent>,
    pub(super) access_tokens: MockAccessTokenStore,
    pub(super) accounts: MockAccountStore,
    pub(super) identities: MockIdentityStore,
    pub(super) credentials: MockCredentialStore,
    pub(super) administration: MockAdministrationStore,
    pub(super) sessions: MockSessionStore,
    pub(super) providers: Vec<MockIdentityProvider>,
    pub(super) closed: bool,
    pub(super) services: Services,
    pub(super) terms: Option<RequiredTerms>,
    pub(super) stored: Arc<FakeServices>,
    pub(super) without_passwords: bool,
    pub(super) hasher: Arc<FakeHasher>,
    pub(super) throttle: Arc<FakeThrottle>,
    pub(super) judge: MockPasswordJudge,
    pub(super) opened: OpenedByIdentity,
}

/// An answer of the feed of changes.
pub(super) fn changes(changed: &[Changed]) -> SessionChanges {
    let services = ServicesRevision::default();
    SessionChanges { position: FeedPosition("here".to_owned()), changed: Some(changed.to_vec()), services }
}

/// Added services, as a store has them.
#[derive(Default)]
pub(super) struct FakeServices {
    pub(super) now: Mutex<StoredServices>,
    pub(super) is_failing: AtomicBool,
    /// What another administrator writes just before the next change.
    pub(super) before_put: Mutex<Option<StoredService>>,
    /// The number of questions for the list.
    pub(super) asked: AtomicU64,
}

impl FakeServices {
    /// Writes a definition, whatever it is.
    pub(super) fn write(&self, id: &str, definition: &str) {
        let mut now = self.now.lock().unwrap();
        now.list.retain(|it| it.id != id);
        now.list.push(StoredService { id: id.to_owned(), definition: definition.to_owned() });
        now.list.sort_by(|one, other| one.id.cmp(&other.id));
        now.revision.0.push('+');
    }

    fn revision(&self) -> ServicesRevision {
        self.now.lock().unwrap().revision.clone()
    }
}

#[async_trait]
impl ServiceStore for FakeServices {
    async fn list(&self) -> Result<StoredServices, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_failing.load(Ordering::Relaxed) {
            return Err(StoreError("down".to_owned()));
        }
        Ok(self.now.lock().unwrap().clone())
    }

    async fn put(&self, service: &StoredService, revision: &ServicesRevision) -> Result<bool, StoreError> {
        if let Some(theirs) = self.before_put.lock().unwrap().take() {
            self.write(&theirs.id, &theirs.definition);
        }
        let is_of_it = self.revision() == *revision;
        if is_of_it {
            self.write(&service.id, &service.definition);
        }
        Ok(is_of_it)
    }

    async fn remove(&self, id: &str, revision: &ServicesRevision) -> Result<bool, StoreError> {
        let mut now = self.now.lock().unwrap();
        let is_of_it = now.revision == *revision;
        if is_of_it {
            now.list.retain(|it| it.id != id);
            now.revision.0.push('-');
        }
        Ok(is_of_it)
    }
}

/// The account that the identity opens by now, if it opens one.
#[derive(Clone, Default)]
pub(super) struct OpenedByIdentity(Arc<Mutex<Option<Account>>>);

impl OpenedByIdentity {
    pub(super) fn set(&self, account: &Account) {
        *self.0.lock().unwrap() = Some(account.clone());
    }
}

/// A sign-in in a world of fakes, and the handles to look at it.
pub(super) struct Scene {
    pub(super) sign_in: SignIn,
    pub(super) stored: Arc<FakeServices>,
    pub(super) clock: Arc<FakeClock>,
    pub(super) log: Arc<FakeLog>,
    pub(super) tokens: Arc<FakeTokens>,
    pub(super) hasher: Arc<FakeHasher>,
    pub(super) throttle: Arc<FakeThrottle>,
}

impl World {
    pub(super) fn scene(mut self) -> Scene {
        // Behind what a test expects itself: nothing changes, and a session that was just opened is there.
        let stored = Arc::clone(&self.stored);
        let no_session = move |_: Option<&FeedPosition>| {
            Ok(SessionChanges { services: stored.revision(), ..changes(&[]) })
        };
        self.sessions.expect_changes_since().returning(no_session);
        let just_opened = self.sessions.expect_find().withf(|id| *id != session().id);
        just_opened.returning(|id| Ok(Some(Session { id, ..session() })));
        self.access_tokens.expect_keep_admission().returning(|_, _, _, _| Ok(()));
        let ports = Ports {
            providers: self.providers.into_iter().map(|provider| Arc::new(provider) as _).collect(),
            access_tokens: Arc::new(self.access_tokens),
            accounts: Arc::new(self.accounts),
            identities: Arc::new(self.identities),
            credentials: Arc::new(self.credentials),
            administration: Arc::new(self.administration),
            sessions: Arc::new(self.sessions),
            services: Arc::clone(&self.stored) as _,
            spent_attempts: self.spent,
            sealer: Arc::new(FakeSealer),
            tokens: Arc::clone(&self.tokens) as _,
            hasher: Arc::clone(&self.hasher) as _,
            judge: Arc::new(self.judge),
            throttle: Arc::clone(&self.throttle) as _,
            observer: Arc::clone(&self.log) as _,
            records: self.records.unwrap_or_else(|| Arc::clone(&self.log) as _),
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::new(FakeEntropy::default()),
        };
        let public_url = PublicUrl::parse("https://lab.example", PlainHttp::LoopbackOnly, PATHS).unwrap();
        let policy = Policy {
            self_registration: !self.closed,
            passwords: !self.without_passwords,
            services: Arc::new(self.services),
            terms: self.terms,
            ..Policy::for_lab_at(public_url)
        };
        let sign_in = SignIn::new(ports, policy);
        Scene {
            sign_in,
            stored: self.stored,
            clock: self.clock,
            log: self.log,
            tokens: self.tokens,
            hasher: self.hasher,
            throttle: self.throttle,
        }
    }

    /// An identity is looked for as often as needed, and opens what the test has linked it to.
    pub(super) fn identities_open_what_is_linked(&mut self) {
        let opened = self.opened.clone();
        self.identities.expect_find_by_identity().returning(move |_, _| Ok(opened.0.lock().unwrap().clone()));
    }

    /// A provider that can be begun with, and redeems as the test says afterwards.
    pub(super) fn provider(issuer_in_response: bool, email_trust: EmailTrust) -> MockIdentityProvider {
        Self::provider_with(ISSUER, issuer_in_response, email_trust, AdmissionRules::default(), None)
    }

    /// One with these admission rules.
    pub(super) fn provider_that_admits(admission: AdmissionRules) -> MockIdentityProvider {
        Self::provider_with(ISSUER, false, EmailTrust::Claim, admission, None)
    }

    /// One with these admission rules, and with session revalidation every ten minutes.
    pub(super) fn provider_with_revalidation(admission: AdmissionRules) -> MockIdentityProvider {
        Self::provider_with(ISSUER, false, EmailTrust::Claim, admission, Some(Duration::from_mins(10)))
    }

    /// One that publishes this issuer.
    pub(super) fn provider_of(issuer: &'static str) -> MockIdentityProvider {
        Self::provider_with(issuer, false, EmailTrust::Claim, AdmissionRules::default(), None)
    }

    fn provider_with(
        issuer: &'static str,
        issuer_in_response: bool,
        email_trust: EmailTrust,
        admission: AdmissionRules,
        revalidation: Option<Duration>,
    ) -> MockIdentityProvider {
        let mut provider = MockIdentityProvider::new();
        provider.expect_description().return_const(ProviderDescription {
            id: ProviderId::parse("external").unwrap(),
            name: "External".to_owned(),
            email_trust,
            admission: Arc::new(admission),
            revalidation,
        });
        provider.expect_health().return_const(ProviderHealth::Ready);
        provider.expect_explain().returning(|words| words.contains("KNOWN-1").then_some("what to do"));
        provider.expect_authorization_server().returning(move || {
            Ok(AuthorizationServer {
                issuer: Issuer::parse(issuer).unwrap(),
                authorization_endpoint: Url::parse("https://op.example/authorize").unwrap(),
                end_session_endpoint: Some(EndSessionEndpoint {
                    url: Url::parse("https://op.example/logout").unwrap(),
                    form: EndSessionForm::STANDARD,
                }),
                states_issuer_in_response: issuer_in_response,
                pushes_requests: false,
                client_id: ClientId::parse("lab").unwrap(),
                scopes: Scopes::with_openid(["email"]).unwrap(),
                extra_parameters: Vec::new(),
                reauthenticates: true,
                hint_parameters: HintParameters::OPENID,
            })
        });
        provider
    }
}

impl Scene {
    /// A token of this session, issued now.
    pub(super) fn token(&self, account: &Account, session: &Session) -> String {
        let claims = self.claims(account, session, self.clock.now());
        self.tokens.issue(&claims).unwrap().expose().to_owned()
    }

    /// The claims of a token of this session, issued at that time.
    pub(super) fn claims(&self, account: &Account, session: &Session, now: Timestamp) -> SessionClaims {
        let Requests { policy, trails, .. } = self.sign_in.requests();
        super::claims::claims(policy, &policy.public_url.to_string(), trails.entropy, account, session, now)
    }

    /// A token of [`session`], issued now.
    pub(super) fn session_token(&self) -> String {
        self.token(&account(AccountStatus::Active), &session())
    }

    /// The pass of [`session`] for an origin, as it begins.
    pub(super) fn pass(&self, origin: &str) -> String {
        let claims = self.claims(&account(AccountStatus::Active), &session(), session().created_at);
        let claims = SessionClaims { aud: origin.to_owned(), ..claims };
        self.tokens.issue_pass(&claims).unwrap().expose().to_owned()
    }

    /// Begins a sign-in, and gives the cookie that the browser carries and the state in the URL.
    pub(super) async fn begin(&self, return_to: &str) -> (PresentedAttempt, String) {
        let begun = self
            .sign_in
            .external()
            .begin(None, Hints::default(), ReturnTo::or_main_page(return_to), &[])
            .await
            .unwrap();
        let state =
            begun.authorization_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        (PresentedAttempt { id: begun.cookie.id, sealed: begun.cookie.sealed }, state)
    }
}

pub(super) fn identity(email: EmailClaim) -> ExternalIdentity {
    ExternalIdentity {
        issuer: Issuer::parse(ISSUER).unwrap(),
        subject: Subject::parse("subject-of-ada").unwrap(),
        email,
        username: None,
        name: DisplayName::new("Ada"),
        groups: vec!["lab-users".to_owned()],
        memberships: Memberships::default(),
        authentication_methods: vec!["pwd".to_owned()],
        authenticated_at: None,
        session: None,
        id_token_hint: None,
        refresh_token: None,
    }
}

/// A browser with this session token.
pub(super) fn presenting(token: &str) -> Visitor<'_> {
    Visitor { session_token: Some(token), ..Visitor::default() }
}

pub(super) fn ada() -> EmailAddress {
    EmailAddress::parse("ada@example.com").unwrap()
}

pub(super) fn stated(verified: bool) -> EmailClaim {
    EmailClaim::Stated { address: ada(), verified }
}

pub(super) fn account(status: AccountStatus) -> Account {
    Account {
        id: AccountId::parse("01900000-0000-7000-8000-000000000001").unwrap(),
        username: Username::from(&ada()),
        email: Some(ada()),
        name: DisplayName::new("Ada"),
        role: Role::User,
        groups: LocalGroups::default(),
        status,
        accepted_terms: Vec::new(),
        created_at: Timestamp::from_unix_seconds(NOW - 1000),
    }
}

/// A session of that account, with a password, that just began.
pub(super) fn session() -> Session {
    let now = Timestamp::from_unix_seconds(NOW);
    Session {
        id: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
        account: account(AccountStatus::Active).id,
        external: None,
        user_agent: None,
        address: None,
        groups: Vec::new(),
        authentication_methods: vec!["pwd".to_owned()],
        authenticated_at: now,
        created_at: now,
        last_seen_at: now,
        expires_at: now.plus(Policy::SESSION_ABSOLUTE_LIMIT),
        ended_at: None,
    }
}

pub(super) struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(NOW))
    }
}

impl FakeClock {
    pub(super) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// Counts: every value is another one.
#[derive(Default)]
struct FakeEntropy(AtomicU64);

impl Entropy for FakeEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (byte, value) in bytes.iter_mut().rev().zip(count.iter().rev().chain(std::iter::repeat(&7))) {
            *byte = *value;
        }
    }
}

#[derive(Default)]
pub(super) struct FakeLog {
    events: Mutex<Vec<SignInEvent>>,
    trails: Mutex<Vec<Trail>>,
    stored: Mutex<Vec<Trail>>,
}

impl FakeLog {
    pub(super) fn events(&self) -> Vec<SignInEvent> {
        self.events.lock().unwrap().clone()
    }

    /// The trails that were observed.
    pub(super) fn trails(&self) -> Vec<Trail> {
        self.trails.lock().unwrap().clone()
    }

    /// The trails that were stored.
    pub(super) fn stored(&self) -> Vec<Trail> {
        self.stored.lock().unwrap().clone()
    }

    /// The last trail that was observed.
    pub(super) fn last_trail(&self) -> Trail {
        self.trails().pop().expect("a trail")
    }
}

impl Observer for FakeLog {
    fn observe(&self, event: &SignInEvent) {
        self.events.lock().unwrap().push(event.clone());
    }

    fn finished(&self, trail: &Trail) {
        self.trails.lock().unwrap().push(trail.clone());
    }
}

#[async_trait]
impl SignInRecords for FakeLog {
    async fn store(&self, trail: &Trail) -> Result<(), StoreError> {
        self.stored.lock().unwrap().push(trail.clone());
        Ok(())
    }
}

/// Seals by encoding, which is enough to see what is bound to what.
struct FakeSealer;

impl Sealer for FakeSealer {
    fn seal(&self, id: SealId, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let bytes = [id.as_bytes(), plaintext].concat();
        Sealed::parse(&BASE64_URL_SAFE_NO_PAD.encode(bytes)).map_err(|_| SealError)
    }

    fn open(&self, id: SealId, sealed: &Sealed) -> Option<Vec<u8>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed.as_str()).ok()?;
        bytes.strip_prefix(id.as_bytes()).map(<[u8]>::to_vec)
    }
}

/// Signs by encoding, and counts how often it had to look.
#[derive(Default)]
pub(super) struct FakeTokens {
    authenticated: AtomicU64,
}

impl FakeTokens {
    pub(super) fn authenticated(&self) -> u64 {
        self.authenticated.load(Ordering::SeqCst)
    }
}

impl TokenIssuer for FakeTokens {
    fn issue(&self, claims: &SessionClaims) -> Result<SessionToken, SigningError> {
        let json = serde_json::to_vec(claims).map_err(|error| SigningError(error.to_string()))?;
        Ok(SessionToken::new(BASE64_URL_SAFE_NO_PAD.encode(json)))
    }

    fn authenticate(&self, token: &str) -> Result<SessionClaims, TokenFault> {
        self.authenticated.fetch_add(1, Ordering::SeqCst);
        let json = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenFault::Malformed)?;
        serde_json::from_slice(&json).map_err(|_| TokenFault::Malformed)
    }

    fn issue_pass(&self, claims: &SessionClaims) -> Result<SessionToken, SigningError> {
        Ok(SessionToken::new(format!("pass.{}", self.issue(claims)?.expose())))
    }

    fn authenticate_pass(&self, origin: &str, pass: &str) -> Result<SessionClaims, TokenFault> {
        let claims = self.authenticate(pass.strip_prefix("pass.").ok_or(TokenFault::Malformed)?)?;
        if claims.aud == origin { Ok(claims) } else { Err(TokenFault::Foreign) }
    }

    fn assert(&self, claims: &AssertionClaims) -> Result<Assertion, SigningError> {
        let json = serde_json::to_string(claims).map_err(|error| SigningError(error.to_string()))?;
        Ok(Assertion::new(json))
    }

    fn jwks(&self) -> String {
        "{\"keys\":[]}".to_owned()
    }
}

#[derive(Default)]
struct FakeSpent(Mutex<HashSet<SealId>>);

#[async_trait]
impl SpentAttempts for FakeSpent {
    async fn consume(&self, id: SealId, _: Timestamp) -> Result<Consumption, StoreError> {
        let first = self.0.lock().unwrap().insert(id);
        Ok(if first { Consumption::First } else { Consumption::Again })
    }

    async fn is_spent(&self, id: SealId) -> Result<bool, StoreError> {
        Ok(self.0.lock().unwrap().contains(&id))
    }

    async fn delete_expired(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// Hashes by writing `$fake$` in front, and counts its work. A hash that begins with `$weak$` is weak; for a
/// password that begins with `busy` it is too busy.
#[derive(Default)]
pub(super) struct FakeHasher {
    verified: AtomicU64,
}

impl FakeHasher {
    pub(super) fn verified(&self) -> u64 {
        self.verified.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl PasswordHasher for FakeHasher {
    async fn hash(&self, password: Password, _: Share) -> Result<PasswordHash, HashingError> {
        if password.expose().starts_with("busy") {
            return Err(HashingError::Busy);
        }
        PasswordHash::parse(&format!("$fake${}", password.expose())).map_err(|_| HashingError::Failed)
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        _: Share,
    ) -> Result<PasswordVerdict, HashingError> {
        if password.expose().starts_with("busy") {
            return Err(HashingError::Busy);
        }
        self.verified.fetch_add(1, Ordering::SeqCst);
        let Some(hash) = hash else { return Ok(PasswordVerdict::Wrong) };
        Ok(match hash.expose().strip_prefix("$fake$") {
            Some(known) if known == password.expose() => PasswordVerdict::Right,
            _ if hash.expose().strip_prefix("$weak$") == Some(password.expose()) => {
                PasswordVerdict::RightButWeak
            }
            _ => PasswordVerdict::Wrong,
        })
    }

    fn can_verify(&self, hash: &PasswordHash) -> bool {
        ["$fake$", "$weak$"].iter().any(|kind| hash.expose().starts_with(kind))
    }
}

/// Admits three attempts of each kind at each target, and remembers them.
#[derive(Default)]
pub(super) struct FakeThrottle(Mutex<Vec<LoginAttempt>>);

impl FakeThrottle {
    pub(super) fn counted(&self) -> Vec<LoginAttempt> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Throttle for FakeThrottle {
    async fn admit(&self, guess: LoginAttempt, _: Timestamp) -> Result<Permit, StoreError> {
        let mut counted = self.0.lock().unwrap();
        if counted.iter().filter(|known| **known == guess).count() >= 3 {
            return Ok(Permit::RetryAfter(Duration::from_secs(1)));
        }
        counted.push(guess);
        Ok(Permit::Granted)
    }

    async fn record_success(&self, guess: LoginAttempt, _: Timestamp) -> Result<(), StoreError> {
        self.0.lock().unwrap().retain(|known| *known != guess);
        Ok(())
    }

    async fn cancel(&self, guess: LoginAttempt, _: Timestamp) -> Result<(), StoreError> {
        let mut counted = self.0.lock().unwrap();
        if let Some(last) = counted.iter().rposition(|known| *known == guess) {
            counted.remove(last);
        }
        Ok(())
    }

    async fn delete_expired(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

pub(super) fn credential(hash: &str, must_change: bool) -> Credential {
    Credential { hash: PasswordHash::parse(hash).unwrap(), must_change }
}
