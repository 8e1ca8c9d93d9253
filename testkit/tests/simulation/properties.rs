//! Any order of operations keeps the ledger right, without faults.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use testkit::isolated_table::TABLE_NAME;
use tokio::runtime::Runtime;

use crate::NOW;
use crate::fault::Weather;
use crate::network::Network;
use crate::schedule::{paused_runtime, register};
use crate::trace::Trace;
use crate::verdict;
use shared::domain::credits::Credits;
use shared::domain::ids::ConversationId;
use shared::domain::message::Message;
use shared::domain::pricing::Usage;
use shared::domain::time::Clock;
use shared::identity::jwt::LoggedIn;
use shared::ledger::LedgerError;
use shared::ledger::account::Payer;
use shared::ledger::admission::Admission;
use shared::ledger::exchange::{Bill, Exchange, StoredReply};
use shared::ledger::gate::Gate;
use shared::ledger::hold::{HoldOutcome, Order};
use shared::ledger::idempotency::{IdempotencyKey, Remembered};
use shared::ledger::{Charge, Held, Ledger};
use store::Table;

/// A step. Its numbers choose among the users and holds that exist by then.
#[derive(Clone, Debug)]
enum Step {
    Register {
        balance: u64,
    },
    Hold {
        user: usize,
        amount: u64,
        least: u64,
        key: Option<u8>,
        message: u8,
    },
    /// Captures a hold, also one that was captured, released or taken over before.
    Capture {
        hold: usize,
        cost: u64,
    },
    Release {
        hold: usize,
    },
    Wait {
        seconds: u64,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..20_u64).prop_map(|balance| Step::Register { balance }),
        // A key is mostly used for one message; with the other it is refused.
        8 => (0..10_usize, 0..6_u64, 0..6_u64, prop::option::of(0..2_u8), 0..5_u8).prop_map(
            |(user, amount, least, key, message)| Step::Hold {
                user,
                amount,
                least: least.min(amount),
                key,
                message: message / 4,
            }
        ),
        6 => (0..10_usize, 0..8_u64).prop_map(|(hold, cost)| Step::Capture { hold, cost }),
        3 => (0..10_usize).prop_map(|hold| Step::Release { hold }),
        // A hold lives 58 seconds here.
        3 => prop::sample::select(vec![1, 30, 57, 58, 70]).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// The ledger, and the users and holds of the steps so far.
struct Bench {
    network: Network,
    table: Table,
    ledger: Ledger,
    clock: Clock,
    users: Vec<LoggedIn>,
    holds: Vec<Taken>,
    /// The keys of charged messages, with their users.
    paid: HashSet<(usize, u8)>,
}

/// A hold of an earlier step.
struct Taken {
    held: Held,
    user: usize,
    key: Option<u8>,
    /// The cost that was captured, and the charge, which is at most the hold.
    captured: Option<(Credits, Charge)>,
    is_refused: bool,
}

impl Bench {
    async fn start() -> Self {
        let clock = Clock::simulated(NOW);
        let weather = Weather::new(fastrand::Rng::with_seed(0));
        let network = Network::new(weather, None, clock.clone(), Trace::new(clock.clone()));
        let table = Table::new(network.client(), TABLE_NAME);
        let ledger = Ledger::new(table.clone(), clock.clone(), 3);
        let users = vec![register(&table, &clock, 0, 10).await];
        Self { network, table, ledger, clock, users, holds: Vec::new(), paid: HashSet::new() }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Register { balance } => {
                self.users.push(register(&self.table, &self.clock, self.users.len(), balance).await);
            }
            Step::Hold { user, amount, least, key, message } => {
                self.hold(user % self.users.len(), amount, least, key, message).await;
            }
            Step::Wait { seconds } => self.clock.advance(Duration::from_secs(seconds)),
            // There may be no hold yet.
            Step::Capture { .. } | Step::Release { .. } if self.holds.is_empty() => {}
            Step::Capture { hold, cost } => self.capture(hold % self.holds.len(), cost).await,
            Step::Release { hold } => self.ledger.release(&self.holds[hold % self.holds.len()].held).await,
        }
    }

    async fn hold(&mut self, user: usize, amount: u64, least: u64, key: Option<u8>, message: u8) {
        let message = Message::try_from(format!("Message {message}")).unwrap();
        let name = key.map(|key| IdempotencyKey::parse(&format!("key-{key}")).unwrap());
        let remembered = name.map(|name| Remembered::message(name, &message));
        let (amount, least) = (Credits::new(amount).unwrap(), Credits::new(least).unwrap());
        let order = Order { amount, least, deadline: self.clock.now().plus(Duration::from_secs(28)) };
        let is_paid = key.is_some_and(|key| self.paid.contains(&(user, key)));
        let gate = Gate::without_operator(self.clock.clone());
        match admit_and_hold(&self.ledger, &gate, self.users[user].payer(), remembered, &order).await {
            Ok(HoldOutcome::Held(held)) => {
                assert!((least..=amount).contains(&held.amount));
                assert!(!is_paid, "a key that was paid for is held again");
                self.holds.push(Taken { held, user, key, captured: None, is_refused: false });
            }
            Ok(HoldOutcome::Replay(_)) => assert!(is_paid, "nothing was paid for, and it is replayed"),
            Ok(HoldOutcome::LimitsChanged(_)) => panic!("a person's access token has no limits"),
            Err(LedgerError::IdempotencyMismatch | LedgerError::InProgress) => assert!(key.is_some()),
            Err(LedgerError::InsufficientCredits { balance, cost }) => assert!(balance < cost),
            Err(LedgerError::TooManyHolds { .. } | LedgerError::TooMuchUnpaid { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn capture(&mut self, hold: usize, cost: u64) {
        let message = Message::try_from("Message 0".to_owned()).unwrap();
        let taken = &mut self.holds[hold];
        // A refusal is an answer: no client captures that hold again.
        if taken.is_refused {
            return;
        }
        // A capture is repeated by the same request, and so with the same cost.
        let cost = taken.captured.map_or(Credits::new(cost).unwrap(), |(cost, _)| cost);
        let reply = StoredReply::of_text("Reply", "dummy", Usage::counted(1, 2));
        let (conversation, bill) = (Some(ConversationId::FIRST), Bill::of(cost));
        let exchange = Exchange { message: &message, reply: &reply, conversation, bill };
        match self.ledger.capture(&taken.held, exchange).await {
            Ok(charge) => {
                assert!(charge.cost <= taken.held.amount);
                taken.captured = Some((cost, charge));
                self.paid.extend(taken.key.map(|key| (taken.user, key)));
            }
            Err(LedgerError::Unavailable(_)) => {
                assert_eq!(taken.captured, None, "what was charged is called free");
                taken.is_refused = true;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn admit_and_hold(
    ledger: &Ledger,
    gate: &Gate,
    payer: Payer,
    remembered: Option<Remembered>,
    order: &Order,
) -> Result<HoldOutcome, LedgerError> {
    match ledger.admit(gate, payer, remembered).await? {
        Admission::Open(open) => ledger.hold(open, order).await,
        Admission::Replay(replay) => Ok(HoldOutcome::Replay(*replay)),
    }
}

fn keeps_the_ledger_right(runtime: &Runtime, steps: Vec<Step>) {
    runtime.block_on(async {
        let mut bench = Bench::start().await;
        for step in steps {
            bench.take(step).await;
            assert_eq!(verdict::on_accounts(&bench.network.items()), Vec::<String>::new());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_keeps_the_ledger_right(steps in prop::collection::vec(any_step(), 1..40)) {
        keeps_the_ledger_right(&paused_runtime(), steps);
    }
}
