//! The signals that end the launcher: Ctrl-C, SIGTERM, and the end of the terminal.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::LaunchError;

/// Receives these signals, which no longer end the process by themselves once it exists.
pub(super) struct Interrupt {
    signals: [Signal; 3],
}

impl Interrupt {
    pub(super) fn listen() -> Result<Self, LaunchError> {
        let listen = |kind| signal(kind).map_err(|source| LaunchError::System { what: "to report signals", source });
        let signals =
            [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?];
        Ok(Self { signals })
    }

    /// Waits for the next of the signals.
    pub(super) async fn received(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
