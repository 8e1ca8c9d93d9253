//! Messages of progress, on the standard output. Errors and the compiler's messages go to the standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

/// How long a step may be silent.
pub(super) const PERIOD: Duration = Duration::from_secs(5);

const STEPS: u8 = 5;

/// Prints a line.
pub(super) fn say(line: impl Display) {
    // An error is ignored: if the reader has ended, as `head` does, the API goes on.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line of another program's errors.
pub(super) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says which step begins, or what came of it.
pub(super) fn step(number: u8, line: impl Display) {
    say(format_args!("{number} of {STEPS}: {line}"));
}

/// Waits, and prints now and then for how long, and for what if `still` says it. An empty text prints nothing.
pub(super) async fn say_every<T>(period: Duration, waiting: impl Future<Output = T>, still: impl Fn() -> String) -> T {
    let start = Instant::now();
    let mut reminder = tokio::time::interval_at(start + period, period);
    reminder.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(waiting);
    loop {
        tokio::select! {
            done = &mut waiting => return done,
            _ = reminder.tick() => {
                let still = still();
                if !still.is_empty() {
                    say(format_args!("        {still} ({} s)", start.elapsed().as_secs()));
                }
            }
        }
    }
}
