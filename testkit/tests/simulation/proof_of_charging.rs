//! A table that throttles sees every charge, since time alone ends the tries of a capture.

use std::time::Duration;

use testkit::isolated_table::TABLE_NAME;

use crate::NOW;
use crate::capacity::Capacity;
use crate::engine::StoredItem;
use crate::fault::Weather;
use crate::network::Network;
use crate::schedule::{paused_runtime, register};
use crate::trace::Trace;
use crate::verdict::{self, entries};
use shared::domain::credits::Credits;
use shared::domain::ids::ConversationId;
use shared::domain::message::Message;
use shared::domain::pricing::Usage;
use shared::domain::random::Seeded;
use shared::domain::time::Clock;
use shared::ledger::admission::Admission;
use shared::ledger::entry::EntryKind;
use shared::ledger::exchange::{Bill, Exchange, StoredReply};
use shared::ledger::gate::Gate;
use shared::ledger::hold::{HoldOutcome, Order};
use shared::ledger::{Charge, Held, Ledger, LedgerError};
use store::Table;

/// The captures at once.
const CAPTURES: usize = 20;
/// The write units that the table takes in a second: three captures of a stored message.
const UNITS_PER_SECOND: f64 = 20.0;
const LONG_TEXT_BYTES: usize = 64 * 1024;

/// Holds a message for each of [`CAPTURES`] accounts, and captures all of them at once in a table that throttles.
async fn capture_at_once(seed: u64, counts_tries: bool) -> (Vec<Result<Charge, LedgerError>>, Vec<StoredItem>) {
    let clock = Clock::simulated(NOW);
    let weather = Weather::new(fastrand::Rng::with_seed(seed));
    let network = Network::new(weather, None, clock.clone(), Trace::new(clock.clone()));
    let table = Table::new(network.client(), TABLE_NAME);
    let ledger = Ledger::new(table.clone(), clock.clone(), 3);
    let gate = Gate::without_operator(clock.clone());
    let mut all_held = Vec::new();
    for number in 0..CAPTURES {
        let person = register(&table, &clock, number, 10).await;
        let Ok(Admission::Open(open)) = ledger.admit(&gate, person.payer(), None).await else {
            panic!("a new account")
        };
        let amount = Credits::new(3).unwrap();
        let order = Order { amount, least: amount, deadline: clock.now().plus(Duration::from_secs(28)) };
        let Ok(HoldOutcome::Held(held)) = ledger.hold(open, &order).await else { panic!("a new account") };
        all_held.push(held);
    }
    network.set_capacity(Capacity::new(UNITS_PER_SECOND, counts_tries));
    let captures = all_held.iter().map(|held| capture(&ledger, held));
    let charges = futures_util::future::join_all(captures).await;
    network.settle().await;
    (charges, network.items())
}

async fn capture(ledger: &Ledger, held: &Held) -> Result<Charge, LedgerError> {
    let message = Message::try_from("Hello".to_owned()).unwrap();
    let reply = StoredReply::of_text("x".repeat(LONG_TEXT_BYTES), "model-0", Usage::default());
    let (conversation, bill) = (Some(ConversationId::FIRST), Bill::of(held.amount));
    ledger.capture(held, Exchange { message: &message, reply: &reply, conversation, bill }).await
}

#[test]
fn a_table_that_takes_20_write_units_a_second_sees_every_one_of_20_captures_charged() {
    for seed in 0..10 {
        let _seeded = Seeded::with(seed);
        let (charges, items) = paused_runtime().block_on(capture_at_once(seed, false));
        assert!(charges.iter().all(Result::is_ok), "seed {seed}: {charges:?}");
        let charged = entries(&items).filter(|(.., entry)| entry.kind == EntryKind::Chat).count();
        assert_eq!((charged, verdict::on_accounts(&items)), (CAPTURES, Vec::new()), "seed {seed}");
    }
}

#[test]
fn captures_that_count_their_tries_are_found() {
    let _seeded = Seeded::with(0);
    let (charges, _) = paused_runtime().block_on(capture_at_once(0, true));
    assert!(charges.iter().any(Result::is_err));
}
