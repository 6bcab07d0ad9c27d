//! The wiring of the product: the only place that knows every adapter.

mod first_administrator;
mod revalidations;

use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use labgate_domain::error::ErrorCode;
use labgate_domain::people::Username;
use labgate_domain::ports::{IdentityProvider, StoreError};
use labgate_domain::provider::ProviderId;
use labgate_domain::sign_in::{Ports, SignIn};
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_http::{App, AppInfo, person_text};
use labgate_password::{Argon2Hasher, MemoryThrottle, StrengthJudge};
use labgate_provider::SettingsError;
use labgate_store::{OpenError, Store};
use labgate_token::{AttemptSeals, KeyDirectory, KeyFileError, KeyRing, Keys, SessionTokens};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use self::first_administrator::ensure_first_administrator;
use self::revalidations::Revalidations;
use crate::configuration::{Configuration, TokenKey, external_oidc_settings};
use crate::logging::TracingLog;
use crate::remedies::remedy;
use crate::world::{OsEntropy, SystemClock};

/// The interval at which expired sessions and attempts are deleted.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_mins(10);
/// The interval at which the keys are read again: within it a key of the command line is known, and a key
/// that is due signs. It is well below [`KeyDirectory::PUBLICATION_DELAY`], within which each replica must
/// know a new key.
const KEYS_INTERVAL: Duration = Duration::from_mins(1);

/// A Labgate that listens and is ready to serve.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: App,
    store: Store,
    setup_link: Option<SecretString>,
    background: JoinSet<()>,
    revalidations: Revalidations,
}

impl Server {
    /// Starts a server: listens, opens the database and the keys, and creates both if they do not exist. A
    /// lab without an administrator gets the one of the settings, or on SQLite a setup link. The start does
    /// not depend on the provider: its metadata is fetched in the background.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(configuration: Configuration) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let providers = providers(&configuration, &clock)?;
        // Before anything else, so that a second server on the same address changes nothing.
        let (listener, address) = listen(configuration.listen).await?;
        let Opened { ports, store, keys } = Opened::open(&configuration, &providers, &clock).await?;
        let missing_settings = if providers.is_empty() { external_oidc_settings() } else { Vec::new() };
        announce(address, &configuration, &missing_settings);

        let sign_in = SignIn::new(ports, configuration.policy.clone());
        let (sign_in, setup_link) = ensure_first_administrator(sign_in, &configuration).await?;
        let sign_in = Arc::new(sign_in);
        let mut background = JoinSet::new();
        background.spawn(forget_expired(Arc::clone(&sign_in)));
        background.spawn(keys.keep_up_to_date(clock));
        let mut revalidations = Revalidations::new();
        for provider in providers.iter().map(|provider| provider.description()) {
            if provider.recheck.is_some() {
                revalidations.begin(Arc::clone(&sign_in), provider.id);
            }
        }
        for provider in providers {
            background.spawn(warm_up(provider));
        }
        let info = AppInfo { missing_settings, trusted_proxies: configuration.trusted_proxies };
        let app = App::new(sign_in, info);
        Ok(Self { listener, address, app, store, setup_link, background, revalidations })
    }

    /// Returns the listening address, with the port that the system chose if the setting is 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the link that creates the first administrator, while there is none. The link is a credential
    /// for the whole lab: it is also in the file `setup-link` of the data directory, and never in the log.
    #[must_use]
    pub fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Serves requests until `shutdown` completes, then finishes requests for at most ten seconds, and
    /// session revalidations for as long again, and closes the database.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, app, store, mut background, revalidations, .. } = self;
        labgate_http::serve(listener, app, shutdown).await;
        revalidations.end().await;
        background.shutdown().await;
        store.close().await;
        tracing::info!("stopped");
    }
}

/// The opened store and keys of a lab, and the ports over them.
struct Opened {
    ports: Ports,
    store: Store,
    keys: LiveKeys,
}

impl Opened {
    async fn open(
        configuration: &Configuration,
        providers: &[Arc<dyn IdentityProvider>],
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        create_data_dir(&configuration.data_dir)?;
        let store = Store::open(&configuration.database).await?;
        let keys = LiveKeys::open(configuration, &**clock)?;
        let ports = Ports {
            providers: providers.to_vec(),
            accounts: Arc::new(store.clone()),
            identities: Arc::new(store.clone()),
            credentials: Arc::new(store.clone()),
            administration: Arc::new(store.clone()),
            sessions: Arc::new(store.clone()),
            spent_attempts: Arc::new(store.clone()),
            sealer: Arc::clone(&keys.seals) as _,
            tokens: Arc::clone(&keys.tokens) as _,
            hasher: Arc::new(Argon2Hasher::new(Arc::new(OsEntropy))),
            judge: Arc::new(StrengthJudge),
            throttle: store.throttle().unwrap_or_else(|| Arc::new(MemoryThrottle::new())),
            observer: Arc::new(TracingLog),
            records: Arc::new(TracingLog),
            clock: Arc::clone(clock),
            entropy: Arc::new(OsEntropy),
        };
        Ok(Self { ports, store, keys })
    }
}

/// Runs `work` with the use cases of a lab without serving it, beside a running server or without one.
///
/// # Errors
/// When the data directory cannot be used; see [`StartError`].
pub async fn with_sign_in<T>(
    configuration: &Configuration,
    work: impl AsyncFnOnce(&SignIn) -> T,
) -> Result<T, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Opened { ports, store, .. } = Opened::open(configuration, &[], &clock).await?;
    let result = work(&SignIn::new(ports, configuration.policy.clone())).await;
    store.close().await;
    Ok(result)
}

/// The reason a start failed. Each variant names the address, file or setting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}", reason = listen_failure(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The data directory cannot be created.
    #[error("the data directory {path} cannot be created: {source}; data_dir (LABGATE_DATA_DIR) names another", path = path.display())]
    DataDir {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The provider's settings do not fit together.
    #[error("the provider {id}: {error}", id = id.as_str())]
    Provider {
        /// The provider.
        id: ProviderId,
        /// The cause.
        error: SettingsError,
    },
    /// The database does not answer.
    #[error(transparent)]
    NoAnswer(#[from] StoreError),
    /// The first administrator of the settings cannot be created.
    #[error("[admin]: {username} cannot become the first administrator: {} ({})", person_text(.code.as_str()), .code.as_str())]
    FirstAdministrator {
        /// The name from the settings.
        username: Username,
        /// Why.
        code: ErrorCode,
    },
    /// The file with the setup link cannot be written or deleted.
    #[error("the file {path} cannot be replaced: {source}", path = path.display())]
    SetupLink {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

fn listen_failure(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there already (another Labgate?); listen (LABGATE_LISTEN) names another address".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; listen (LABGATE_LISTEN) names another, 0.0.0.0 all".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need a privilege; listen (LABGATE_LISTEN) names another address".to_owned()
        }
        _ => format!("{error}; listen (LABGATE_LISTEN) names another address"),
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Creates the data directory with access for its owner only.
fn create_data_dir(path: &Path) -> Result<(), StartError> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.recursive(true).create(path);
    made.map_err(|source| StartError::DataDir { path: path.to_owned(), source })
}

/// Builds the configured providers, without a request to them.
///
/// # Errors
/// When the settings of a provider contradict each other.
pub fn providers(
    configuration: &Configuration,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Arc<dyn IdentityProvider>>, StartError> {
    let made = configuration.providers.iter().map(|settings| {
        let id = settings.description().id.clone();
        labgate_provider::provider(settings.clone(), Arc::clone(clock))
            .map_err(|error| StartError::Provider { id, error })
    });
    made.collect()
}

/// Returns the key directory of this configuration.
#[must_use]
pub fn key_directory(configuration: &Configuration) -> KeyDirectory {
    let algorithm = match &configuration.token_key {
        TokenKey::InDataDir(algorithm) => *algorithm,
        TokenKey::Given(key) => key.algorithm(),
    };
    // A token is renewed, with the key that signed it, for as long as its session may be idle. A replica
    // starts to use the next key when it reads the directory again.
    let renewable = configuration.policy.session_idle_limit.saturating_add(KEYS_INTERVAL);
    KeyDirectory::new(&key_directory_path(configuration), algorithm)
        .with_overlap(KeyRing::OVERLAP.max(renewable))
}

/// Returns the path of [`key_directory`].
#[must_use]
pub fn key_directory_path(configuration: &Configuration) -> PathBuf {
    configuration.data_dir.join("keys")
}

/// The keys in use, and their source.
struct LiveKeys {
    directory: KeyDirectory,
    /// True if the directory's keys sign; false if the operator's own key does.
    signs_with_directory: bool,
    tokens: Arc<SessionTokens>,
    seals: Arc<AttemptSeals>,
}

impl LiveKeys {
    fn open(configuration: &Configuration, clock: &dyn Clock) -> Result<Self, KeyFileError> {
        let directory = key_directory(configuration);
        let Keys { ring, seals } = directory.open_or_create(clock.now())?;
        let (ring, signs_with_directory) = match &configuration.token_key {
            TokenKey::InDataDir(_) => (ring, true),
            TokenKey::Given(key) => (KeyRing::new(key.clone()), false),
        };
        let origin = configuration.policy.public_url.origin();
        let tokens = Arc::new(SessionTokens::new(ring, origin, origin));
        Ok(Self { directory, signs_with_directory, tokens, seals: Arc::new(AttemptSeals::new(seals)) })
    }

    async fn keep_up_to_date(self, clock: Arc<dyn Clock>) {
        let keys = Arc::new(self);
        let mut ticks = every(KEYS_INTERVAL);
        loop {
            ticks.tick().await;
            let (keys, now) = (Arc::clone(&keys), clock.now());
            if let Err(error) = tokio::task::spawn_blocking(move || keys.read_again(now)).await {
                tracing::error!(error = error.to_string(), "reading the keys again failed");
            }
        }
    }

    fn read_again(&self, now: Timestamp) {
        match self.directory.read(now) {
            Ok(Keys { ring, seals }) => {
                if self.signs_with_directory {
                    self.tokens.replace(ring);
                }
                self.seals.replace(seals);
            }
            Err(error) => {
                tracing::error!(
                    error = error.to_string(),
                    "the keys cannot be read again; the previous ones stay in use"
                );
            }
        }
    }
}

async fn forget_expired(sign_in: Arc<SignIn>) {
    let mut ticks = every(HOUSEKEEPING_INTERVAL);
    loop {
        ticks.tick().await;
        match sign_in.housekeeping().forget_expired().await {
            Ok((sessions, attempts)) => {
                tracing::debug!(sessions, attempts, "expired sessions and attempts deleted");
            }
            Err(error) => tracing::error!(
                error = error.to_string(),
                "expired sessions and attempts could not be deleted"
            ),
        }
    }
}

/// Fetches the provider's metadata, so that the first sign-in does not wait for it and a failure is logged at
/// once.
async fn warm_up(provider: Arc<dyn IdentityProvider>) {
    let id = provider.description().id;
    let id = id.as_str();
    match provider.authorization_server().await {
        Ok(server) => {
            tracing::info!(provider = id, issuer = server.issuer.as_str(), "external sign-in is ready");
        }
        Err(error) => {
            tracing::warn!(
                provider = id,
                code = error.code().as_str(),
                error = error.to_string(),
                remedy = remedy(error.code()),
                "external sign-in is not ready; the next sign-in asks the provider again"
            );
        }
    }
}

/// Logs the facts of a start.
fn announce(address: SocketAddr, configuration: &Configuration, missing_settings: &[String]) {
    let public_url = configuration.policy.public_url.origin();
    let data_dir = configuration.data_dir.display().to_string();
    let version = env!("CARGO_PKG_VERSION");
    let database = configuration.database.to_string();
    tracing::info!(%address, public_url, data_dir, database, version, "labgate is listening");
    if missing_settings.is_empty() {
        let redirect_uri = configuration.policy.public_url.redirect_uri();
        tracing::info!(redirect_uri = redirect_uri.as_str(), "external sign-in is on");
    } else {
        tracing::info!(
            missing = missing_settings.join(", "),
            "external sign-in is off: settings are missing"
        );
    }
}

/// Returns ticks that start one interval from now, and do not accumulate while the machine sleeps.
fn every(interval: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests;
