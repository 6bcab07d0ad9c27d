//! What systemd is told of this process (`sd_notify`). Without systemd there is nobody to tell.

/// The server answers requests; after a reload, with what it has read again.
pub(crate) fn ready() {
    #[cfg(unix)]
    tell(&[sd_notify::NotifyState::Ready]);
}

/// The server reads its files again; [`ready`] says when it has.
pub(crate) fn reloading() {
    #[cfg(unix)]
    match sd_notify::NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[sd_notify::NotifyState::Reloading, now]),
        Err(error) => log(&error),
    }
}

/// The server stops.
pub(crate) fn stopping() {
    #[cfg(unix)]
    tell(&[sd_notify::NotifyState::Stopping]);
}

#[cfg(unix)]
fn tell(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log(&error);
    }
}

#[cfg(unix)]
fn log(error: &std::io::Error) {
    tracing::warn!(error = error.to_string(), "systemd could not be told the state of the server");
}
