//! The faults of requests on their way to the table.

use std::collections::HashMap;
use std::time::Duration;

use crate::process::ProcessId;

/// The fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is lost before it is applied.
    Lost(Notice),
    /// It is applied, and its answer is lost.
    AnswerLost(Notice),
    /// It is applied, and answered with a 500.
    ErrorAfterwards,
    /// It is not applied, and answered with a 500.
    ErrorInstead,
    /// The client gives up, and the request is applied this much later.
    Late(Notice, Duration),
    /// It is refused, or a batch in part: too many requests.
    Throttled,
    /// It is refused: another transaction is at the item.
    Conflict,
}

/// How a client learns that no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The connection breaks.
    Broken,
    /// No answer comes until the timeout.
    Silence,
}

/// The delays and the fault of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) there: Duration,
    pub(super) back: Duration,
    pub(super) fault: Option<Fault>,
}

/// The faults of a schedule: few in some schedules, and in others most requests fail.
pub(super) struct Weather {
    generator: fastrand::Rng,
    percent: u8,
    /// Repeated faults: a process meets the same fault this many times more.
    streaks: HashMap<ProcessId, (Fault, u8)>,
}

impl Weather {
    pub(super) fn new(mut generator: fastrand::Rng) -> Self {
        let percent = [0, 5, 10, 20, 40, 60][generator.usize(..6)];
        Self { generator, percent, streaks: HashMap::new() }
    }

    /// The plan of the next request of `process`.
    pub(super) fn plan(&mut self, process: ProcessId) -> Plan {
        let there = self.latency();
        let back = self.latency();
        Plan { there, back, fault: self.fault(process) }
    }

    fn latency(&mut self) -> Duration {
        let most_ms = if self.generator.u8(..10) == 0 { 400 } else { 20 };
        Duration::from_millis(self.generator.u64(1..=most_ms))
    }

    fn fault(&mut self, process: ProcessId) -> Option<Fault> {
        if let Some((fault, left)) = self.streaks.remove(&process) {
            if left > 1 {
                self.streaks.insert(process, (fault, left - 1));
            }
            return Some(fault);
        }
        if self.generator.u8(..100) >= self.percent {
            return None;
        }
        let fault = self.any_fault();
        if self.generator.u8(..3) == 0 {
            self.streaks.insert(process, (fault, self.generator.u8(1..=8)));
        }
        Some(fault)
    }

    fn any_fault(&mut self) -> Fault {
        let notice = if self.generator.bool() { Notice::Broken } else { Notice::Silence };
        match self.generator.u8(..16) {
            0..2 => Fault::Lost(notice),
            2..5 => Fault::AnswerLost(notice),
            5..7 => Fault::ErrorAfterwards,
            7 => Fault::ErrorInstead,
            8..12 => Fault::Late(notice, self.lateness()),
            12 => Fault::Throttled,
            _ => Fault::Conflict,
        }
    }

    /// From a moment after the first repetition to a moment after everything else.
    fn lateness(&mut self) -> Duration {
        let most_ms = [50, 2_000, 10_000, 90_000][self.generator.usize(..4)];
        Duration::from_millis(self.generator.u64(1..=most_ms))
    }
}
