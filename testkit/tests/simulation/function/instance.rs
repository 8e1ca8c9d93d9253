//! Instances of `chat`: each answers one request after the other, and knows the catalogue from one to the next, and the
//! accounts in which it held.

use std::sync::Arc;
use std::time::Duration;

use providers::catalogues::Catalogues;
use providers::offers::OfferDesk;
use shared::domain::time::Clock;
use shared::ledger::Ledger;
use shared::ledger::gate::Gate;
use shared::till::Till;

use super::chat::catalogue_of_settings;
use super::scripted_model::{Script, ScriptedConnection};
use crate::request::{Chat, Start};
use crate::sabotage::Sabotage;
use crate::world::World;

/// The time by which the ledgers of some instances are behind, where somebody seals accounts: their ids sort before those
/// of others.
const BEHIND: Duration = Duration::from_secs(5);

/// An instance. A process that is killed takes its instance with it.
pub(crate) struct Instance {
    pub(super) till: Arc<Till>,
    connection: ScriptedConnection,
    /// The number of the process that it is at, or was at last.
    process: usize,
}

impl Instance {
    /// The instance for the process `number`: a warm one, if the chat is for one and one is idle, or a new one.
    pub(super) fn take(world: &World, number: usize, chat: &Chat) -> Self {
        let idle = match chat.start {
            Start::Warm => world.idle_instances.lock().unwrap().pop(),
            Start::Cold => None,
        };
        let mut instance = match idle {
            Some(warm) => {
                world.predecessors.lock().unwrap().insert(number, warm.process);
                Self { process: number, ..warm }
            }
            None => Self::start(world, number),
        };
        instance.connection.follow(Script::of(world, number, chat));
        let till = Arc::get_mut(&mut instance.till).unwrap();
        till.least_output_tokens = chat.least_tokens;
        instance
    }

    fn start(world: &World, process: usize) -> Self {
        let clock = match world.sabotage {
            // The clock stands, and no catalogue grows old.
            Some(Sabotage::CatalogueNeverReadAgain) => Clock::manual(world.began_at),
            _ => world.clock.clone(),
        };
        let catalogues = Catalogues::new(world.table.clone(), clock, catalogue_of_settings());
        let connection = ScriptedConnection::default();
        let ledger = Ledger::new(world.table.clone(), ledger_clock(world, process), world.max_holds);
        let ledger = ledger.with_requests_per_minute(world.requests_per_minute);
        let till = Till {
            ledger: ledger.with_unpaid_per_hour(world.unpaid_per_hour).with_retention(world.retention.of_ledger()),
            gate: Gate::without_operator(world.clock.clone()),
            offers: OfferDesk::new(catalogues, Box::new(connection.clone())),
            least_output_tokens: 1,
            clock: world.clock.clone(),
        };
        Self { till: Arc::new(till), connection, process }
    }

    /// Waits for the next request.
    pub(super) fn put_back(self, world: &World) {
        world.idle_instances.lock().unwrap().push(self);
    }
}

/// The clock of the ledger of an instance that begins at a process.
fn ledger_clock(world: &World, process: usize) -> Clock {
    if world.has_bookkeepers && process % 2 == 1 { world.clock.behind(BEHIND) } else { world.clock.clone() }
}
