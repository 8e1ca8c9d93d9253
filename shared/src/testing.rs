//! Accounts and replies for the tests of this crate.

use std::time::Duration;

use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::message::FinishReason;
use domain::pricing::Usage;
use domain::username::Username;
use ledger::account::{Account, Epoch, Payer};
use ledger::exchange::StoredReply;
use ledger::gate::Accepting;
use ledger::history::{AnsweredMessage, History, PageRequest};
use store::Table;
pub(crate) use testkit::test_table::TestTable;

/// Opens an account in its first epoch, without a login.
pub(crate) async fn open_account(test: &TestTable, username: &str, balance: u64) -> Payer {
    let user_id = UserId::new(&test.clock);
    let (username, balance) = (Username::parse(username).unwrap(), Credits::new(balance).unwrap());
    let items = Account::opening(Accepting::unasked(), &test.table, user_id, &username, balance, &test.clock).unwrap();
    let deadline = test.clock.now().plus(Duration::from_secs(28));
    test.table.transact(&user_id.to_string(), items.into(), &test.clock, deadline).await.unwrap();
    Payer::new(user_id, Epoch::OfSessions(Epoch::FIRST))
}

pub(crate) fn stored_reply(text: &str) -> StoredReply {
    let usage = Usage::counted(1, 2);
    StoredReply {
        text: text.to_owned(),
        refusal: None,
        model: "dummy".to_owned(),
        usage,
        finish_reason: FinishReason::Stop,
    }
}

/// The stored message of this id, as its owner lists it.
pub(crate) async fn stored_message(table: &Table, owner: Payer, id: EntryId) -> AnsweredMessage {
    let page = History::new(table.clone()).messages(owner, PageRequest::default()).await.unwrap();
    page.entries.into_iter().find(|message| message.id == id).unwrap()
}
