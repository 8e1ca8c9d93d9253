//! The cost of the audit: read units, write units and times of its passes, and of reads of usage, for many accounts with an
//! entry each, for one account with many entries of a month, and for one with more that are summed already.
//!
//! Arguments are other numbers of accounts and of entries: `10000 100000 1000000` without them. The program fails if a pass over
//! accounts at rest, or a read of usage, costs more than it should.

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
use testkit::recorder::Units;
use testkit::test_table::TestTable;

const ACCOUNTS: usize = 10_000;
const ENTRIES: usize = 100_000;
const SUMMED_ENTRIES: usize = 1_000_000;

/// Longer than any pass takes.
const TIME: Duration = Duration::from_secs(3600);
/// Most read units of a read of usage that is summed.
const MOST_OF_A_READ: f64 = 10.0;
/// Most read units of a read of usage where nothing is summed: that of four steps, and of 500 entries behind them, each of
/// less than half a kilobyte.
const MOST_OF_A_FIRST_READ: f64 = 250.0;
/// Most read units of a pass over one account with a few new messages.
const MOST_OF_A_PASS: f64 = 10.0;
/// The time over which the entries of the one account are spread.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

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
        let Units { read: read_units, write: write_units } = self.test.recorder.units();
        println!("| {name} | {read_units:.1} | {write_units:.1} | {ms} |");
        (done, Measured { read_units, write_units, ms })
    }

    async fn pass(&self, name: &str) -> Measured {
        let (finished, measured) = self.measure(name, self.run()).await;
        assert!(finished);
        self.test.clock.advance(Duration::from_secs(15 * 60));
        measured
    }

    /// A run of the audit, which finds nothing wrong. Returns whether it came to its end.
    async fn run(&self) -> bool {
        let audit = Audit::new(self.test.table.clone(), self.test.clock.clone());
        let report = Box::pin(audit.run(&NoDeletions, self.test.clock.now().plus(TIME))).await.unwrap();
        let Report { finished, mismatches, mispriced, altered, unsettled, .. } = report;
        assert!(mismatches.is_empty() && unsettled == 0, "{mismatches:?} {unsettled}");
        assert!(mispriced.is_empty() && altered.is_empty(), "{mispriced:?} {altered:?}");
        finished
    }

    /// A run a day for thirty days, in which each account is proved once.
    async fn month(&self) {
        for _ in 0..30 {
            self.test.clock.advance(Duration::from_secs(86_400));
            assert!(self.run().await);
        }
    }

    /// The requests of the last forty days, as their owner reads them.
    async fn read_usage(&self, user: UserId, name: &str) -> (u64, Measured) {
        let reader = UsageReader::new(self.test.table.clone(), self.test.clock.clone());
        let today = Day::of(self.test.clock.now());
        let days = Days::new(Some(today.minus_days(40)), Some(today), today).unwrap();
        let payer = Payer::new(user, Epoch::OfSessions(Epoch::FIRST));
        let read = reader.read(payer, days, RowLimit { bytes: 1 << 20 });
        let (read, measured) = Box::pin(self.measure(name, read)).await;
        (read.unwrap().rows.values().map(|sums| sums.requests).sum(), measured)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let sizes: Vec<usize> = env::args().skip(1).map(|argument| argument.parse().unwrap()).collect();
    let [accounts, entries, summed] = match sizes[..] {
        [accounts, entries, summed] => [accounts, entries, summed],
        [] => [ACCOUNTS, ENTRIES, SUMMED_ENTRIES],
        _ => {
            eprintln!("Give the numbers of accounts, of entries and of entries that are summed, or none of them.");
            return ExitCode::FAILURE;
        }
    };
    println!("| | read units | write units | ms |\n|---|--:|--:|--:|");
    let mut is_bounded = many_accounts(accounts).await;
    is_bounded &= Box::pin(one_account(entries)).await;
    is_bounded &= Box::pin(one_summed_account(summed)).await;
    if is_bounded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a pass over accounts at rest costs half a unit for each, and little more for the directory.
async fn many_accounts(accounts: usize) -> bool {
    let bench = Bench::start().await;
    let users = filling::accounts(&bench.test, accounts).await;
    bench.pass(&format!("the first pass over {accounts} accounts")).await;
    let at_rest = bench.pass("… at rest").await;
    filling::chats(&bench.test, &users[..accounts / 10], 1, Duration::ZERO).await;
    bench.pass("… a tenth of which have a new message").await;
    let accounts = f64::from(u32::try_from(accounts).unwrap());
    let (reads, ms) = (at_rest.read_units / accounts, f64::from(u32::try_from(at_rest.ms).unwrap()) / accounts);
    println!("| for each account at rest | {reads:.3} | 0 | {ms:.2} |");
    reads < 1.0 && at_rest.write_units < 1.0 + accounts / 50.0
}

/// Whether a read of usage costs little, however many entries there are.
async fn one_account(entries: usize) -> bool {
    let bench = Bench::start().await;
    let users = filling::accounts(&bench.test, 1).await;
    filling::chats(&bench.test, &users, entries, MONTH / u32::try_from(entries).unwrap()).await;
    bench.pass(&format!("the first pass over an account of {entries} entries, which seals it")).await;
    let (_, first) = bench.read_usage(users[0], "`GET /usage/` before anything is summed").await;
    filling::chats(&bench.test, &users, 1, Duration::ZERO).await;
    bench.pass("the pass that sums the rest").await;
    filling::chats(&bench.test, &users, 10, Duration::ZERO).await;
    bench.pass("a pass with ten new messages").await;
    bench.pass("a pass without any").await;
    let (requests, summed) = bench.read_usage(users[0], "`GET /usage/` of forty days").await;
    assert_eq!(requests, entries as u64 + 11);
    bench.measure("all passes of the next thirty days, one a day", bench.month()).await;
    first.read_units < MOST_OF_A_FIRST_READ && summed.read_units < MOST_OF_A_READ
}

/// Whether a read of usage and a pass cost little in an account of many entries that are summed.
async fn one_summed_account(entries: usize) -> bool {
    let bench = Bench::start().await;
    let user = filling::summed_account(&bench.test, entries, MONTH / u32::try_from(entries).unwrap()).await;
    let (requests, read) = bench.read_usage(user, &format!("`GET /usage/` of {entries} entries that are summed")).await;
    assert_eq!(requests, entries as u64);
    filling::chats(&bench.test, &[user], 10, Duration::ZERO).await;
    let pass = bench.pass("a pass with ten new messages").await;
    let (requests, with_new) = bench.read_usage(user, "`GET /usage/` with them").await;
    assert_eq!(requests, entries as u64 + 10);
    read.read_units.max(with_new.read_units) < MOST_OF_A_READ && pass.read_units < MOST_OF_A_PASS
}
