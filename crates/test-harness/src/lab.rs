//! A whole lab in one process: the real routes and the real core, over in-memory stores, with a mock
//! provider.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use labgate_domain::access::{Service, Services};
use labgate_domain::admission::AdmissionRules;
use labgate_domain::people::{EmailAddress, Password, RequiredTerms, Role, TermsDigest, TermsVersion};
use labgate_domain::ports::{
    AccessTokenStore, AccountStore, AdministrationStore, CredentialStore, IdentityStore, ServiceStore,
    SessionStore, SpentAttempts, Throttle,
};
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
use labgate_domain::public_url::{PlainHttp, PublicUrl};
use labgate_domain::sign_in::{Administrator, NewAccount, Policy, Ports, SetupToken, SignIn};
use labgate_http::{App, AppInfo, CookieName, DropIn, Terms, paths};
use labgate_mock_idp::{Algorithm, Client, MockIdp, MockIdpBuilder, MockIssuer, Persona, User};
use labgate_provider::{KINDS, Kinds};
use labgate_token::{AttemptSeals, KeyRing, SealKeys, SessionTokens, SigningKey};
use url::Url;

use crate::browser::{Browser, Host};
use crate::log::MemoryLog;
use crate::memory::MemoryStore;
use crate::passwords::{PlainHasher, WordJudge};
use crate::provider;
use crate::proxy;
use crate::world::{FixedClock, SeededEntropy};

/// A lab and its provider, at `https://lab.test` and `https://idp.test`.
#[derive(Clone)]
pub struct TestLab {
    server: Server,
    ports: Ports,
    policy: Policy,
    setup_token: SetupToken,
    idp: Arc<MockIdp>,
    store: MemoryStore,
    clock: Arc<FixedClock>,
    log: Arc<MemoryLog>,
    info: AppInfo,
}

/// One process of a lab, with a memory of its own for recent checks.
#[derive(Clone)]
struct Server {
    app: App,
    sign_in: Arc<SignIn>,
}

/// Describes a [`TestLab`].
#[must_use]
pub struct TestLabBuilder {
    public_url: String,
    cookie_name: CookieName,
    self_registration: bool,
    email_trust: EmailTrust,
    users: Vec<User>,
    with_provider: bool,
    admission: AdmissionRules,
    revalidation: Option<Duration>,
    with_second_provider: bool,
    kinds: Kinds,
    persona: Persona,
    services: Vec<Service>,
    drop_ins: Vec<DropIn>,
    terms: Option<RequiredTerms>,
}

impl TestLab {
    /// A lab with the default settings and a provider.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Describes a lab.
    pub fn builder() -> TestLabBuilder {
        TestLabBuilder {
            public_url: "https://lab.test".to_owned(),
            cookie_name: CookieName::default(),
            self_registration: true,
            email_trust: EmailTrust::Claim,
            users: User::examples(),
            with_provider: true,
            admission: AdmissionRules::default(),
            revalidation: None,
            with_second_provider: false,
            kinds: KINDS,
            persona: Persona::Generic,
            services: Vec::new(),
            drop_ins: Vec::new(),
            terms: None,
        }
    }

    /// An origin that leads to the lab, for a service that is added while it runs.
    pub const ADDED: &str = "https://added.test";

    /// A fresh browser that reaches the lab, the provider, and nothing else.
    #[must_use]
    pub fn browser(&self) -> Browser {
        let (app, idp) = (self.server.app.clone(), Arc::clone(&self.idp));
        let base_path = self.policy.public_url.base_path();
        let lab = proxy::before(app, Arc::clone(&self.policy.services), base_path);
        let idp: Host = Arc::new(move |request| {
            let idp = Arc::clone(&idp);
            Box::pin(async move { idp.handle(request).await })
        });
        let home = Url::parse(&self.policy.public_url.to_string()).expect("a public URL");
        let origins = self.policy.services.iter().map(|service| service.url.origin().to_owned());
        let mut sites: HashMap<_, _> = origins.map(|origin| (origin, Arc::clone(&lab))).collect();
        sites.insert(Self::ADDED.to_owned(), Arc::clone(&lab));
        sites.extend([(home.origin().ascii_serialization(), lab), (IDP.to_owned(), idp)]);
        Browser::new(home, sites, Arc::clone(&self.clock) as _)
    }

    /// Signs in as one of the provider's users, from the sign-in page to the main page.
    pub async fn sign_in(&self, browser: &mut Browser, user: &str) {
        browser.open(&format!("{}{}", self.policy.public_url, paths::LOGIN_PAGE.as_str())).await;
        browser.click("Continue with Mock provider").await;
        browser.click(user).await;
    }

    /// Creates a local account with an initial password, which must be changed.
    pub async fn add_account(&self, username: &str, role: Role, initial_password: &str) {
        self.create_account(Some(username), None, role, Some(initial_password)).await;
    }

    /// Creates an account for a person who comes from the provider with this address; with a username, a
    /// local one.
    pub async fn invite(&self, email: &str, username: Option<&str>, initial_password: Option<&str>) {
        self.create_account(username, EmailAddress::parse(email).ok(), Role::User, initial_password).await;
    }

    async fn create_account(
        &self,
        username: Option<&str>,
        email: Option<EmailAddress>,
        role: Role,
        password: Option<&str>,
    ) {
        let username = username.map(str::to_owned);
        let password = password.and_then(|password| Password::typed(password).ok());
        let new = NewAccount { username, email, name: None, role, password };
        let administration = self.server.sign_in.administration();
        administration.create(&Administrator::local_operator(), new).await.expect("an account");
    }

    /// Revalidates every session that is due. Returns the number of decided ones.
    pub async fn revalidate(&self) -> u64 {
        let provider = ProviderId::parse("mock").expect("a provider id");
        let revalidation = self.server.sign_in.revalidation();
        let mut decided = 0;
        loop {
            match revalidation.revalidate(&provider, || true).await.expect("a store that works") {
                0 => return decided,
                more => decided += more,
            }
        }
    }

    /// The path of the link that makes the first administrator.
    #[must_use]
    pub fn setup_link(&self) -> String {
        let base_path = self.policy.public_url.base_path();
        format!("{base_path}{}?token={}", paths::SETUP_PAGE.as_str(), self.setup_token.expose())
    }

    /// Returns the application, which the binary serves the same way.
    #[must_use]
    pub fn app(&self) -> App {
        self.server.app.clone()
    }

    /// Sends one request, as a program would.
    pub async fn request(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.server.app.handle(request).await
    }

    /// Builds another process that serves the same lab, with the same keys, settings and provider, over a
    /// store with a connection of its own.
    #[must_use]
    pub fn replica<S>(&self, store: &S, throttle: Arc<dyn Throttle>) -> Self
    where
        S: AccountStore + IdentityStore + CredentialStore + AdministrationStore + AccessTokenStore,
        S: SessionStore + ServiceStore + SpentAttempts + Clone + 'static,
    {
        let ports = Ports {
            access_tokens: Arc::new(store.clone()),
            accounts: Arc::new(store.clone()),
            identities: Arc::new(store.clone()),
            credentials: Arc::new(store.clone()),
            administration: Arc::new(store.clone()),
            sessions: Arc::new(store.clone()),
            services: Arc::new(store.clone()),
            spent_attempts: Arc::new(store.clone()),
            throttle,
            ..self.ports.clone()
        };
        let server = server(&ports, &self.policy, &self.setup_token, &self.info);
        Self { server, ports, ..self.clone() }
    }

    /// The same lab after a new start, with this version of the terms of service to be accepted.
    #[must_use]
    pub fn with_terms(&self, version: &str) -> Self {
        let policy = Policy { terms: Some(terms(version)), ..self.policy.clone() };
        Self { server: server(&self.ports, &policy, &self.setup_token, &self.info), policy, ..self.clone() }
    }

    /// The provider.
    #[must_use]
    pub fn idp(&self) -> &MockIdp {
        &self.idp
    }

    /// The ports of the lab, to build use cases of one's own over some of them.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The policy of the lab.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Accounts, sessions and spent attempts.
    #[must_use]
    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// The time, for lab, provider and browsers alike.
    #[must_use]
    pub fn clock(&self) -> &FixedClock {
        &self.clock
    }

    /// The events so far.
    #[must_use]
    pub fn log(&self) -> &MemoryLog {
        &self.log
    }
}

impl Default for TestLab {
    fn default() -> Self {
        Self::new()
    }
}

const IDP: &str = "https://idp.test";

impl TestLabBuilder {
    /// Sets another address, such as one with plain http on loopback.
    pub fn public_url(self, url: &str) -> Self {
        Self { public_url: url.to_owned(), ..self }
    }

    /// Sets the name of the session cookie.
    pub fn cookie_name(self, cookie_name: CookieName) -> Self {
        Self { cookie_name, ..self }
    }

    /// Switches JIT provisioning of accounts off.
    pub fn without_self_registration(self) -> Self {
        Self { self_registration: false, ..self }
    }

    /// Sets the evidence by which the provider's addresses are trusted.
    pub fn email_trust(self, email_trust: EmailTrust) -> Self {
        Self { email_trust, ..self }
    }

    /// Adds a person at the provider, beside ada, bob and noone.
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Sets the admission rules for the provider's people.
    pub fn admission(self, admission: AdmissionRules) -> Self {
        Self { admission, ..self }
    }

    /// Sets the interval at which sessions are revalidated; see [`TestLab::revalidate`].
    pub fn revalidation(self, interval: Duration) -> Self {
        Self { revalidation: Some(interval), ..self }
    }

    /// Adds another provider, with the same people: its id is `second`, and it is the mock's issuer at
    /// `/second`.
    pub fn with_second_provider(self) -> Self {
        Self { with_second_provider: true, ..self }
    }

    /// Sets the provider that the mock plays.
    pub fn persona(self, persona: Persona) -> Self {
        Self { persona, ..self }
    }

    /// Sets the kinds of providers that the lab knows.
    pub fn kinds(self, kinds: Kinds) -> Self {
        Self { kinds, ..self }
    }

    /// Adds a service, behind the reverse proxy of the lab: for each request that passes it shows what it was told.
    pub fn service(mut self, service: Service) -> Self {
        self.services.push(service);
        self
    }

    /// Serves the paths of another product, too.
    pub fn drop_in(mut self, drop_in: DropIn) -> Self {
        self.drop_ins.push(drop_in);
        self
    }

    /// Has every user accept this version of the terms of service.
    pub fn must_accept(self, version: &str) -> Self {
        Self { terms: Some(terms(version)), ..self }
    }

    /// Leaves the provider out.
    pub fn without_provider(self) -> Self {
        Self { with_provider: false, ..self }
    }

    /// Puts the lab together.
    #[must_use]
    pub fn build(self) -> TestLab {
        let store = MemoryStore::new();
        let clock = Arc::new(FixedClock::default());
        let public_url = PublicUrl::parse(&self.public_url, PlainHttp::LoopbackOnly, paths::REGISTERED);
        let public_url = public_url.expect("a public URL");
        let client = Client::new("lab", "lab-secret")
            .redirect_uri(public_url.redirect_uri().as_str())
            .post_logout_redirect_uri(format!("{public_url}{}", paths::SIGNED_OUT_PAGE.as_str()))
            .backchannel_logout_uri(format!("{public_url}{}", paths::OIDC_LOGOUT.as_str()));
        let described = |idp: MockIdpBuilder| {
            let idp = idp.algorithm(Algorithm::Es256).clock(Arc::clone(&clock) as _).client(client.clone());
            let idp = idp.persona(self.persona.clone());
            self.users.iter().cloned().fold(idp, MockIdpBuilder::user)
        };
        let idp = MockIdp::builder().base_url(IDP).expect("an origin");
        let mut idp = described(idp.entropy(Arc::new(SeededEntropy::new(2))));
        if self.with_second_provider {
            idp = described(idp.another_issuer("/second").expect("a path"));
        }
        let idp = Arc::new(idp.build().expect("a mock provider"));
        let admission = Arc::new(self.admission);
        let provider = |id: &str, name: &str, issuer: &MockIssuer| {
            let description = ProviderDescription {
                id: ProviderId::parse(id).expect("a provider id"),
                name: name.to_owned(),
                email_trust: self.email_trust,
                admission: Arc::clone(&admission),
                revalidation: self.revalidation,
            };
            provider::connect(&idp, issuer, description, self.kinds, Arc::clone(&clock) as _)
        };
        let mut providers = Vec::new();
        if self.with_provider {
            providers.push(provider("mock", "Mock provider", &idp));
        }
        if let Some(second) = idp.issuer_at("/second") {
            providers.push(provider("second", "Second provider", &second));
        }

        let log = Arc::new(MemoryLog::default());
        let key = SigningKey::generate(Algorithm::Es256).expect("a signing key");
        let tokens = SessionTokens::new(KeyRing::new(key), &public_url.to_string(), &public_url.to_string());
        let ports = Ports {
            providers,
            access_tokens: Arc::new(store.clone()),
            accounts: Arc::new(store.clone()),
            identities: Arc::new(store.clone()),
            credentials: Arc::new(store.clone()),
            administration: Arc::new(store.clone()),
            sessions: Arc::new(store.clone()),
            services: Arc::new(store.clone()),
            spent_attempts: Arc::new(store.clone()),
            sealer: Arc::new(AttemptSeals::new(SealKeys::generate().expect("a sealing key"))),
            tokens: Arc::new(tokens),
            hasher: Arc::new(PlainHasher),
            judge: Arc::new(WordJudge),
            throttle: Arc::new(store.clone()),
            observer: Arc::clone(&log) as _,
            records: Arc::clone(&log) as _,
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SeededEntropy::new(1)),
        };
        let services = Arc::new(Services::new(self.services, &public_url).expect("services side by side"));
        let policy = Policy {
            self_registration: self.self_registration,
            services,
            terms: self.terms,
            ..Policy::for_lab_at(public_url)
        };
        let setup_token = SetupToken::fresh(&SeededEntropy::new(3));
        let info = AppInfo { drop_ins: self.drop_ins, cookie_name: self.cookie_name, ..AppInfo::default() };
        let server = server(&ports, &policy, &setup_token, &info);
        TestLab { server, ports, policy, setup_token, idp, store, clock, log, info }
    }
}

/// The terms of service of every lab that asks for their acceptance.
const TERMS: &str = "Be kind.";

fn terms(version: &str) -> RequiredTerms {
    RequiredTerms {
        version: TermsVersion::parse(version).expect("a version"),
        digest: TermsDigest::of(TERMS),
    }
}

/// A process that serves the lab.
fn server(ports: &Ports, policy: &Policy, setup_token: &SetupToken, info: &AppInfo) -> Server {
    let missing_settings =
        if ports.providers.is_empty() { vec!["LAB_EXTERNAL_OIDC_AUTH_URL".to_owned()] } else { Vec::new() };
    let sign_in = SignIn::new(ports.clone(), policy.clone()).with_setup_token(setup_token.clone());
    let sign_in = Arc::new(sign_in);
    // A proxy asks about services, and about terms that are due.
    let trusted_proxies = if policy.services.is_empty() && policy.terms.is_none() {
        Vec::new()
    } else {
        vec![proxy::ADDRESS.to_string().parse().expect("an address")]
    };
    let terms = policy.terms.as_ref().map(|_| Terms::Text(TERMS.to_owned()));
    let info = AppInfo { missing_settings, trusted_proxies, terms, ..info.clone() };
    let app = App::new(Arc::clone(&sign_in), info);
    Server { app, sign_in }
}
