//! Accounts and replies for the tests of this crate.

use std::sync::Arc;
use std::time::Duration;

use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::message::ToolCall;
use domain::pricing::{Prices, Usage};
use domain::username::Username;
use ledger::account::{Account, Epoch, Payer};
use ledger::exchange::StoredReply;
use ledger::gate::{Accepting, Gate};
use ledger::history::{AnsweredMessage, History, PageRequest};
use ledger::{Charge, InFlight, Ledger};
use providers::catalogue::{Catalogue, CataloguedModel, Protocol, Provider};
use providers::catalogues::Catalogues;
use providers::chat_model::ChatModel;
use providers::dummy::Dummy;
use providers::model::Model;
use providers::offers::{Connect, Offer, OfferDesk};
use store::Table;
pub(crate) use testkit::test_table::TestTable;

use crate::till::{PaidReply, RequestRoom, Till};

/// Opens an account in its first epoch, without a login.
pub(crate) async fn open_account(test: &TestTable, username: &str, balance: u64) -> Payer {
    let user_id = UserId::new(&test.clock);
    let (username, balance) = (Username::parse(username).unwrap(), Credits::new(balance).unwrap());
    let items = Account::opening(Accepting::unasked(), &test.table, user_id, &username, balance, &test.clock).unwrap();
    let deadline = test.clock.now().plus(Duration::from_secs(28));
    test.table.transact(&user_id.to_string(), items.into(), &test.clock, deadline).await.unwrap();
    Payer::new(user_id, Epoch::OfSessions(Epoch::FIRST))
}

/// A connection to the dummy, whatever the catalogue says.
#[derive(Debug)]
struct DummyConnection;

impl Connect for DummyConnection {
    fn connect(&self, _provider: &Provider, _model: &CataloguedModel) -> Model {
        Model::new(Dummy::default())
    }
}

/// The offer of `model`, which takes prompts of up to 1,000 tokens and writes up to 100.
pub(crate) fn offer(id: &str, model: impl ChatModel + 'static, prices: Prices) -> Arc<Offer> {
    let terms = CataloguedModel::of_the_settings(id, prices, 1000, 100);
    Arc::new(Offer { terms, model: Model::new(model) })
}

/// The dummy as the one model that there is.
pub(crate) fn offers_of_the_dummy() -> OfferDesk {
    let terms = CataloguedModel::of_the_settings("dummy", Prices::default(), 1000, 100);
    let catalogue = Catalogue::of_one(Provider::new(Protocol::Dummy), terms);
    OfferDesk::new(Catalogues::without_table(catalogue), Box::new(DummyConnection))
}

/// A till for up to three messages of an account at once. A test asks it with candidates of its own.
pub(crate) fn till(test: &TestTable, least_output_tokens: u32) -> Till {
    Till {
        ledger: Ledger::new(test.table.clone(), test.clock.clone(), 3),
        gate: Gate::without_operator(test.clock.clone()),
        offers: offers_of_the_dummy(),
        least_output_tokens,
        clock: test.clock.clone(),
    }
}

pub(crate) fn stored_reply(text: &str) -> StoredReply {
    StoredReply::of_text(text, "dummy", Usage::counted(1, 2))
}

/// `reply` as the one choice of the message of this id, which cost `cost` credits.
pub(crate) fn paid_reply(id: EntryId, reply: StoredReply, cost: u64) -> PaidReply {
    let charge = Charge { cost: Credits::new(cost).unwrap(), balance: Credits::ZERO };
    let room = RequestRoom { in_flight: InFlight { limit: 1, remaining: 0 }, minute: None };
    PaidReply { id, username: "ada".to_owned(), reply, logprobs: None, others: Vec::new(), charge, room }
}

/// A call of a tool that adds.
pub(crate) fn stored_call(id: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: "add".to_owned(), arguments: r#"{"a": 1}"#.to_owned() }
}

/// The stored message of this id, as its owner lists it.
pub(crate) async fn stored_message(table: &Table, owner: Payer, id: EntryId) -> AnsweredMessage {
    let history = History::new(table.clone(), domain::time::Clock::system());
    let page = history.messages(owner, PageRequest::default()).await.unwrap();
    page.entries.into_iter().find(|message| message.id == id).unwrap()
}
