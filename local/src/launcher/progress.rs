//! What the launcher tells while it works. Its failures go to the standard error instead.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

/// How long a step may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

/// Prints a line.
pub(super) fn say(line: impl Display) {
    // Whoever reads may have gone, as `head` does; the API goes on.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Waits for something, saying now and then what is still being waited for.
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
