//! Clients, which send messages, repeat them, and remember what they were told.

use std::sync::Arc;
use std::time::Duration;

use crate::function::{MOST_EXTRA_BYTES, MOST_PROOF_BYTES};
use crate::operator::{ALIAS, MODELS};
use crate::process::Fate;
use crate::request::{Chat, ModelFailure, Program, Request, Start, Told, Wish};
use crate::sabotage::Sabotage;
use crate::world::World;
use shared::domain::ids::{ConversationId, SessionId};
use shared::identity::jwt::{LoggedIn, Subject};

/// One client: it has a few messages of a person to send, one after the other.
pub(super) struct SimulatedClient {
    pub(super) world: Arc<World>,
    pub(super) person: usize,
    pub(super) generator: fastrand::Rng,
}

impl SimulatedClient {
    pub(super) async fn run(mut self) {
        let most = if self.world.has_regulars { 6 } else { 2 };
        for _ in 0..self.generator.usize(1..=most) {
            pause(&mut self.generator).await;
            self.send_until_satisfied().await;
        }
    }

    /// Sends some messages of one program in a moment. Their processes are killed, most of them after they have held.
    pub(super) async fn be_cut_off(mut self) {
        let Some(key) = self.world.people[self.person].program_key(&mut self.generator) else { return };
        for _ in 0..self.generator.usize(3..=5) {
            let Wish::Chat(chat) = self.request(None).wish else { continue };
            let function = self.generator.usize(..self.world.warm_functions.len());
            let program = Program { key: key.clone(), function };
            let access = self.owner_of(&program);
            let wish = Wish::Chat(Chat { access, program: Some(program), thinks: Duration::ZERO, ..chat });
            let fate = Fate::DiesAt(self.generator.usize(4..9));
            self.world.send(Request { person: self.person, wish, fate }).await;
        }
    }

    /// Sends one message, and repeats it while a repetition may help, and sometimes when it cannot.
    async fn send_until_satisfied(&mut self) {
        let has_key = !self.world.has_regulars && self.generator.u8(..4) > 0;
        let key = has_key.then(|| format!("key-{}", self.generator.usize(..self.world.keys)));
        for _ in 0..self.generator.usize(1..=4) {
            let told = self.send(key.as_deref()).await;
            let is_satisfied = match told {
                Told::Charged { .. } | Told::BrokenOff { .. } | Told::Replayed { .. } => self.generator.u8(..3) > 0,
                Told::Refused("insufficient_tokens" | "idempotency_mismatch" | "budget_spent") => true,
                _ => self.generator.u8(..6) == 0,
            };
            if is_satisfied {
                return;
            }
            match told {
                // As its `Retry-After` says.
                Told::Refused("in_progress") => tokio::time::sleep(Duration::from_secs(1)).await,
                _ => pause(&mut self.generator).await,
            }
        }
    }

    /// Sends a message once, or twice at the same moment.
    async fn send(&mut self, key: Option<&str>) -> Told {
        let first = self.request(key);
        if self.generator.u8(..8) > 0 {
            return self.world.send(first).await;
        }
        let second = self.request(key);
        let (told, _) = futures_util::join!(self.world.send(first), self.world.send(second));
        told
    }

    /// The place in which the exchange is stored. All requests with one key name the same one, or all of them one that was
    /// made.
    fn conversation(&mut self, key: Option<&str>) -> Option<ConversationId> {
        if self.world.has_regulars {
            return self.generator.bool().then_some(ConversationId::COMPLETIONS);
        }
        let places = if self.world.has_organizers { 4 } else { 3 };
        let number =
            key.map_or_else(|| self.generator.usize(..places), |key| self.world.place_of_keys + number_of(key));
        match number % places {
            0 => Some(ConversationId::FIRST),
            1 => Some(ConversationId::COMPLETIONS),
            2 => None,
            _ => Some(self.world.people[self.person].conversation(&mut self.generator)),
        }
    }

    fn request(&mut self, key: Option<&str>) -> Request {
        let conversation = self.conversation(key);
        let program = self.program();
        let access = match &program {
            None => self.world.people[self.person].tokens(&mut self.generator).access,
            Some(program) => self.owner_of(program),
        };
        let generator = &mut self.generator;
        let is_mistaken = generator.u8(..20) == 0;
        let is_late = self.world.sabotage.is_some_and(Sabotage::needs_late_captures);
        let thinks_most_ms = if is_late { 19_000 } else { [50, 3_000, 19_000][generator.usize(..3)] };
        let most_tokens = generator.u32(1..=4);
        let chat = Chat {
            access,
            program,
            key: key.map(str::to_owned),
            message: format!("{} {}", if is_mistaken { "Bye" } else { "Hello" }, key.unwrap_or_default()),
            model: model(key, generator),
            most_tokens,
            least_tokens: generator.u32(1..=most_tokens),
            tokens: generator.u32(..=5),
            thinks: Duration::from_millis(generator.u64(..thinks_most_ms)),
            failure: failure(generator, self.world.failures_of_eight),
            conversation,
            choices: if key.is_some() { 1 } else { [1, 1, 2, 3][generator.usize(..4)] },
            images: [0, 0, 0, 1, 2][generator.usize(..5)],
            extra_bytes: [0, 0, 40, MOST_EXTRA_BYTES][generator.usize(..4)],
            proof_bytes: [0, 0, 40, MOST_PROOF_BYTES][generator.usize(..4)],
            start: if self.world.has_regulars || generator.bool() { Start::Warm } else { Start::Cold },
            is_long: generator.bool(),
            is_streamed: generator.bool(),
            breaks_off: generator.u8(..4) == 0,
            inputs: 0,
        };
        let chat = match self.world.inputs_of(key.map(number_of), most_tokens) {
            0 => chat,
            inputs => chat.for_vectors(inputs),
        };
        let fate = if is_late { Fate::late(generator) } else { Fate::random(generator) };
        Request { person: self.person, wish: Wish::Chat(chat), fate }
    }
}

/// The number of a key.
fn number_of(key: &str) -> usize {
    key.strip_prefix("key-").unwrap().parse().unwrap()
}

impl SimulatedClient {
    /// A program of the person, if the client is one this time.
    fn program(&mut self) -> Option<Program> {
        if self.generator.u8(..5) < 2 && !self.world.wants_programs() {
            return None;
        }
        let key = self.world.people[self.person].program_key(&mut self.generator)?;
        Some(Program { key, function: self.generator.usize(..self.world.warm_functions.len()) })
    }

    /// The user who made the program's key. Nobody looks at the session.
    fn owner_of(&self, program: &Program) -> LoggedIn {
        let session_id = SessionId::new(&self.world.clock);
        Subject { user_id: program.key.user_id, session_id, session_epoch: 0 }.into()
    }
}

/// The model that is asked for. All requests with one key name the same one.
fn model(key: Option<&str>, generator: &mut fastrand::Rng) -> Option<&'static str> {
    let names = [None, None, Some(ALIAS), None, None, Some(MODELS[0]), None, Some(MODELS[1])];
    names[key.map_or_else(|| generator.usize(..names.len()), number_of)]
}

fn failure(generator: &mut fastrand::Rng, failures_of_eight: u8) -> Option<ModelFailure> {
    match generator.u8(..16) {
        0 => Some(ModelFailure::TurnsAway),
        1..3 => Some(ModelFailure::FirstTurnsAway),
        number if number < 3 + 2 * failures_of_eight => Some(ModelFailure::Fails),
        _ => None,
    }
}

/// Waits for a random time.
pub(super) async fn pause(generator: &mut fastrand::Rng) {
    let most_ms = [100, 2_000, 10_000, 70_000][generator.usize(..4)];
    tokio::time::sleep(Duration::from_millis(generator.u64(..most_ms))).await;
}
