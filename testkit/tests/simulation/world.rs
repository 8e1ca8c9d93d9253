//! The state that all clients and owners of a schedule share, and the way of a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::function::{self, Instance};
use crate::network::Network;
use crate::person::Person;
use crate::process::{Process, ProcessId};
use crate::redeemer::MadeCode;
use crate::request::{Request, Told};
use crate::sabotage::Sabotage;
use crate::trace::Trace;
use crate::verdict_on_retention::RetentionOfSchedule;
use shared::domain::ids::UserId;
use shared::domain::requests_per_minute::RequestsPerMinute;
use shared::domain::time::{Clock, Timestamp};
use shared::identity::accounts::{Accounts, Deletion};
use shared::identity::api_keys::ApiKeys;
use shared::identity::login::Logins;
use shared::identity::sessions::Sessions;
use shared::ledger::conversations::ConversationKeeper;
use store::Table;

/// The world of one schedule.
pub(super) struct World {
    pub(super) accounts: Accounts,
    pub(super) deletion: Deletion,
    pub(super) logins: Logins,
    pub(super) keeper: ConversationKeeper,
    pub(super) network: Network,
    pub(super) table: Table,
    pub(super) sessions: Sessions,
    /// The API keys that each warm function remembers. A process that answers a program is one request to such a function.
    pub(super) warm_functions: Vec<ApiKeys>,
    /// The time for which readers and the audit keep texts.
    pub(super) retention: RetentionOfSchedule,
    pub(super) clock: Clock,
    pub(super) trace: Trace,
    pub(super) people: Vec<Person>,
    /// The codes of vouchers and of invitations, if there are some.
    pub(super) codes: Vec<MadeCode>,
    /// The number of keys from which a person's clients choose: few, so that two choose the same.
    pub(super) keys: usize,
    /// The lifetime of a session, from the issue of its refresh token.
    pub(super) session_lifetime: Duration,
    /// All requests and answers. The position of a request is the number of its process.
    pub(super) journal: Mutex<Vec<(Request, Told)>>,
    /// The beginning of each process.
    pub(super) beginnings: Mutex<Vec<Beginning>>,
    /// The moment at which each process had answered, by its number.
    pub(super) endings: Mutex<HashMap<usize, usize>>,
    /// Whether people have organizers, and clients talk in conversations that were made.
    pub(super) has_organizers: bool,
    /// Whether clients send one message after the other to instances that live on, in no conversation and without
    /// idempotency keys: so their accounts are remembered.
    pub(super) has_regulars: bool,
    /// The first of the places in which the exchanges of the keys are stored.
    pub(super) place_of_keys: usize,
    /// Whether somebody seals accounts and sums entries meanwhile.
    pub(super) has_bookkeepers: bool,
    /// The instances of `chat` that wait for a request.
    pub(super) idle_instances: Mutex<Vec<Instance>>,
    /// The process that an instance was at before the process of this number.
    pub(super) predecessors: Mutex<HashMap<usize, usize>>,
    /// The model that answered in each process.
    pub(super) answered: Arc<Mutex<HashMap<usize, AnsweringModel>>>,
    /// The turn of the keys with which vectors are asked for, if they are.
    pub(super) turn_of_vectors: Option<usize>,
    /// How many of eight models fail before their first word.
    pub(super) failures_of_eight: u8,
    /// The beginning of the schedule.
    pub(super) began_at: Timestamp,
    /// A rule that a function breaks, if it is not broken on the way to the table.
    pub(super) sabotage: Option<Sabotage>,
    /// The messages of one person that may be in flight.
    pub(super) max_holds: u32,
    /// The unpaid messages that the ledger allows an account in an hour.
    pub(super) unpaid_per_hour: u32,
    /// The most requests of a user in a minute, if there is a limit on them.
    pub(super) requests_per_minute: Option<RequestsPerMinute>,
    /// The processes whose model was asked and did not turn them away, with the user.
    pub(super) asked: Arc<Mutex<Vec<AskedModel>>>,
}

/// A model that answered a process.
#[derive(Clone, Debug)]
pub(super) struct AnsweringModel {
    pub(super) id: String,
    /// Whether it was given the extra parameter.
    pub(super) has_extra: bool,
}

/// A model that may have worked for a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskedModel {
    pub(super) process: usize,
    pub(super) user_id: UserId,
}

/// The beginning of a process.
pub(super) struct Beginning {
    /// The number of requests that the table had accepted.
    pub(super) moment: usize,
    /// The time.
    pub(super) at: Timestamp,
}

impl World {
    /// The texts of which a request wants vectors: of every other key, and without a key of every other number. It is no draw.
    /// Clients whose accounts are remembered send messages alone, of which there are few enough.
    pub(super) fn inputs_of(&self, number_of_key: Option<usize>, number: u32) -> u32 {
        let Some(turn) = self.turn_of_vectors.filter(|_| !self.has_regulars) else { return 0 };
        match number_of_key {
            Some(key) if (key + turn).is_multiple_of(2) => 1 + u32::from(key > 1),
            None if number.is_multiple_of(2) => number / 2,
            _ => 0,
        }
    }

    /// Whether the sabotage shows in messages of programs alone.
    pub(super) fn needs_programs(&self) -> bool {
        self.sabotage.is_some_and(Sabotage::needs_programs)
    }

    /// Whether the sabotage shows in messages of programs alone, by the ends of their keys or by their limits.
    pub(super) fn wants_programs(&self) -> bool {
        self.needs_programs() || self.sabotage.is_some_and(Sabotage::needs_limits)
    }

    /// The process, and those that its instance was at before, the latest first.
    pub(super) fn processes_of_instance(&self, process: usize) -> Vec<usize> {
        let predecessors = self.predecessors.lock().unwrap();
        std::iter::successors(Some(process), |process| predecessors.get(process).copied()).collect()
    }

    /// Sends one request to a process of its own, and records the answer.
    pub(super) async fn send(self: &Arc<Self>, request: Request) -> Told {
        let number = {
            let mut journal = self.journal.lock().unwrap();
            journal.push((request.clone(), Told::Nothing));
            self.beginnings.lock().unwrap().push(Beginning { moment: self.network.moment(), at: self.clock.now() });
            journal.len() - 1
        };
        let id = ProcessId(number);
        self.trace.line(format_args!("{id}: starts, {request:?}"));
        let fate = request.fate;
        let work = function::answer(self.clone(), number, request);
        let told = match tokio::spawn(Process::new(id, fate, work)).await {
            Ok(Some(told)) => told,
            Ok(None) => Told::Nothing,
            Err(error) => Told::Wrong(format!("the process ended: {error}")),
        };
        self.trace.line(format_args!("{id}: {told:?}"));
        self.endings.lock().unwrap().insert(number, self.network.moment());
        self.journal.lock().unwrap()[number].1 = told.clone();
        told
    }
}
