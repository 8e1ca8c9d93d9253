//! Clients, which send messages, repeat them, and remember what they were told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::chat::Message;
use crate::credits::Credits;
use crate::error::{ApiError, Cause};
use crate::ids::EntryId;
use crate::jwt::LoggedIn;
use crate::ledger::{Exchange, Held, IdempotencyKey, Ledger, Order, Started};
use crate::simulation::process::{Fate, Process, ProcessId};
use crate::simulation::trace::Trace;
use crate::time::{Clock, Timestamp};

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(28);
/// As in `chat`.
const CAPTURE_RESERVE: Duration = Duration::from_secs(10);

/// One request of a client.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) user: usize,
    pub(super) key: Option<String>,
    message: String,
    pub(super) amount: u64,
    /// What the message turns out to cost, which can be less than was held, or more.
    pub(super) cost: u64,
    fate: Fate,
    thinks: Duration,
    model_fails: bool,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// 200.
    Charged { id: EntryId, cost: u64 },
    /// 200, as before.
    Replayed { id: EntryId, cost: u64, response: String },
    /// An error after which nothing was charged, by its code.
    NotCharged(&'static str),
    /// 503 `outcome_unknown`.
    Unknown,
    /// No answer: the process was killed.
    Nothing,
    /// What no client may hear.
    Wrong(String),
}

/// What every client of a schedule shares.
pub(super) struct World {
    pub(super) ledger: Ledger,
    pub(super) clock: Clock,
    pub(super) trace: Trace,
    pub(super) users: Vec<LoggedIn>,
    /// How many keys a user's clients choose from: few, so that they meet.
    pub(super) keys: usize,
    /// All attempts, whose numbers are those of their processes, and what came of them.
    pub(super) attempts: Mutex<Vec<(Attempt, Told)>>,
}

/// One client: it has a user's token and a few messages to send, one after the other.
pub(super) struct SimulatedClient {
    pub(super) world: Arc<World>,
    pub(super) user: usize,
    pub(super) generator: fastrand::Rng,
}

impl SimulatedClient {
    pub(super) async fn run(mut self) {
        for _ in 0..self.generator.usize(1..=2) {
            self.pause().await;
            self.send_until_satisfied().await;
        }
    }

    async fn pause(&mut self) {
        let most_ms = [100, 2_000, 10_000, 70_000][self.generator.usize(..4)];
        tokio::time::sleep(Duration::from_millis(self.generator.u64(..most_ms))).await;
    }

    /// Sends one message, and sends it again while that may help, or out of forgetfulness.
    async fn send_until_satisfied(&mut self) {
        let key = (self.generator.u8(..4) > 0).then(|| format!("key-{}", self.generator.usize(..self.world.keys)));
        for _ in 0..self.generator.usize(1..=4) {
            let told = self.send(key.as_deref()).await;
            let is_satisfied = match told {
                Told::Charged { .. } | Told::Replayed { .. } => self.generator.u8(..3) > 0,
                Told::NotCharged("insufficient_tokens" | "idempotency_mismatch") => true,
                Told::NotCharged(_) | Told::Unknown | Told::Nothing | Told::Wrong(_) => self.generator.u8(..6) == 0,
            };
            if is_satisfied {
                return;
            }
            match told {
                // As its `Retry-After` says.
                Told::NotCharged("in_progress") => tokio::time::sleep(Duration::from_secs(1)).await,
                _ => self.pause().await,
            }
        }
    }

    /// Sends a message once, or twice at the same moment.
    async fn send(&mut self, key: Option<&str>) -> Told {
        let first = self.attempt(key);
        if self.generator.u8(..8) > 0 {
            return perform(self.world.clone(), first).await;
        }
        let second = self.attempt(key);
        let (told, _) = futures_util::join!(perform(self.world.clone(), first), perform(self.world.clone(), second));
        told
    }

    fn attempt(&mut self, key: Option<&str>) -> Attempt {
        let generator = &mut self.generator;
        let is_mistaken = generator.u8(..20) == 0;
        let thinks_most_ms = [50, 3_000, 19_000][generator.usize(..3)];
        Attempt {
            user: self.user,
            key: key.map(str::to_owned),
            message: format!("{} {}", if is_mistaken { "Bye" } else { "Hello" }, key.unwrap_or_default()),
            amount: generator.u64(1..=4),
            cost: generator.u64(..=5),
            fate: Fate::random(generator),
            thinks: Duration::from_millis(generator.u64(..thinks_most_ms)),
            model_fails: generator.u8(..8) == 0,
        }
    }
}

/// Sends one request to a process of its own, and notes what came of it.
async fn perform(world: Arc<World>, attempt: Attempt) -> Told {
    let number = {
        let mut attempts = world.attempts.lock().unwrap();
        attempts.push((attempt.clone(), Told::Nothing));
        attempts.len() - 1
    };
    let id = ProcessId(number);
    world.trace.line(format_args!("{id}: starts, {attempt:?}"));
    let work = chat(world.clone(), number, attempt);
    let told = match tokio::spawn(Process::new(id, attempt_fate(&world, number), work)).await {
        Ok(Some(told)) => told,
        Ok(None) => Told::Nothing,
        Err(error) => Told::Wrong(format!("the process ended: {error}")),
    };
    world.trace.line(format_args!("{id}: {told:?}"));
    world.attempts.lock().unwrap()[number].1 = told.clone();
    told
}

fn attempt_fate(world: &World, number: usize) -> Fate {
    world.attempts.lock().unwrap()[number].0.fate
}

/// The reply that the model gives to an attempt: from an entry it tells which attempt was charged.
pub(super) fn response(number: usize) -> String {
    format!("Reply {number}")
}

async fn chat(world: Arc<World>, number: usize, attempt: Attempt) -> Told {
    answer(&world, number, &attempt).await.unwrap_or_else(|error| match error {
        ApiError::InsufficientTokens { .. }
        | ApiError::InProgress
        | ApiError::IdempotencyMismatch
        | ApiError::Throttled { .. }
        | ApiError::ModelFailed(_)
        | ApiError::Unavailable(_) => Told::NotCharged(error.code()),
        ApiError::OutcomeUnknown { .. } => Told::Unknown,
        error => Told::Wrong(format!("{error:?}")),
    })
}

/// What the function `chat` does.
async fn answer(world: &World, number: usize, attempt: &Attempt) -> Result<Told, ApiError> {
    let deadline = world.clock.now().plus(FUNCTION_TIMEOUT);
    let message = Message::try_from(attempt.message.clone()).unwrap();
    let key = attempt.key.as_deref().map(|key| IdempotencyKey::parse(key).unwrap());
    let order = Order {
        person: &world.users[attempt.user],
        amount: Credits::new(attempt.amount).unwrap(),
        message: &message,
        key: key.as_ref(),
        deadline,
    };
    match world.ledger.start(&order).await? {
        Started::Replay(replay) => {
            Ok(Told::Replayed { id: replay.id, cost: replay.cost.into(), response: replay.response })
        }
        Started::Held(held) => reply(world, number, attempt, &held, &message, deadline).await,
    }
}

async fn reply(
    world: &World,
    number: usize,
    attempt: &Attempt,
    held: &Held,
    message: &Message,
    deadline: Timestamp,
) -> Result<Told, ApiError> {
    let remaining = deadline.since(world.clock.now());
    let limit = remaining.saturating_sub(CAPTURE_RESERVE).max(remaining / 2);
    let thinks = tokio::time::timeout(limit, tokio::time::sleep(attempt.thinks)).await;
    if thinks.is_err() || attempt.model_fails {
        world.ledger.abandon(held).await;
        return Err(ApiError::ModelFailed(Cause::because("the model was to fail")));
    }
    let response = response(number);
    let cost = Credits::new(attempt.cost).unwrap();
    let charge = world.ledger.capture(held, cost, Exchange { message, response: &response }).await?;
    Ok(Told::Charged { id: held.id, cost: charge.cost.into() })
}
