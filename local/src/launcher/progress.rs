//! Messages of progress, on the standard output. Errors go to the standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

/// How long a step may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

/// Prints a line.
pub(super) fn say(line: impl Display) {
    // An error is ignored: if the reader has ended, as `head` does, the API goes on.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Waits, and prints every five seconds what is still waited for.
pub(super) async fn while_saying<T>(waiting: impl Future<Output = T>, still: impl Fn() -> String) -> T {
    let start = Instant::now();
    let mut reminder = tokio::time::interval_at(start + SILENCE_LIMIT, SILENCE_LIMIT);
    reminder.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(waiting);
    loop {
        tokio::select! {
            done = &mut waiting => return done,
            _ = reminder.tick() => say(format_args!("  still {} ({} s)", still(), start.elapsed().as_secs())),
        }
    }
}
