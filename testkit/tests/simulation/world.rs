//! What everybody in a schedule shares, and how a request is sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::function;
use crate::person::Person;
use crate::process::{Process, ProcessId};
use crate::request::{Request, Told};
use crate::trace::Trace;
use shared::domain::time::Clock;
use shared::identity::accounts::{Accounts, Deletion};
use shared::identity::login::Logins;
use shared::identity::sessions::Sessions;
use shared::ledger::Ledger;

/// The world of one schedule.
pub(super) struct World {
    pub(super) accounts: Accounts,
    pub(super) deletion: Deletion,
    pub(super) logins: Logins,
    pub(super) ledger: Ledger,
    pub(super) sessions: Sessions,
    pub(super) clock: Clock,
    pub(super) trace: Trace,
    pub(super) people: Vec<Person>,
    /// How many keys a person's clients choose from: few, so that they meet.
    pub(super) keys: usize,
    /// How long a session lasts after its refresh token was issued.
    pub(super) session_lifetime: Duration,
    /// All requests, whose numbers are those of their processes, and what came of them.
    pub(super) journal: Mutex<Vec<(Request, Told)>>,
}

impl World {
    /// Sends one request to a process of its own, and notes what came of it.
    pub(super) async fn send(self: &Arc<Self>, request: Request) -> Told {
        let number = {
            let mut journal = self.journal.lock().unwrap();
            journal.push((request.clone(), Told::Nothing));
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
        self.journal.lock().unwrap()[number].1 = told.clone();
        told
    }
}
