//! What is measured of an account: the requests of its owner, and the audit.

use std::fmt;
use std::time::Duration;

use serde_json::json;
use testkit::gateway::Request;
use testkit::people::PASSWORD;
use testkit::recorder::RecordedRequest;
use testkit::timings::Timings;

use crate::old_account::{OldAccount, TableWay, make_conversation};
use crate::walking::walk;

const REPETITIONS: usize = 30;
/// Repetitions of what reads all of the account.
const AUDITS: usize = 3;
/// The most messages that arrive late in a deleted conversation.
const LATE_MESSAGES: usize = 10_000;
/// The most requests in which an account is deleted.
const DELETIONS: usize = 20;

/// One row of one account.
#[derive(Default)]
pub struct Measured {
    pub name: &'static str,
    /// Whether it must cost the same in each account.
    pub is_bounded: bool,
    read_units: f64,
    write_units: f64,
    times: Timings,
}

impl Measured {
    fn of(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    pub fn costs_more_than(&self, other: &Self) -> bool {
        self.read_units > other.read_units || self.write_units > other.write_units
    }

    fn count(&mut self, requests: &[RecordedRequest]) {
        for request in requests.iter().filter(|request| !asks_for_the_operators_word(request)) {
            let units = request.units().unwrap_or_else(|| panic!("no capacity: {request:?}"));
            *(if request.is_read() { &mut self.read_units } else { &mut self.write_units }) += units;
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read_units, write_units, times, .. } = self;
        write!(formatter, "{read_units} | {write_units} | {:.1}", times.quantile_ms(0.5))
    }
}

/// Whether a read is for a stop or for the catalogue. The clock decides which request makes it.
fn asks_for_the_operators_word(request: &RecordedRequest) -> bool {
    let partition = &request.body["Key"]["pk"]["S"];
    partition == "STOP" || partition == "CATALOGUE"
}

/// All rows, the deletion of the account last.
pub async fn measure(account: &OldAccount) -> Vec<Measured> {
    let mut rows = lists(account).await;
    for (name, path) in [("`GET /account/`", "/account/"), ("`GET /token_balance/`", "/token_balance/")] {
        rows.push(repeated(account, name, &Request::get(path)).await);
    }
    rows.push(repeated(account, "`POST /chatView/` with context", &account.message()).await);
    rows.push(audited(account).await);
    rows.extend(conversations_made_and_deleted(account).await);
    rows.push(once(account, "`DELETE /conversations/{id}/` with all messages", deletion(&account.conversation)).await);
    rows.push(swept(account).await);
    rows.push(deleted(account).await);
    rows
}

async fn lists(account: &OldAccount) -> Vec<Measured> {
    let messages_of = format!("/conversations/{}/messages/", account.conversation);
    let conversations = account.messages.min(1000);
    let mut rows = Vec::new();
    for (path, member, least, names) in [
        (
            "/transactions/",
            "transactions",
            account.messages,
            ["`GET /transactions/`, first page of 100", "… middle page", "… last page"],
        ),
        ("/messages/", "messages", account.messages, ["`GET /messages/`, first page", "… middle page", "… last page"]),
        (
            &messages_of,
            "messages",
            account.messages,
            ["`GET /conversations/{id}/messages/`, first page", "… middle page", "… last page"],
        ),
        (
            "/conversations/",
            "conversations",
            conversations - 1,
            ["`GET /conversations/`, first page", "… middle page", "… last page"],
        ),
    ] {
        let pages = walk(account, path, member, least).await;
        let [first, middle, last] = names;
        rows.push(repeated(account, first, &pages.first).await);
        // The pages after the first have what is left in a small account.
        rows.push(Measured { is_bounded: false, ..repeated(account, middle, &pages.middle).await });
        rows.push(Measured { is_bounded: false, ..repeated(account, last, &pages.last).await });
    }
    rows
}

/// A request that can be made again and again.
async fn repeated(account: &OldAccount, name: &'static str, request: &Request) -> Measured {
    let mut measured = Measured { is_bounded: true, ..Measured::of(name) };
    account.ask(TableWay::ThroughRecorder, request.clone()).await;
    account.stack.recorder().clear();
    account.ask(TableWay::ThroughRecorder, request.clone()).await;
    measured.count(&account.stack.recorder().requests());
    account.ask(TableWay::PastRecorder, request.clone()).await;
    for _ in 0..REPETITIONS {
        measured.times.add(account.ask(TableWay::PastRecorder, request.clone()).await.1);
    }
    measured
}

/// A request that can be made once, through the recorder.
async fn once(account: &OldAccount, name: &'static str, request: Request) -> Measured {
    let mut measured = Measured::of(name);
    account.stack.recorder().clear();
    measured.times.add(account.ask(TableWay::ThroughRecorder, request).await.1);
    measured.count(&account.stack.recorder().requests());
    measured
}

async fn audited(account: &OldAccount) -> Measured {
    let mut measured = Measured::of("the audit");
    account.stack.recorder().clear();
    account.audit(TableWay::ThroughRecorder).await;
    measured.count(&account.stack.recorder().requests());
    for _ in 0..AUDITS {
        measured.times.add(account.audit(TableWay::PastRecorder).await.1);
    }
    measured
}

fn deletion(conversation: &str) -> Request {
    Request::delete(&format!("/conversations/{conversation}/"))
}

/// Conversations without messages.
async fn conversations_made_and_deleted(account: &OldAccount) -> [Measured; 2] {
    let [mut made, mut deleted] = ["`POST /conversations/`", "`DELETE /conversations/{id}/` without messages"]
        .map(|name| Measured { is_bounded: true, ..Measured::of(name) });
    let make = async |way: TableWay| {
        let (response, took) = account.ask(way, make_conversation()).await;
        (response.json()["id"].as_str().unwrap().to_owned(), took)
    };
    let recorder = account.stack.recorder();
    recorder.clear();
    let (id, _) = make(TableWay::ThroughRecorder).await;
    made.count(&recorder.requests());
    recorder.clear();
    account.ask(TableWay::ThroughRecorder, deletion(&id)).await;
    deleted.count(&recorder.requests());
    for _ in 0..REPETITIONS {
        let (id, took) = make(TableWay::PastRecorder).await;
        made.times.add(took);
        deleted.times.add(account.ask(TableWay::PastRecorder, deletion(&id)).await.1);
    }
    [made, deleted]
}

/// The audit an hour after the deletion of the conversation with the messages, in which some have arrived late.
async fn swept(account: &OldAccount) -> Measured {
    let mut measured = Measured::of("the audit an hour later, with at most 10,000 late messages");
    let table = account.stack.table();
    let late = account.messages.min(LATE_MESSAGES);
    account.filling.messages_without_entries(table, late).await;
    let marker = format!("GONE#{}", account.conversation);
    let update = json!({
        "TableName": table.name(), "Key": {"pk": {"S": account.filling.partition}, "sk": {"S": marker}},
        "UpdateExpression": "SET deleted_at = :long_ago", "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeValues": {":long_ago": {"N": "0"}},
    });
    table.call("UpdateItem", &update).await.unwrap();
    account.stack.recorder().clear();
    let (report, took) = account.audit(TableWay::ThroughRecorder).await;
    measured.times.add(took);
    measured.count(&account.stack.recorder().requests());
    assert_eq!(report["conversations"], 1, "{report}");
    measured
}

/// The deletion of the account, in as many requests as it takes.
async fn deleted(account: &OldAccount) -> Measured {
    let mut measured = Measured::of("`DELETE /account/`");
    account.stack.recorder().clear();
    let mut together = Duration::ZERO;
    for number in 1..=DELETIONS {
        let delete = Request::delete("/account/").json(&json!({"password": PASSWORD}));
        let (response, took) = account.try_to_ask(TableWay::ThroughRecorder, delete).await;
        together += took;
        assert!([204, 503].contains(&response.status), "{response:?}");
        if response.status == 204 {
            eprintln!("The account was deleted in {number} requests.");
            measured.times.add(together);
            measured.count(&account.stack.recorder().requests());
            return measured;
        }
    }
    panic!("the account was not deleted in {DELETIONS} requests");
}
