//! How long requests to the table take by themselves, with the client of the functions.

use std::time::{Duration, Instant};

use shared::domain::time::{Clock, Timestamp};
use store::{Item, Key, Table, number};
use testkit::isolated_table::IsolatedTable;
use testkit::test_table::table_at;
use testkit::timings::Timings;

/// The kinds of requests that a message makes.
pub const OPERATIONS: [&str; 3] = ["GetItem", "UpdateItem", "TransactWriteItems of 2"];
/// Time for a request, which never takes so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Requests that do little.
pub struct RoundTrips {
    table: Table,
    clock: Clock,
    transactions: u64,
    /// The times of each of [`OPERATIONS`].
    pub times: [Timings; 3],
}

impl RoundTrips {
    pub fn of(table: &IsolatedTable) -> Self {
        let table = table_at(table.endpoint(), table.name());
        Self { table, clock: Clock::system(), transactions: 0, times: Default::default() }
    }

    /// Makes each of the requests once.
    pub async fn make(&mut self) {
        let times = [self.read().await, self.update().await, self.transact().await];
        for (timings, time) in self.times.iter_mut().zip(times) {
            timings.add(time);
        }
    }

    async fn read(&self) -> Duration {
        let client = self.table.client();
        let read = client.get_item().table_name(self.table.name()).set_key(Some(item("counter"))).consistent_read(true);
        let began = Instant::now();
        read.send().await.unwrap();
        began.elapsed()
    }

    async fn update(&self) -> Duration {
        let client = self.table.client();
        let update = client.update_item().table_name(self.table.name()).set_key(Some(item("counter")));
        let update = update
            .update_expression("SET counted = if_not_exists(counted, :none) + :one")
            .expression_attribute_values(":none", number(0_u64))
            .expression_attribute_values(":one", number(1_u64));
        let began = Instant::now();
        update.send().await.unwrap();
        began.elapsed()
    }

    async fn transact(&mut self) -> Duration {
        self.transactions += 1;
        let token = format!("round-trip-{}", self.transactions);
        let puts = ["one", "other"].map(|sort| self.table.put(item(sort)).unwrap()).to_vec();
        let until = self.until();
        let began = Instant::now();
        self.table.transact(&token, puts, &self.clock, until).await.unwrap();
        began.elapsed()
    }

    fn until(&self) -> Timestamp {
        self.clock.now().plus(PATIENCE)
    }
}

fn item(sort: &str) -> Item {
    Key::new("ROUNDTRIPS", sort).into_item()
}
