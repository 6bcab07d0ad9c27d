//! The configuration: read once at the start, from defaults, a file and the environment.
//!
//! Start at [`Sources::of_process`] and [`Configuration::read`]. Reading is a function of its sources: it
//! looks at nothing else but the files that they name. An unknown key, a bad value or a half-set provider is
//! a [`Problem`] that names key and source, and all problems are told at once. `docs/configuration.md`
//! describes every key.

mod external_oidc;
mod in_force;
mod keys;
mod listen;
mod passwords;
mod problems;
mod services;
mod session;
mod settings;
mod shared;
mod sources;
mod terms;
mod tls;
mod token;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use labgate_domain::public_url::{PlainHttp, PublicUrl, RegisteredPaths, UnfitPublicUrl};
use labgate_domain::sign_in::{GivenAdministrator, Policy};
use labgate_domain::time::parse_duration;
use labgate_http::paths::{MAIN_PAGE, REGISTERED};
use labgate_http::{CookieName, DropIn, ProxyNetwork, Terms};
use labgate_provider::ProviderSettings;
use labgate_store::Location;
use secrecy::ExposeSecret as _;

pub use self::external_oidc::settings as external_oidc_settings;
pub use self::listen::{Listen, UnfitListen};
pub(crate) use self::passwords::from_file as password_from_file;
pub use self::problems::{Problem, Problems, Source};
use self::settings::Settings;
pub use self::shared::SharedSettings;
pub use self::sources::{File, Sources};
pub(crate) use self::tls::TlsPair;
pub use self::tls::{TlsFiles, UnfitTlsFile};
pub use self::token::TokenKey;
use self::values::Readers;
pub(crate) use self::values::of_owner as secret_from_file;
use crate::logging::{Levels, LogFormat, LogSettings};

const MAX_SHUTDOWN_DELAY: Duration = Duration::from_mins(5);

/// A configuration without problems.
#[derive(Debug)]
pub struct Configuration {
    /// The address to listen on.
    pub listen: Listen,
    /// The rights of the file of a Unix socket.
    pub socket_mode: u32,
    /// The files of the server's certificate and key, if it speaks TLS itself.
    pub tls: Option<TlsFiles>,
    /// The directory of the keys and other files.
    pub data_dir: PathBuf,
    /// The database of accounts and sessions.
    pub database: Location,
    /// The policy of the core.
    pub policy: Policy,
    /// The external providers, the one of `[external_oidc]` or of the variables first.
    pub providers: Vec<ProviderSettings>,
    /// The trusted proxies in front of this lab, which name the client's address.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// The time between the signal to stop and the stop, in which the readiness check fails.
    pub shutdown_delay: Duration,
    /// The products whose paths are served, too.
    pub drop_ins: Vec<DropIn>,
    /// The terms of service.
    pub terms: Option<Terms>,
    /// The name of the session cookie.
    pub cookie_name: CookieName,
    /// The first administrator, if there is none yet.
    pub first_administrator: Option<GivenAdministrator>,
    /// The key of session tokens.
    pub token_key: TokenKey,
    /// The log settings.
    pub log: LogSettings,
    /// The settings that all replicas of the lab must have alike.
    pub shared: SharedSettings,
    in_force: String,
}

impl Configuration {
    /// Reads a configuration.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn read(sources: &Sources) -> Result<Self, Problems> {
        let mut settings = Settings::merge(sources);
        match Self::of_settings(&mut settings) {
            Some(configuration) if settings.problems.is_empty() => Ok(configuration),
            _ => Err(Problems(settings.problems)),
        }
    }

    /// Reads everything before it looks whether all is there, so that all problems are met.
    fn of_settings(settings: &mut Settings) -> Option<Self> {
        let listen = settings.value(&keys::LISTEN, str::parse::<Listen>);
        let socket_mode = settings.value(&keys::SOCKET_MODE, listen::socket_mode);
        let tls = tls::files(settings);
        let data_dir = settings.text(&keys::DATA_DIR).map(PathBuf::from);
        let database = database(settings, data_dir.as_deref());
        let public_url = public_url(settings, listen.as_ref(), tls.is_some());
        let self_registration = settings.switch(&keys::ALLOW_SELF_REGISTRATIONS);
        let trusted_proxies = trusted_proxies(settings);
        let shutdown_delay = settings.value(&keys::SHUTDOWN_DELAY, |text| match parse_duration(text)? {
            delay if delay <= MAX_SHUTDOWN_DELAY => Ok(delay),
            _ => Err("is more than 5m"),
        });
        let drop_ins = settings.value(&keys::DIALECTS, |text| {
            text.split(',')
                .map(|name| {
                    name.trim().parse::<DropIn>().map_err(|error| format!("has {name:?}, which {error}"))
                })
                .collect()
        });
        let (terms, terms_digest) = terms::read(settings).unzip();
        let must_accept = terms::must_accept(settings, terms_digest);
        let passwords = passwords::policy(settings);
        let first_administrator = passwords::first_administrator(settings, passwords);
        let limits = session::limits(settings);
        let cookie_name = settings.value(&keys::COOKIE_NAME, str::parse);
        let shared = SharedSettings::of(settings);
        let mut providers: Vec<_> = external_oidc::read(settings).into_iter().collect();
        let of_sections = external_oidc::further(settings, &mut providers);
        let token_key = token::key(settings);
        let levels = settings.value(&keys::LOG_LEVEL, Levels::parse);
        let format = settings.value(&keys::LOG_FORMAT, LogFormat::parse);
        let hash_addresses = settings.switch(&keys::LOG_HASH_ADDRESSES);

        let (public_url, passwords, limits) = (public_url?, passwords?, limits?);
        let lab = public_url.to_string();
        let services = services::read(settings, &public_url);
        let shared =
            shared.with(settings::SERVICES, settings.services.iter().map(services::written).collect());
        let in_force = in_force::of_all(settings, &lab)
            + &of_sections
            + &in_force::of_services(&settings.services, &settings.services_source);
        let shared = shared.with(keys::PUBLIC_URL.path, vec![lab.clone()]);
        let named = |provider: ProviderSettings| provider.with_claim_namespace(&lab);
        Some(Self {
            listen: listen?,
            socket_mode: socket_mode?,
            tls,
            data_dir: data_dir?,
            database: database?,
            providers: providers.into_iter().map(named).collect(),
            policy: Policy {
                public_url,
                passwords: passwords.enabled,
                password_length: passwords.length,
                self_registration: self_registration?,
                token_lifetime: limits.token_lifetime,
                session_idle_limit: limits.idle,
                session_absolute_limit: limits.absolute,
                max_sessions_per_account: limits.max_per_account,
                database_grace: limits.database_grace,
                access_token_days: limits.access_token_days,
                services: Arc::new(services),
                terms: must_accept,
            },
            trusted_proxies,
            shutdown_delay: shutdown_delay?,
            drop_ins: drop_ins.unwrap_or_default(),
            terms,
            cookie_name: cookie_name?,
            first_administrator,
            token_key: token_key?,
            log: LogSettings { levels: levels?, format: format?, hash_addresses: hash_addresses? },
            shared,
            in_force,
        })
    }

    /// Every key with its value and where that comes from, a line each. Secrets are told to be set, and no
    /// more.
    #[must_use]
    pub fn in_force(&self) -> &str {
        &self.in_force
    }
}

/// The place of the database: a file in the data directory, unless something else is set. A URL holds a
/// password, so it is told by nothing but the server and the name.
fn database(settings: &mut Settings, data_dir: Option<&Path>) -> Option<Location> {
    if !settings.is_set(&keys::DATABASE) && !settings.is_set(&keys::DATABASE_FILE) {
        return Some(Location::Sqlite(data_dir?.join(DATABASE_NAME)));
    }
    let text = settings.secret(&keys::DATABASE, &keys::DATABASE_FILE, Readers::Anybody)?;
    settings.accept(&keys::DATABASE, Location::parse(text.expose_secret()))
}

/// The database in a data directory.
const DATABASE_NAME: &str = "labgate.db";

/// The proxies; none when none are set, or there are problems.
fn trusted_proxies(settings: &mut Settings) -> Vec<ProxyNetwork> {
    let proxies = settings.value(&keys::TRUSTED_PROXIES, |text| {
        let parsed = text.split(',').map(|proxy| {
            let proxy = proxy.trim();
            proxy.parse::<ProxyNetwork>().map_err(|error| format!("has {proxy:?}, which {error}"))
        });
        parsed.collect()
    });
    proxies.unwrap_or_default()
}

/// The public URL. A server that only this machine can reach is reached where it listens; of any other we
/// cannot know under which name people reach it, and a name taken from a request would be the attacker's
/// choice.
fn public_url(settings: &mut Settings, listen: Option<&Listen>, has_tls: bool) -> Option<PublicUrl> {
    let plain_http = if settings.switch(&keys::NETWORK_WITHOUT_TLS)? {
        PlainHttp::NetworkWithoutTls
    } else {
        PlainHttp::LoopbackOnly
    };
    let signed_out = settings.value(&keys::POST_LOGOUT_REDIRECT, |text| {
        let pages = [REGISTERED.signed_out, MAIN_PAGE.as_str()];
        pages.into_iter().find(|page| *page == text).ok_or("is neither \"/signed-out\" nor \"/\"")
    });
    let paths = RegisteredPaths { signed_out: signed_out?, ..REGISTERED };
    if settings.is_set(&keys::PUBLIC_URL) {
        return settings.value(&keys::PUBLIC_URL, |text| {
            PublicUrl::parse(text, plain_http, paths).map_err(|error| match error {
                UnfitPublicUrl::PlainHttp => format!("{error} ({} = true)", keys::NETWORK_WITHOUT_TLS.path),
                _ => error.to_string(),
            })
        });
    }
    let listen = listen?;
    if let Listen::Tcp(address) = listen
        && address.ip().is_loopback()
        && address.port() != 0
    {
        let scheme = if has_tls { "https" } else { "http" };
        return PublicUrl::parse(&format!("{scheme}://{address}"), plain_http, paths).ok();
    }
    settings.refuse(
        &keys::PUBLIC_URL,
        format!(
            "is needed because {} is {listen}: the address under which browsers reach this lab, such as \
             https://lab.example.org; set it as {}, or in the file",
            keys::LISTEN.path,
            keys::PUBLIC_URL.variable()
        ),
    )
}

#[cfg(test)]
mod tests;
