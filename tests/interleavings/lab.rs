//! The lab in which the use cases meet: a store that is the same at each beginning, and a process for each
//! use case.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use labgate_domain::access::{Service, ServiceId, ServiceUrl, Target, TokenUse, WrittenService};
use labgate_domain::access_token::NewAccessToken;
use labgate_domain::attempt::PresentedAttempt;
use labgate_domain::error::Refusal;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::people::{
    Account, AccountId, AccountStatus, Credential, EmailAddress, LocalGroups, Password, PasswordHash,
    RequiredTerms, Role, TermsDigest, TermsVersion, Username,
};
use labgate_domain::ports::{
    AccountStore as _, AdministrationStore as _, DefinitionDigest, IdentityStore as _, ServiceStore, Share,
    Source, StoredService,
};
use labgate_domain::protocol::{Hints, Issuer};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sealed::SealId;
use labgate_domain::session::SessionToken;
use labgate_domain::sign_in::{
    Administrator, CompletedSignIn, Evidence, MadeAccessToken, NoPassage, PasswordSignIn, PasswordSignedIn,
    Policy, Ports, Proof, ServiceChange, SignIn, Ticket, Visitor,
};
use labgate_test_harness::memory::MemoryStore;
use labgate_test_harness::{SeededEntropy, TestLab};

use super::executor::{Scene, Task, hash};
use super::plain::{PlainSealer, PlainTokens};
use super::provider::{ISSUER, OLD_ISSUER, Provider, REVALIDATION, identity};
use super::steps::Stepped;

pub(super) const PASSWORD: &str = "tulip anchor velvet";
pub(super) const OTHER_PASSWORD: &str = "copper meadow violin";

/// A finished sign-in attempt whose callback has not come yet.
pub(super) struct Callback {
    pub(super) query: String,
    pub(super) pending: Vec<PresentedAttempt>,
}

/// What is there at each beginning.
pub(super) struct Fixture {
    ports: Ports,
    policy: Policy,
    store: MemoryStore,
    /// The hash of everybody's password.
    pub(super) first_hash: PasswordHash,
    /// The token of Ada, a person who has a password and an identity.
    pub(super) ada: String,
    /// The token of Grace, the second administrator.
    pub(super) grace: String,
    /// The callbacks of Ada, of Carol, who was invited, of Eve, who is unknown, and of Dora, whose identity of
    /// the old issuer gives way.
    pub(super) callbacks: [Callback; 4],
    /// Links an identity with Bob's address to Bob's account, on proof.
    pub(super) bobs_link: Ticket,
    /// Hands Ada's session over to the host of the notebooks.
    pub(super) handed_over: Code,
    /// Opens the notebooks for Ada: she made it in the session of her identity.
    pub(super) access_token: MadeAccessToken,
    /// The definition of the board, as administrators saw it.
    pub(super) board: DefinitionDigest,
}

/// A code on its way to the host of a service, in the browser that asked for it.
pub(super) struct Code {
    pub(super) text: String,
    pub(super) state: SealId,
    pub(super) secret: String,
}

/// The host of the notebooks.
pub(super) const NOTEBOOKS: &str = "notebooks.test";

pub(super) fn account_id(number: u8) -> AccountId {
    AccountId::parse(&format!("01890000-0000-7000-8000-0000000000{number:02x}")).unwrap()
}

pub(super) const ROOT: u8 = 1;
pub(super) const GRACE: u8 = 2;
pub(super) const ADA: u8 = 3;
pub(super) const CAROL: u8 = 4;
pub(super) const BOB: u8 = 5;
pub(super) const DORA: u8 = 6;

pub(super) fn password(text: &str) -> Password {
    Password::typed(text).unwrap()
}

pub(super) fn issuer(text: &str) -> Issuer {
    Issuer::parse(text).unwrap()
}

pub(super) fn presenting(token: &str) -> Visitor<'_> {
    Visitor { session_token: Some(token), ..Visitor::default() }
}

/// Runs what never waits.
pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

impl Fixture {
    pub(super) fn new() -> Rc<Self> {
        let lab = TestLab::builder().without_provider().service(notebooks()).build();
        let store = MemoryStore::new();
        let provider = Provider::new(false);
        let ports = lab.ports().clone();
        let policy = Policy { self_registration: true, ..lab.policy().clone() };
        let ports = Ports {
            providers: vec![provider],
            tokens: Arc::new(PlainTokens),
            sealer: Arc::new(PlainSealer),
            ..over(ports, store.clone(), 0)
        };
        let people = [
            (ROOT, "root", None, Role::Admin),
            (GRACE, "grace", None, Role::Admin),
            (ADA, "ada", Some("ada@example.com"), Role::User),
            (CAROL, "carol", Some("carol@example.com"), Role::User),
            (BOB, "bob", Some("bob@example.com"), Role::User),
            (DORA, "dora", Some("dora@example.com"), Role::User),
        ];
        let first_hash =
            now(ports.hasher.hash(password(PASSWORD), Share::of_name("ada", Source::default()))).unwrap();
        for (number, name, email, role) in people {
            let account = Account {
                id: account_id(number),
                username: Username::local(name).unwrap(),
                email: email.map(|email| EmailAddress::parse(email).unwrap()),
                name: None,
                role,
                groups: LocalGroups::default(),
                status: AccountStatus::Active,
                accepted_terms: Vec::new(),
                created_at: ports.clock.now(),
            };
            let credential = Credential { hash: first_hash.clone(), must_change: false };
            let credential = (![CAROL, DORA].contains(&number)).then_some(&credential);
            now(store.create_local(&account, credential)).unwrap();
            if number == ADA {
                let hash = credential.map(|credential| &credential.hash);
                now(store.link(account.id, &identity("ada", None), hash, account.created_at)).unwrap();
            }
        }
        let old = ExternalIdentity { issuer: issuer(OLD_ISSUER), ..identity("4711", None) };
        now(store.link(account_id(DORA), &old, None, ports.clock.now())).unwrap();
        let until = ports.clock.now().plus(2 * REVALIDATION);
        now(store.let_give_way(&old.issuer, &issuer(ISSUER), until, false)).unwrap();
        assert!(now(store.has_administrator()).unwrap());
        let sign_in = SignIn::new(ports.clone(), policy.clone());
        let board = ServiceChange::Add(service("board", "https://board.test"));
        now(sign_in.administration().change_service(&Administrator::local_operator(), &board)).unwrap();
        let board = now(ServiceStore::list(&store)).unwrap().list.first().map(StoredService::digest).unwrap();
        let grace = signed_in(now(sign_in.passwords().sign_in(typed("grace"), &Visitor::default())).unwrap());
        let before = begin(&sign_in, "ada");
        let completed = now(sign_in.external().complete(&before.query, &before.pending, &Visitor::default()));
        let CompletedSignIn::SignedIn { token, .. } = completed.unwrap() else { panic!("a session") };
        // The provider is due to be asked about Ada's session.
        lab.clock().advance(REVALIDATION);
        let callbacks = ["ada", "carol", "eve", "dora"].map(|code| begin(&sign_in, code));
        let bobs = begin(&sign_in, "bob");
        let completed = now(sign_in.external().complete(&bobs.query, &bobs.pending, &Visitor::default()));
        let CompletedSignIn::LinkDue { ticket: bobs_link, .. } = completed.unwrap() else {
            panic!("a ticket")
        };
        let ada = exposed(&token);
        let handed_over = hand_over(&sign_in, &ada);
        let access_token = now(make_access_token(&sign_in, &ada)).unwrap();
        Rc::new(Self {
            ports,
            policy,
            store,
            first_hash,
            ada,
            grace,
            callbacks,
            bobs_link,
            handed_over,
            access_token,
            board,
        })
    }
}

/// The terms of service where people register themselves.
pub(super) fn terms() -> RequiredTerms {
    RequiredTerms { version: TermsVersion::parse("1").unwrap(), digest: TermsDigest::of("Be kind.") }
}

/// A service as an administrator writes it.
pub(super) fn service(id: &str, url: &str) -> WrittenService {
    let (id, url) = (id.to_owned(), url.to_owned());
    WrittenService { name: id.clone(), id, url, ..WrittenService::default() }
}

fn notebooks() -> Service {
    let url = ServiceUrl::parse(&format!("https://{NOTEBOOKS}")).unwrap();
    let service = Service::new(ServiceId::parse("notebooks").unwrap(), "Notebooks", url);
    Service { runs_user_code: true, tokens: TokenUse::Yes, ..service }
}

/// A page of the notebooks.
pub(super) fn notebook() -> Target {
    Target::new(NOTEBOOKS, "/lab", "GET").unwrap()
}

/// Makes an access token for the notebooks.
pub(super) async fn make_access_token(sign_in: &SignIn, token: &str) -> Result<MadeAccessToken, Refusal> {
    let new = NewAccessToken { name: "CI".to_owned(), scope: "notebooks".to_owned(), days: String::new() };
    let proof = Proof::Password(Some(password(PASSWORD)));
    sign_in.access_tokens().make(new, proof, &presenting(token)).await
}

/// Presents an access token at the notebooks.
pub(super) async fn enter_with(sign_in: &SignIn, token: &str) -> Answer {
    let target = notebook();
    let evidence = Evidence { access_token: Some(token), cookie: None };
    match sign_in.access().check(&target, evidence, Source::default()).await {
        Ok(_) => Ok(None),
        Err(NoPassage::Refused(refusal)) => Err(refused(refusal)),
        Err(_) => Err("not signed in"),
    }
}

fn hand_over(sign_in: &SignIn, token: &str) -> Code {
    let target = notebook();
    let entering = now(sign_in.hand_over().begin(&target, Source::default())).unwrap();
    let handed = now(sign_in.hand_over().hand_over(&presenting(token), &target, entering.state)).unwrap();
    Code { text: handed.code.to_text(), state: entering.state, secret: entering.secret }
}

/// Makes a process over this store. The bytes that it draws are its own.
fn over<S>(ports: Ports, store: S, number: u64) -> Ports
where
    S: labgate_domain::ports::AccessTokenStore
        + labgate_domain::ports::AccountStore
        + labgate_domain::ports::IdentityStore
        + labgate_domain::ports::CredentialStore
        + labgate_domain::ports::AdministrationStore
        + ServiceStore
        + labgate_domain::ports::SessionStore
        + labgate_domain::ports::SpentAttempts
        + labgate_domain::ports::Throttle
        + Clone
        + 'static,
{
    Ports {
        access_tokens: Arc::new(store.clone()),
        accounts: Arc::new(store.clone()),
        identities: Arc::new(store.clone()),
        credentials: Arc::new(store.clone()),
        administration: Arc::new(store.clone()),
        sessions: Arc::new(store.clone()),
        services: Arc::new(store.clone()),
        spent_attempts: Arc::new(store.clone()),
        throttle: Arc::new(store),
        entropy: Arc::new(SeededEntropy::new(1000 + number)),
        ..ports
    }
}

pub(super) fn typed(name: &str) -> PasswordSignIn {
    PasswordSignIn {
        name: name.to_owned(),
        password: Some(password(PASSWORD)),
        return_to: ReturnTo::main_page(),
    }
}

fn begin(sign_in: &SignIn, code: &str) -> Callback {
    let external = sign_in.external();
    let begun = now(external.begin(None, Hints::default(), ReturnTo::main_page(), &[])).unwrap();
    let state =
        begun.authorization_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    Callback {
        query: format!("code={code}&state={state}"),
        pending: vec![PresentedAttempt { id: begun.cookie.id, sealed: begun.cookie.sealed }],
    }
}

pub(super) fn exposed(token: &SessionToken) -> String {
    token.expose().to_owned()
}

pub(super) fn signed_in(signed_in: PasswordSignedIn) -> String {
    match signed_in {
        PasswordSignedIn::SignedIn { session, .. } => exposed(&session.token),
        PasswordSignedIn::ChangeDue { .. } => panic!("a session"),
    }
}

/// The answer of a use case: a token, if it hands one out; or the code of its refusal.
pub(super) type Answer = Result<Option<String>, &'static str>;

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
pub(super) fn refused(refusal: Refusal) -> &'static str {
    refusal.error.code().as_str()
}

/// A use case, and what it is about.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What it may use once: of two use cases with the same, one succeeds at most.
    pub(super) uses: Option<&'static str>,
    pub(super) promise: Promise,
    pub(super) run: fn(Rc<Process>) -> UnderWay,
}

type UnderWay = std::pin::Pin<Box<dyn Future<Output = Answer>>>;

/// What holds from the answer on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    Nothing,
    Disabled(u8),
    Demoted(u8),
    SignedOut(u8),
    /// This person's access token of the beginning opens nothing.
    Revoked(u8),
    /// The password that it had opens the account no more.
    PasswordReplaced(u8),
    /// The same, and no access token that was made before does.
    Reset(u8),
    /// An account has this name or address.
    Exists(&'static str),
    /// The identity of this subject opens nothing.
    Unlinked(&'static str),
    /// The same, and no access token that was made with it opens anything.
    Removed(&'static str),
    /// No account has this name or address.
    NameFree(&'static str),
    /// Ada's account, if it is there, has accepted this version of the terms.
    Accepted(&'static str),
    /// Ada's account, if it is there, has this local group.
    InGroup(&'static str),
}

/// A process of the lab.
pub(super) struct Process {
    pub(super) sign_in: SignIn,
    /// The same without the provider: people register themselves there, and must accept version 1 of the terms.
    pub(super) without_provider: SignIn,
    pub(super) fixture: Rc<Fixture>,
}

/// One beginning.
pub(super) struct Beginning {
    pub(super) store: MemoryStore,
    pub(super) provider: Arc<Provider>,
    pub(super) fixture: Rc<Fixture>,
    tasks: Vec<Task<Answer>>,
}

impl Beginning {
    pub(super) fn of(fixture: &Rc<Fixture>, cases: &[&Case]) -> Self {
        let store = fixture.store.fork();
        let provider = Provider::new(true);
        let tasks = cases.iter().zip(1..).map(|(case, number)| {
            let terms = Some(terms());
            let ports = over(fixture.ports.clone(), Stepped(store.clone()), number);
            let ports = Ports { providers: vec![Arc::clone(&provider) as _], ..ports };
            let alone = Ports { providers: Vec::new(), ..ports.clone() };
            Task::new((case.run)(Rc::new(Process {
                sign_in: SignIn::new(ports, fixture.policy.clone()),
                without_provider: SignIn::new(alone, Policy { terms, ..fixture.policy.clone() }),
                fixture: Rc::clone(fixture),
            })))
        });
        let tasks = tasks.collect();
        Self { store, provider, fixture: Rc::clone(fixture), tasks }
    }

    /// Returns whether a token opens anything at a process that sees the store as it is now.
    pub(super) fn opens(&self, token: &str) -> bool {
        let ports = over(self.fixture.ports.clone(), self.store.clone(), 99);
        let sign_in = SignIn::new(ports, self.fixture.policy.clone());
        now(sign_in.requests().check(token)).is_ok()
    }

    /// Returns whether the access token of the beginning opens the notebooks at such a process.
    pub(super) fn opens_notebooks(&self) -> bool {
        self.opens_notebooks_with(self.fixture.access_token.text.expose())
    }

    /// Returns whether this access token does.
    pub(super) fn opens_notebooks_with(&self, token: &str) -> bool {
        let ports = over(self.fixture.ports.clone(), self.store.clone(), 99);
        let sign_in = SignIn::new(ports, self.fixture.policy.clone());
        now(enter_with(&sign_in, token)).is_ok()
    }

    /// Returns the role that a token states, and its account.
    pub(super) fn read(&self, token: &str) -> (AccountId, Role) {
        let claims = self.fixture.ports.tokens.authenticate(token).unwrap();
        (claims.sub, claims.role)
    }
}

impl Scene for Beginning {
    type Answer = Answer;

    fn digest(&self) -> u64 {
        hash(&(self.store.digest(), self.provider.count()))
    }

    fn tasks(&mut self) -> &mut Vec<Task<Answer>> {
        &mut self.tasks
    }
}
