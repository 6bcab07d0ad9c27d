//! The wiring of the product: the only place that knows every adapter.

mod background;
mod data_dir;
mod first_administrator;
mod listener;
mod live_files;
mod live_keys;
mod live_tls;
mod replicas;
mod revalidations;
mod start_error;
#[cfg(unix)]
mod unix_socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use labgate_domain::ports::IdentityProvider;
use labgate_domain::sign_in::{Ports, SignIn};
use labgate_domain::world::Clock;
use labgate_http::{App, AppInfo, Tls};
use labgate_password::{Argon2Hasher, MemoryThrottle, StrengthJudge, WorkPool};
use labgate_store::{RunningReplica, Store};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::background::{forget_expired, tell_sums, warm_up};
pub(crate) use self::data_dir::{DataDirLock, LOCK, UNFINISHED_RESTORE};
use self::first_administrator::ensure_first_administrator;
use self::listener::Bound;
pub use self::listener::HandedOver;
use self::live_files::LiveFiles;
use self::live_keys::LiveKeys;
pub(crate) use self::live_keys::{KEYS, key_directory_at};
pub use self::live_keys::{key_directory, key_directory_path};
use self::live_tls::LiveTls;
use self::replicas::Replica;
use self::revalidations::Revalidations;
pub use self::start_error::StartError;
use crate::configuration::{Configuration, Listen, UnfitTlsFile, external_oidc_settings};
use crate::logging::SummingLog;
use crate::world::{OsEntropy, SystemClock};

/// A Labgate that listens and is ready to serve.
pub struct Server {
    bound: Bound,
    tls: Option<Arc<Tls>>,
    app: App,
    store: Store,
    setup_link: Option<SecretString>,
    background: JoinSet<()>,
    revalidations: Revalidations,
    data_dir: DataDirLock,
    replica: RunningReplica,
    reload_bell: Arc<Notify>,
    log: Arc<SummingLog>,
    shutdown_delay: Duration,
}

impl Server {
    /// Starts a server that listens where the settings say; see [`Self::start_on`].
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(configuration: Configuration) -> Result<Self, StartError> {
        Self::start_on(configuration, None).await
    }

    /// Starts a server, on a socket that was handed over to this process, if there is one: listens, opens the database and the keys, and creates both if they do not exist. A
    /// lab without an administrator gets the one of the settings, or on SQLite a setup link. The start does
    /// not depend on the provider: its metadata is fetched in the background.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_on(
        configuration: Configuration,
        handed_over: Option<HandedOver>,
    ) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let providers = providers(&configuration, &clock)?;
        let live_tls = LiveTls::open(&configuration, clock.now())?;
        let tls = live_tls.as_ref().map(|live| Arc::clone(&live.tls));
        // Before anything else, so that a second server on the same address changes nothing.
        let bound = Bound::at(&configuration.listen, configuration.socket_mode, handed_over).await?;
        let log = Arc::new(configuration.log.sign_in_log(&OsEntropy));
        let Opened { ports, store, keys, data_dir } = open(&configuration, &providers, &clock, &log).await?;
        let missing_settings = if providers.is_empty() { external_oidc_settings() } else { Vec::new() };
        announce(&bound.address, &configuration, &missing_settings);

        let sign_in = SignIn::new(ports, configuration.policy.clone());
        let (sign_in, setup_link) = ensure_first_administrator(sign_in, &configuration).await?;
        let sign_in = Arc::new(sign_in);
        let mut background = JoinSet::new();
        background.spawn(tell_sums(Arc::clone(&log)));
        background.spawn(forget_expired(Arc::clone(&sign_in)));
        let mut replica = Replica::new(store.clone(), configuration.shared.clone(), Arc::clone(&clock));
        let stated = replica.stated().clone();
        replica.compare().await;
        background.spawn(replica.keep_comparing());
        let reload_bell = Arc::new(Notify::new());
        let files = LiveFiles { keys, tls: live_tls };
        background.spawn(files.keep_up_to_date(clock, Arc::clone(&sign_in), Arc::clone(&reload_bell)));
        let mut revalidations = Revalidations::new();
        for provider in providers.iter().map(|provider| provider.description()) {
            if provider.revalidation.is_some() {
                revalidations.begin(Arc::clone(&sign_in), provider.id);
            }
        }
        for provider in providers {
            background.spawn(warm_up(provider));
        }
        let Configuration { trusted_proxies, cookie_name, drop_ins, terms, shutdown_delay, .. } =
            configuration;
        let info = AppInfo { missing_settings, trusted_proxies, cookie_name, drop_ins, terms };
        let app = App::new(sign_in, info);
        Ok(Self {
            bound,
            tls,
            app,
            store,
            setup_link,
            background,
            revalidations,
            data_dir,
            replica: stated,
            reload_bell,
            log,
            shutdown_delay,
        })
    }

    /// Returns the listening address, with the port that the system chose if the setting is 0; `None` for a Unix
    /// socket.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self.bound.address {
            Listen::Tcp(address) => Some(address),
            Listen::Unix(_) => None,
        }
    }

    /// Returns the link that creates the first administrator, while there is none. The link is a credential
    /// for the whole lab: it is also in the file `setup-link` of the data directory, and never in the log.
    #[must_use]
    pub fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Returns the bell for which the keys and the certificate are read again at once, and not only within the minute.
    #[must_use]
    pub fn reload_bell(&self) -> Arc<Notify> {
        Arc::clone(&self.reload_bell)
    }

    /// Serves requests until `shutdown` completes. Then the readiness check fails and no further session revalidation
    /// begins, and after the delay of the settings no further request is accepted; those under way are finished, the
    /// requests for at most ten seconds, the revalidations for at most thirty, and the database is closed.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { bound, tls, app, store, mut background, revalidations, data_dir, replica, log, .. } = self;
        let (leaving, delay) = (app.clone(), self.shutdown_delay);
        let stopping = revalidations.stop();
        let mut stopped = stopping.subscribe();
        let serving = labgate_http::serve(bound.listener, tls, app, async {
            shutdown.await;
            leaving.leave();
            stopping.send_replace(true);
            tokio::time::sleep(delay).await;
        });
        let ending = async {
            // An error would say that there is nothing to wait for.
            let _ = stopped.wait_for(|stopped| *stopped).await;
            revalidations.end().await;
        };
        tokio::join!(serving, ending);
        background.shutdown().await;
        if let Err(error) = store.forget_replica(&replica).await {
            tracing::warn!(error = error.to_string(), "this replica counts as running for some minutes more");
        }
        store.close().await;
        drop(data_dir);
        log.tell_sums();
        tracing::info!("stopped");
    }
}

/// A lab whose data directory is in use.
struct Opened {
    ports: Ports,
    store: Store,
    keys: LiveKeys,
    data_dir: DataDirLock,
}

/// Opens the store and the keys of a lab, and builds the ports over them.
async fn open(
    configuration: &Configuration,
    providers: &[Arc<dyn IdentityProvider>],
    clock: &Arc<dyn Clock>,
    log: &Arc<SummingLog>,
) -> Result<Opened, StartError> {
    let data_dir = DataDirLock::shared(&configuration.data_dir)?;
    let store = Store::open(&configuration.database).await?;
    let keys = LiveKeys::open(configuration, &**clock)?;
    let pool = WorkPool::new();
    let ports = Ports {
        providers: providers.to_vec(),
        access_tokens: Arc::new(store.clone()),
        accounts: Arc::new(store.clone()),
        identities: Arc::new(store.clone()),
        credentials: Arc::new(store.clone()),
        administration: Arc::new(store.clone()),
        sessions: Arc::new(store.clone()),
        services: Arc::new(store.clone()),
        spent_attempts: Arc::new(store.clone()),
        sealer: Arc::clone(&keys.seals) as _,
        tokens: Arc::clone(&keys.tokens) as _,
        hasher: Arc::new(Argon2Hasher::new(Arc::new(OsEntropy), pool.clone())),
        judge: Arc::new(StrengthJudge::new(pool)),
        throttle: store.throttle().unwrap_or_else(|| Arc::new(MemoryThrottle::new())),
        observer: Arc::clone(log) as _,
        records: Arc::clone(log) as _,
        clock: Arc::clone(clock),
        entropy: Arc::new(OsEntropy),
    };
    Ok(Opened { ports, store, keys, data_dir })
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
    let log = Arc::new(configuration.log.sign_in_log(&OsEntropy));
    let Opened { ports, store, data_dir, .. } = open(configuration, &[], &clock, &log).await?;
    let result = work(&SignIn::new(ports, configuration.policy.clone())).await;
    store.close().await;
    drop(data_dir);
    log.tell_sums();
    Ok(result)
}

/// Reads the server's certificate and its key, if the settings name them.
///
/// # Errors
/// When they cannot be used.
pub(crate) fn check_tls(configuration: &Configuration) -> Result<(), UnfitTlsFile> {
    LiveTls::open(configuration, SystemClock.now()).map(drop)
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
        let provider = labgate_provider::provider(settings.clone(), Arc::clone(clock));
        provider.map_err(|error| StartError::Provider { id: settings.description().id.clone(), error })
    });
    made.collect()
}

/// Logs the facts of a start.
fn announce(address: &Listen, configuration: &Configuration, missing_settings: &[String]) {
    let public_url = configuration.policy.public_url.to_string();
    let data_dir = configuration.data_dir.display().to_string();
    let version = env!("CARGO_PKG_VERSION");
    let database = configuration.database.to_string();
    tracing::info!(%address, public_url, data_dir, database, version, "labgate is listening");
    if missing_settings.is_empty() {
        let redirect_uri = configuration.policy.public_url.redirect_uri();
        tracing::info!(redirect_uri = redirect_uri.as_str(), "external sign-in is on");
        let no_proxy = ["NO_PROXY", "no_proxy"].iter().find_map(|name| std::env::var(name).ok());
        let no_proxy = no_proxy.unwrap_or_default();
        let unknown = labgate_provider::unknown_no_proxy_patterns(&no_proxy);
        if !unknown.is_empty() {
            tracing::warn!(
                patterns = unknown.join(","),
                "NO_PROXY has patterns that except no host: write an address, a network such as 10.0.0.0/8, or a \
                 domain such as example.org, without a port"
            );
        }
    } else {
        tracing::info!(
            missing = missing_settings.join(", "),
            "external sign-in is off: settings are missing"
        );
    }
}

#[cfg(test)]
mod tests;
