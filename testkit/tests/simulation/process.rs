//! Processes that die and freeze.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

/// The number of a process: one request of a client, as a Lambda instance runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ProcessId(pub(super) usize);

impl fmt::Display for ProcessId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {}", self.0)
    }
}

thread_local! {
    static CURRENT: Cell<Option<ProcessId>> = const { Cell::new(None) };
}

impl ProcessId {
    /// The process that is running, if one is.
    pub(super) fn current() -> Option<Self> {
        CURRENT.get()
    }
}

/// What is to happen to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    /// It is killed at this await point, counted from its start.
    DiesAt(usize),
    /// It stands still at this await point for so long, and goes on as if nothing had happened.
    FreezesAt(usize, Duration),
}

impl Fate {
    pub(super) fn random(generator: &mut fastrand::Rng) -> Self {
        // A message that meets no fault has about seven await points, one with faults many more.
        let points = if generator.u8(..3) == 0 { 30 } else { 8 };
        let point = generator.usize(..points);
        match generator.u8(..100) {
            0..12 => Self::DiesAt(point),
            12..32 => Self::FreezesAt(point, freeze(generator)),
            _ => Self::Lives,
        }
    }
}

/// For a moment, or until its hold has just expired.
fn freeze(generator: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(if generator.bool() { generator.u64(100..10_000) } else { generator.u64(50_000..75_000) })
}

/// A future that runs as a process and meets its fate; `None` if it was killed.
pub(super) struct Process<F> {
    id: ProcessId,
    work: Option<Pin<Box<F>>>,
    fate: Fate,
    await_points: usize,
    frozen: Option<Pin<Box<Sleep>>>,
}

impl<F> Process<F> {
    pub(super) fn new(id: ProcessId, fate: Fate, work: F) -> Self {
        Self { id, work: Some(Box::pin(work)), fate, await_points: 0, frozen: None }
    }
}

impl<F: Future> Future for Process<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let process = &mut *self;
        match process.fate {
            Fate::DiesAt(point) if process.await_points >= point => process.work = None,
            Fate::FreezesAt(point, duration) if process.await_points >= point => {
                process.fate = Fate::Lives;
                process.frozen = Some(Box::pin(tokio::time::sleep(duration)));
            }
            _ => {}
        }
        if let Some(frozen) = &mut process.frozen {
            ready!(frozen.as_mut().poll(context));
            process.frozen = None;
        }
        process.await_points += 1;
        let Some(work) = &mut process.work else { return Poll::Ready(None) };
        let outer = CURRENT.replace(Some(process.id));
        let outcome = work.as_mut().poll(context);
        CURRENT.set(outer);
        outcome.map(Some)
    }
}
