//! A log that a test can read.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;

use super::{Levels, LogFormat, LogSettings, subscriber};

/// The log of a test.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// While there is only one subscriber, tracing asks the thread that comes to a call first whether a
/// subscriber wants it, and believes the answer for all threads: a test that logs nowhere would silence this
/// one. So there are always two more.
static NOT_ALONE: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| [(); 2].map(|()| Dispatch::new(tracing_subscriber::registry())));

/// Returns the log of `work` on this thread.
pub(crate) fn log_of(levels: &str, format: LogFormat, work: impl FnOnce()) -> String {
    LazyLock::force(&NOT_ALONE);
    let captured = Captured::default();
    let settings = LogSettings { levels: Levels::parse(levels).unwrap(), format, hash_addresses: false };
    let writer = captured.clone();
    tracing::subscriber::with_default(subscriber(&settings, move || writer.clone()), work);
    captured.text()
}
