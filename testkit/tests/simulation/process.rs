//! Processes that die and freeze.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

/// The number of a process, which answers one request, as a Lambda instance does.
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
    /// The process that is running, if any.
    pub(super) fn current() -> Option<Self> {
        CURRENT.get()
    }
}

/// The fate of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    /// It is killed at this await point, counted from its start.
    DiesAt(usize),
    /// It freezes at this await point for this time, and then goes on.
    FreezesAt(usize, Duration),
}

impl Fate {
    /// The fate of every other process is to go on when its hold has expired, and another one may have taken the hold's place.
    pub(super) fn late(generator: &mut fastrand::Rng) -> Self {
        let point = generator.usize(..12);
        if generator.bool() { Self::FreezesAt(point, freeze_of_a_hold(generator)) } else { Self::Lives }
    }

    pub(super) fn random(generator: &mut fastrand::Rng) -> Self {
        // A message without faults has up to eleven await points, and a message with faults many more.
        let points = if generator.u8(..3) == 0 { 30 } else { 12 };
        let point = generator.usize(..points);
        match generator.u8(..100) {
            0..12 => Self::DiesAt(point),
            12..32 => Self::FreezesAt(point, freeze(generator)),
            _ => Self::Lives,
        }
    }
}

/// A moment, or the time until the process's hold has just expired.
fn freeze(generator: &mut fastrand::Rng) -> Duration {
    if generator.bool() { Duration::from_millis(generator.u64(100..10_000)) } else { freeze_of_a_hold(generator) }
}

/// The time until the process's hold has just expired.
fn freeze_of_a_hold(generator: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(generator.u64(50_000..75_000))
}

/// A future that runs as a process with a fate; its output is `None` if it was killed.
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
