//! The log on the standard error stream, one line an event.
//!
//! Two promises hold for all settings and all input: a value cannot forge a line or steer a terminal (the
//! module `one_line`), and no code, token or secret is written (our own crates never record one, and
//! [`Levels`] keeps the libraries below the level at which they write headers and frames).

mod levels;
mod one_line;
mod sign_in_log;
mod summing_log;

use std::io;
use std::panic::PanicHookInfo;

use labgate_domain::world::Entropy;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

pub use self::levels::Levels;
use self::one_line::OneLine;
pub use self::sign_in_log::{TracingLog, operated};
pub(crate) use self::sign_in_log::{replicas_agree, replicas_differ};
pub use self::summing_log::SummingLog;

/// The settings of the log.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The levels.
    pub levels: Levels,
    /// The format.
    pub format: LogFormat,
    /// Whether a keyed hash stands in place of each address.
    pub hash_addresses: bool,
}

impl LogSettings {
    /// Returns the log of sign-ins. The key of the hashes is made anew: it is kept nowhere, so nobody gets back
    /// from a hash once the process has ended.
    #[must_use]
    pub fn sign_in_log(&self, entropy: &dyn Entropy) -> SummingLog {
        let tells_all = self.levels.to_filter().would_enable("labgate::sign_in", &Level::DEBUG);
        if !self.hash_addresses {
            return SummingLog::over(TracingLog::default(), tells_all);
        }
        let mut key = [0; 32];
        entropy.fill(&mut key);
        SummingLog::over(TracingLog::hashing_addresses(key), tells_all)
    }
}

/// The format of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: time, level, where from, message, `name=value`.
    Text,
    /// For programs: a JSON object a line, the event's fields beside `timestamp`, `level`, `target` and
    /// `message`.
    Json,
}

impl LogFormat {
    /// Takes a format from the configuration.
    ///
    /// # Errors
    /// When it is neither `text` nor `json`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("is neither text nor json"),
        }
    }
}

/// Starts logging for the whole process, to the standard error stream. Only the first call has an effect.
pub fn start(settings: &LogSettings) {
    // The error says that another subscriber was first; both then log.
    let _ = tracing::subscriber::set_global_default(subscriber(settings, io::stderr));
    std::panic::set_hook(Box::new(log_panic));
}

/// Returns the subscriber for these settings, with the writer that this makes for each event.
fn subscriber<W, F>(settings: &LogSettings, writer: F) -> impl Subscriber + Send + Sync + use<W, F>
where
    W: io::Write + 'static,
    F: Fn() -> W + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        // OneLine does more.
        .with_ansi_sanitization(false)
        // An error stream that was closed must not end what is logged: its complaint would go there, too.
        .log_internal_errors(false)
        .with_writer(move || OneLine(writer()));
    let lines = match settings.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(settings.levels.to_filter()))
}

/// Logs the place of a panic. Its message is written only when it stands in the source, for a text put
/// together at run time can hold anything.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let text = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(place, text, "a panic, which is a defect of Labgate");
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
