//! The cost of the audit: read units, write units and times of its passes, and of reads of usage, for many accounts with an
//! entry each, and for one account with many entries.
//!
//! Arguments are other numbers of accounts and of entries: `10000 100000` without them. The program fails if a pass over
//! accounts at rest, or a read of usage that is summed, costs more than it should.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod filling;

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use shared::domain::calendar::Day;
use shared::domain::ids::UserId;
use shared::domain::time::Timestamp;
use shared::domain::username::Username;
use shared::ledger::account::{Epoch, Payer};
use shared::ledger::audit::{Audit, DeletionProgress, Deletions, Report};
use shared::ledger::usage::{Days, RowLimit, UsageReader};
use store::StoreError;
use testkit::test_table::TestTable;

const ACCOUNTS: usize = 10_000;
const ENTRIES: usize = 100_000;

/// Longer than any pass takes.
const TIME: Duration = Duration::from_secs(3600);
/// Most read units of a read of usage that is summed.
const MOST_OF_A_READ: f64 = 10.0;

/// Nothing is deleted here.
struct NoDeletions;

impl Deletions for NoDeletions {
    async fn finish(&self, _: UserId, _: &Username, _: Timestamp) -> Result<DeletionProgress, StoreError> {
        Ok(DeletionProgress::Finished)
    }

    async fn sweep(&self, _: UserId, _: Timestamp) -> Result<DeletionProgress, StoreError> {
        Ok(DeletionProgress::Finished)
    }
}

/// The cost of one pass or one read.
struct Measured {
    read_units: f64,
    write_units: f64,
    ms: u128,
}

struct Bench {
    test: TestTable,
}

impl Bench {
    async fn start() -> Self {
        let test = TestTable::start().await;
        test.recorder.ask_for_capacity();
        Self { test }
    }

    /// Does `work`, and prints what it took.
    async fn measure<T>(&self, name: &str, work: impl Future<Output = T>) -> (T, Measured) {
        self.test.recorder.clear();
        let began = Instant::now();
        let done = work.await;
        let ms = began.elapsed().as_millis();
        let (mut read_units, mut write_units) = (0.0, 0.0);
        for request in self.test.recorder.requests() {
            let units = request.units().unwrap_or_default();
            let is_read = ["GetItem", "Query", "BatchGetItem"].contains(&request.operation.as_str());
            *if is_read { &mut read_units } else { &mut write_units } += units;
        }
        println!("| {name} | {read_units:.1} | {write_units:.1} | {ms} |");
        (done, Measured { read_units, write_units, ms })
    }

    async fn pass(&self, name: &str) -> Measured {
        let audit = Audit::new(self.test.table.clone(), self.test.clock.clone());
        let run = Box::pin(audit.run(&NoDeletions, self.test.clock.now().plus(TIME)));
        let (report, measured) = self.measure(name, run).await;
        let Report { finished, mismatches, unsettled, .. } = report.unwrap();
        assert!(finished && mismatches.is_empty() && unsettled == 0, "{mismatches:?} {unsettled}");
        self.test.clock.advance(Duration::from_secs(15 * 60));
        measured
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let sizes: Vec<usize> = env::args().skip(1).map(|argument| argument.parse().unwrap()).collect();
    let [accounts, entries] = match sizes[..] {
        [accounts, entries] => [accounts, entries],
        _ => [ACCOUNTS, ENTRIES],
    };
    println!("| | read units | write units | ms |\n|---|--:|--:|--:|");
    let is_bounded = [many_accounts(accounts).await, Box::pin(one_account(entries)).await];
    if is_bounded == [true, true] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a pass over accounts at rest costs half a unit for each, and little more for the directory.
async fn many_accounts(accounts: usize) -> bool {
    let bench = Bench::start().await;
    let users = filling::accounts(&bench.test, accounts).await;
    bench.pass(&format!("the first pass over {accounts} accounts")).await;
    let at_rest = bench.pass("… at rest").await;
    filling::chats(&bench.test, &users[..accounts / 10], 1).await;
    bench.pass("… a tenth of which have a new message").await;
    let accounts = f64::from(u32::try_from(accounts).unwrap());
    let (reads, ms) = (at_rest.read_units / accounts, f64::from(u32::try_from(at_rest.ms).unwrap()) / accounts);
    println!("| for each account at rest | {reads:.3} | 0 | {ms:.2} |");
    reads < 1.0 && at_rest.write_units < 1.0 + accounts / 50.0
}

/// Whether a read of usage that is summed costs little, however many entries there are.
async fn one_account(entries: usize) -> bool {
    let bench = Bench::start().await;
    let users = filling::accounts(&bench.test, 1).await;
    filling::chats(&bench.test, &users, entries).await;
    bench.pass(&format!("the first pass over an account of {entries} entries, which seals it")).await;
    filling::chats(&bench.test, &users, 1).await;
    bench.pass("the pass that sums them").await;
    filling::chats(&bench.test, &users, 10).await;
    bench.pass("a pass with ten new messages").await;
    bench.pass("a pass without any").await;
    let reader = UsageReader::new(bench.test.table.clone(), bench.test.clock.clone());
    let days = Days::new(None, None, Day::of(bench.test.clock.now())).unwrap();
    let payer = Payer::new(users[0], Epoch::OfSessions(Epoch::FIRST));
    let read = reader.read(payer, days, RowLimit { bytes: 1 << 20 });
    let (read, measured) = Box::pin(bench.measure("`GET /usage/` of thirty days", read)).await;
    let requests: u64 = read.unwrap().rows.values().map(|sums| sums.requests).sum();
    assert_eq!(requests, entries as u64 + 11);
    measured.read_units < MOST_OF_A_READ
}
