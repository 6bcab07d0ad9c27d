//! Runs the forward-auth check over three mocked ports: tokens, sessions and accounts. Time and the log are
//! fixed, too.

use std::error::Error;
use std::time::Duration;

use labgate_domain::people::{Account, AccountId, AccountStatus, LocalGroups, Role, Username};
use labgate_domain::ports::{
    FeedPosition, MockAccessTokenStore, MockAccountStore, MockObserver, MockServiceStore, MockSessionStore,
    MockSignInRecords, MockThrottle, MockTokenIssuer, ServicesRevision, SessionChanges,
};
use labgate_domain::public_url::{PlainHttp, PublicUrl, RegisteredPaths};
use labgate_domain::session::{Session, SessionClaims, SessionId};
use labgate_domain::sign_in::{LiveServices, Policy, RecentChecks, Requests, ServicesMemory, Trails};
use labgate_domain::time::Timestamp;
use labgate_domain::world::{MockClock, MockEntropy};

const LAB: &str = "https://lab.example.org";
const PATHS: RegisteredPaths = RegisteredPaths { callback: "/callback", signed_out: "/signed-out" };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let now = Timestamp::from_unix_seconds(1_795_000_000);
    for ended_at in [None, Some(now)] {
        let session = session(now, ended_at)?;
        let (account, claims) = (account(now)?, claims(&session, now)?);

        let mut tokens = MockTokenIssuer::new();
        tokens.expect_authenticate().returning(move |_| Ok(claims.clone()));
        let mut sessions = MockSessionStore::new();
        sessions.expect_find().returning(move |_| Ok(Some(session.clone())));
        sessions.expect_changes_since().returning(|_| {
            let services = ServicesRevision::default();
            Ok(SessionChanges { position: FeedPosition(String::new()), changed: Some(Vec::new()), services })
        });
        let mut accounts = MockAccountStore::new();
        accounts.expect_find().returning(move |_| Ok(Some(account.clone())));
        let mut clock = MockClock::new();
        clock.expect_now().return_const(now);
        let mut entropy = MockEntropy::new();
        entropy.expect_fill().return_const(());
        let mut observer = MockObserver::new();
        observer.expect_finished().return_const(());
        observer.expect_earlier_refusal().return_const(None);

        let policy = Policy::for_lab_at(PublicUrl::parse(LAB, PlainHttp::LoopbackOnly, PATHS)?);
        let requests = Requests {
            tokens: &tokens,
            sessions: &sessions,
            access_tokens: &MockAccessTokenStore::new(),
            accounts: &accounts,
            throttle: &MockThrottle::new(),
            recent: &RecentChecks::default(),
            trails: Trails {
                observer: &observer,
                records: &MockSignInRecords::new(),
                clock: &clock,
                entropy: &entropy,
            },
            services: LiveServices {
                store: &MockServiceStore::new(),
                memory: &ServicesMemory::new(&policy),
                policy: &policy,
            },
            policy: &policy,
        };
        match requests.check("the token of the cookie").await {
            Ok(checked) => println!("200: {} is signed in", checked.person.username),
            Err(reason) => println!("401: {reason}"),
        }
    }
    Ok(())
}

fn account(now: Timestamp) -> Result<Account, Box<dyn Error>> {
    Ok(Account {
        id: AccountId::parse("01900000-0000-7000-8000-000000000001")?,
        username: Username::local("ada")?,
        email: None,
        name: None,
        role: Role::User,
        groups: LocalGroups::default(),
        status: AccountStatus::Active,
        accepted_terms: Vec::new(),
        created_at: now,
    })
}

fn session(now: Timestamp, ended_at: Option<Timestamp>) -> Result<Session, Box<dyn Error>> {
    Ok(Session {
        id: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA")?,
        account: account(now)?.id,
        external: None,
        user_agent: None,
        address: None,
        groups: Vec::new(),
        authentication_methods: vec!["pwd".to_owned()],
        authenticated_at: now,
        created_at: now,
        last_seen_at: now,
        expires_at: now.plus(Duration::from_hours(12)),
        ended_at,
    })
}

fn claims(session: &Session, now: Timestamp) -> Result<SessionClaims, Box<dyn Error>> {
    Ok(SessionClaims {
        iss: LAB.to_owned(),
        aud: LAB.to_owned(),
        sub: session.account,
        sid: session.id,
        exp: now.plus(Duration::from_mins(15)),
        iat: now,
        jti: "first".to_owned(),
        username: account(now)?.username,
        email: None,
        name: None,
        role: Role::User,
        groups: Vec::new(),
        groups_complete: true,
        amr: session.authentication_methods.clone(),
        auth_time: session.authenticated_at,
    })
}
