//! What happened in a schedule, line by line.

use std::fmt::Display;
use std::sync::{Arc, Mutex};

use crate::NOW;
use shared::domain::time::Clock;

/// A trace that everybody in a schedule writes to.
#[derive(Clone)]
pub(super) struct Trace {
    clock: Clock,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Trace {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, lines: Arc::default() }
    }

    pub(super) fn line(&self, line: impl Display) {
        let elapsed_ms = self.clock.now().since(NOW).as_millis();
        self.lines.lock().unwrap().push(format!("{elapsed_ms:>7} ms  {line}"));
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}
