//! Shared helpers of this crate's tests.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use labgate_domain::ports::{
    FeedPosition, MockAccessTokenStore, MockAccountStore, MockAdministrationStore, MockCredentialStore,
    MockIdentityStore, MockObserver, MockPasswordHasher, MockPasswordJudge, MockServiceStore,
    MockSessionStore, MockSignInRecords, MockSpentAttempts, MockThrottle, MockTokenIssuer, ServicesRevision,
    SessionChanges, SignInEvent,
};
use labgate_domain::public_url::{PlainHttp, PublicUrl};
use labgate_domain::sealed::{MockSealer, SealError, Sealed};
use labgate_domain::sign_in::{Policy, Ports, SignIn};
use labgate_domain::time::Timestamp;
use labgate_domain::world::{MockClock, MockEntropy};
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::{App, AppInfo, paths};

/// Builds the application of a lab at `https://lab.example`; its ports expect no call.
pub(crate) fn app() -> App {
    app_with(AppInfo::default())
}

/// The same with what is told of this lab.
pub(crate) fn app_with(info: AppInfo) -> App {
    app_at("https://lab.example", info)
}

/// The same at another public URL.
pub(crate) fn app_at(public_url: &str, info: AppInfo) -> App {
    let mut entropy = MockEntropy::new();
    entropy.expect_fill().returning(|bytes| bytes.fill(7));
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| Timestamp::from_unix_seconds(1_800_000_000));
    let mut log = MockObserver::new();
    log.expect_observe().returning(|event| {
        if let SignInEvent::RequestRefused { reference, code, reason, path, .. } = event {
            tracing::info!(%reference, code, ?path, reason, "a request was refused");
        }
    });
    log.expect_finished().return_const(());
    log.expect_earlier_refusal().return_const(None);
    let mut records = MockSignInRecords::new();
    records.expect_store().returning(|_| Ok(()));
    let mut sessions = MockSessionStore::new();
    sessions.expect_changes_since().returning(|_| {
        let services = ServicesRevision::default();
        Ok(SessionChanges { position: FeedPosition(String::new()), changed: Some(Vec::new()), services })
    });
    let mut sealer = MockSealer::new();
    sealer.expect_seal().returning(|_, _| Sealed::parse("sealed").map_err(|_| SealError));
    let ports = Ports {
        providers: Vec::new(),
        access_tokens: Arc::new(MockAccessTokenStore::new()),
        accounts: Arc::new(MockAccountStore::new()),
        identities: Arc::new(MockIdentityStore::new()),
        credentials: Arc::new(MockCredentialStore::new()),
        administration: Arc::new(MockAdministrationStore::new()),
        sessions: Arc::new(sessions),
        services: Arc::new(MockServiceStore::new()),
        spent_attempts: Arc::new(MockSpentAttempts::new()),
        sealer: Arc::new(sealer),
        tokens: Arc::new(MockTokenIssuer::new()),
        hasher: Arc::new(MockPasswordHasher::new()),
        judge: Arc::new(MockPasswordJudge::new()),
        throttle: Arc::new(MockThrottle::new()),
        observer: Arc::new(log),
        records: Arc::new(records),
        clock: Arc::new(clock),
        entropy: Arc::new(entropy),
    };
    let public_url = PublicUrl::parse(public_url, PlainHttp::LoopbackOnly, paths::REGISTERED).unwrap();
    App::new(Arc::new(SignIn::new(ports, Policy::for_lab_at(public_url))), info)
}

/// Log lines.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Collects what this thread logs, until the guard is dropped.
    pub(crate) fn collect(&self) -> DefaultGuard {
        let lines = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_ansi(false)
            .without_time()
            .with_writer(move || lines.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
