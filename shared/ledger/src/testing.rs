//! Accounts, messages and replies for the ledger's tests.

use std::time::Duration;

use acts::ActOrigin;
use domain::credits::Credits;
use domain::ids::UserId;
use domain::message::Message;
use domain::pricing::Usage;
use domain::username::Username;
pub(crate) use testkit::test_table::TestTable;

use crate::account::{Account, Epoch, Payer};
use crate::admission::{Admission, AdmittedAccount};
use crate::authority::RecentAuthority;
use crate::exchange::StoredReply;
use crate::gate::{Accepting, Gate};
use crate::ledger::Ledger;

/// Opens an account in its first epoch.
pub(crate) async fn open_account(test: &TestTable, username: &str, balance: u64) -> Payer {
    let user_id = UserId::new(&test.clock);
    let (username, balance) = (Username::parse(username).unwrap(), Credits::new(balance).unwrap());
    let items = Account::opening(Accepting::unasked(), &test.table, user_id, &username, balance, &test.clock).unwrap();
    let deadline = test.clock.now().plus(Duration::from_secs(28));
    test.table.transact(&user_id.to_string(), items.into(), &test.clock, deadline).await.unwrap();
    payer(user_id)
}

/// A payer of the first epoch.
pub(crate) fn payer(user_id: UserId) -> Payer {
    Payer::new(user_id, Epoch::OfSessions(Epoch::FIRST))
}

/// The authority of an operator.
pub(crate) fn an_operator() -> RecentAuthority {
    RecentAuthority::operator(ActOrigin::new(None, "a-request"))
}

pub(crate) fn message(text: &str) -> Message {
    Message::try_from(text.to_owned()).unwrap()
}

pub(crate) fn stored_reply(text: &str) -> StoredReply {
    StoredReply::of_text(text, "dummy", Usage::counted(1, 2))
}

/// The account of `payer`, which is open.
pub(crate) async fn admitted(ledger: &Ledger, payer: Payer) -> AdmittedAccount {
    match ledger.admit(&Gate::without_operator(ledger.clock.clone()), payer, None).await.unwrap() {
        Admission::Open(open) => open,
        Admission::Replay(replay) => panic!("was answered before: {replay:?}"),
    }
}
