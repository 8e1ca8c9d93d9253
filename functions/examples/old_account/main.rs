//! The cost of an account that has been used for long: read units, write units and times of its lists, of a message, of its
//! conversations, of its audit and of its deletion, for accounts of 100, 10,000 and 100,000 messages.
//!
//! Arguments are other numbers of messages. The program fails if a request costs more in a larger account although it is
//! bounded.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod acts;
mod filling;
mod old_account;
mod walking;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use acts::{Measured, measure};
use old_account::OldAccount;
use store::Key;
use testkit::built_functions::built_beside;
use testkit::test_table::table_at;
use testkit::timings::Timings;

const MESSAGES: [usize; 3] = [100, 10_000, 100_000];
/// The functions that are measured, and those by which the accounts are prepared.
const FUNCTIONS: [&str; 9] =
    ["account", "audit", "chat", "conversations", "login", "messages", "register", "token-balance", "transactions"];
const READS_OF_TABLE: usize = 200;

#[tokio::main]
async fn main() -> ExitCode {
    let mut sizes: Vec<usize> = env::args().skip(1).map(|argument| argument.parse().unwrap()).collect();
    if sizes.is_empty() {
        sizes = MESSAGES.to_vec();
    }
    let find_binary = built_beside("old_account", &FUNCTIONS);
    let mut columns = Vec::new();
    for &messages in &sizes {
        let began = Instant::now();
        let account = OldAccount::start(find_binary.clone(), messages).await;
        eprintln!("An account of {messages} messages was made in {} s.", began.elapsed().as_secs());
        let [past_recorder, through_recorder] = reads_of_table(&account).await;
        columns.push(measure(&account).await);
        eprintln!(
            "Measured after {} s. A read of the table takes {past_recorder:.2} ms, through the recorder {through_recorder:.2}.",
            began.elapsed().as_secs()
        );
    }
    print_table(&sizes, &columns);
    let grown = grown(&columns);
    println!(
        "\n{}",
        grown
            .as_deref()
            .unwrap_or("Each request that has a bound costs as much in the largest account as in the smallest.")
    );
    if grown.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn print_table(sizes: &[usize], columns: &[Vec<Measured>]) {
    let heads: Vec<String> =
        sizes.iter().map(|size| format!("{size} messages: read units | write units | ms")).collect();
    println!("\n| request | {} |\n|---|{}", heads.join(" | "), "--:|--:|--:|".repeat(sizes.len()));
    for row in 0..columns[0].len() {
        let cells: Vec<String> = columns.iter().map(|column| column[row].to_string()).collect();
        println!("| {} | {} |", columns[0][row].name, cells.join(" | "));
    }
}

/// A sentence about the requests whose units should be the same in every account, and are not.
fn grown(columns: &[Vec<Measured>]) -> Option<String> {
    let (first, last) = (columns.first()?, columns.last()?);
    let pairs = first.iter().zip(last).filter(|(before, after)| before.is_bounded && after.costs_more_than(before));
    let names: Vec<&str> = pairs.map(|(before, _)| before.name).collect();
    (!names.is_empty()).then(|| format!("NOT BOUNDED: {}", names.join(", ")))
}

/// The median times of a read that finds nothing, past the recorder and through it.
async fn reads_of_table(account: &OldAccount) -> [f64; 2] {
    let endpoints = [account.stack.table().endpoint().to_owned(), account.stack.recorder().endpoint()];
    let mut medians = Vec::new();
    for endpoint in endpoints {
        let table = table_at(&endpoint, account.stack.table().name());
        let key = Key::new("NOTHING", "NOTHING").into_item();
        let read = table.client().get_item().table_name(table.name()).set_key(Some(key));
        let mut times = Timings::default();
        for _ in 0..READS_OF_TABLE {
            let began = Instant::now();
            read.clone().send().await.unwrap();
            times.add(began.elapsed());
        }
        medians.push(times.quantile_ms(0.5));
    }
    [medians[0], medians[1]]
}
