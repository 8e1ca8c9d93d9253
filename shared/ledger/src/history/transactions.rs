//! The list of transactions: every change in the credits of a user that a filter lets through.

use std::ops::RangeInclusive;

use domain::credits::Credits;
use domain::ids::{ApiKeyId, ConversationId, EntryId, PlaceInList, UserId};
use domain::invalid_field::{InvalidField, check_text};
use domain::message::FinishReason;
use domain::pricing::{Prices, Usage};
use domain::time::Timestamp;
use serde::Serialize;
use store::{StoreError, from_item};

use crate::account::{Account, Payer};
use crate::entry::{self, Entry, EntryKind, MAX_MODEL_BYTES};
use crate::error::LedgerError;
use crate::history::{Cursor, History, Limit, List, ListOrder, Page, PageRequest, ReadEntries, not_a_cursor};

/// The most entries that a page reads to find those that pass its filter.
const MOST_READ: u16 = 500;
/// The fewest entries that one request reads for such a page.
const LEAST_READ_AT_ONCE: u16 = 100;

/// A change in credits, as its owner sees it: with all that a charge follows from, and without texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transaction {
    /// The entry's id, which is also the message's, if it was one.
    pub id: EntryId,
    /// The kind of change.
    pub kind: EntryKind,
    /// Credits: positive if the user got them, negative if the user spent them.
    pub tokens: i64,
    /// The time of the change, in RFC 3339.
    pub created_at: String,
    /// Of a chat: the model that replied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of a chat: the tokens that the message took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Of a chat: the prices of its model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// Of a chat: the version of the catalogue that has these prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<u64>,
    /// Of a chat that cost more than was held: what was held, which is all that was charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capped_at: Option<Credits>,
    /// Of a chat: the reason why the reply ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// Of a chat that a program paid for with an API key: the key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<ApiKeyId>,
    /// Of a chat that is stored, unless a program stored it: the conversation, which may have been deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
}

impl List for Transaction {
    const NAME: &'static str = "transactions";
    const MOST: Limit = Limit(MOST_READ);
}

impl Transaction {
    /// The transaction that an entry of `account` is to its owner. `None` for a void entry, a note of ours that nothing
    /// happened.
    pub(super) fn shown(id: EntryId, entry: Entry, account: &Account) -> Option<Self> {
        let Entry { kind, amount, created_at, model, usage, prices, catalogue, capped_at, finish_reason, .. } = entry;
        (kind != EntryKind::Void).then(|| Self {
            id,
            kind,
            tokens: amount,
            created_at,
            model,
            usage,
            prices,
            catalogue,
            capped_at,
            finish_reason,
            key_id: entry.api_key,
            conversation: entry.conversation.and_then(|stored_as| shown_as(stored_as, account)),
        })
    }
}

/// The id by which a user knows the conversation that is stored under this one. `None` for the exchanges of programs.
pub(super) fn shown_as(stored_as: ConversationId, account: &Account) -> Option<ConversationId> {
    match stored_as {
        ConversationId::COMPLETIONS => None,
        id if id == account.first_conversation() => Some(ConversationId::FIRST),
        id => Some(id),
    }
}

/// A transaction that was read for its owner. Nothing else makes one, so that whatever is made of it is of an entry that is there.
#[derive(Clone, Debug)]
pub struct ReadTransaction {
    owner: UserId,
    transaction: Transaction,
}

impl ReadTransaction {
    /// The user whose credits changed.
    #[must_use]
    pub fn owner(&self) -> UserId {
        self.owner
    }

    /// The transaction.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }
}

/// The id of a model, as entries have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelId(String);

impl ModelId {
    /// Parses the query parameter `model`.
    ///
    /// # Errors
    /// [`InvalidField`] if no model can have this id.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        check_text(text)?;
        if text.len() > MAX_MODEL_BYTES {
            return Err(InvalidField::new(format!("Ensure this field has no more than {MAX_MODEL_BYTES} bytes.")));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Conditions on transactions. A transaction passes if it meets all that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// The transaction's id was made at this time or later. An id is as old as its hold, and a hold is made when a
    /// message is asked, so that `created_at` is later.
    pub from: Option<Timestamp>,
    /// The transaction's id was made at this time or earlier.
    pub to: Option<Timestamp>,
    /// The kind of change.
    pub kind: Option<EntryKind>,
    /// The API key that paid.
    pub key: Option<ApiKeyId>,
    /// The model that replied.
    pub model: Option<ModelId>,
}

impl TransactionFilter {
    /// Parses the query parameter `cursor` of the list of transactions that pass this filter.
    ///
    /// # Errors
    /// [`InvalidField`] if it is not what the list with this filter gave this user.
    pub fn cursor(&self, text: &str, user_id: UserId) -> Result<Cursor, InvalidField> {
        let cursor = Cursor::parse_as(text, |cursor| self.text(cursor, user_id))?;
        let is_in_range = self.ids().is_some_and(|ids| ids.contains(&cursor.0));
        if is_in_range { Ok(cursor) } else { Err(not_a_cursor()) }
    }

    /// The text of a cursor of this list. Without conditions it is that of the whole list.
    fn text(&self, cursor: Cursor, user_id: UserId) -> String {
        if *self == Self::default() {
            return cursor.text::<Transaction>(user_id);
        }
        let Self { from, to, kind, key, model } = self;
        let [from, to] = [from, to].map(|time| time.map_or(String::new(), |time| time.milliseconds().to_string()));
        let kind = kind.map_or("", EntryKind::as_str);
        let key = key.map_or(String::new(), |key| key.to_string());
        let model = model.as_ref().map_or("", |ModelId(id)| id);
        cursor.text_of(&format!("cursor\0{user_id}\0{}\0{from}\0{to}\0{kind}\0{key}\0{model}", Transaction::NAME))
    }

    /// The ids of its time. `None` if there is no time between its ends.
    fn ids(&self) -> Option<RangeInclusive<PlaceInList>> {
        let from = self.from.unwrap_or(Timestamp::from_milliseconds(0));
        let to = self.to.unwrap_or(Timestamp::from_milliseconds(u64::MAX));
        (from <= to).then(|| PlaceInList::first_of(from)..=PlaceInList::last_of(to))
    }

    fn passes(&self, transaction: &Transaction) -> bool {
        self.kind.is_none_or(|kind| transaction.kind == kind)
            && self.key.is_none_or(|key| transaction.key_id == Some(key))
            && self.model.as_ref().is_none_or(|ModelId(id)| transaction.model.as_ref() == Some(id))
    }

    /// The number of reads for a page, and the entries of each. Without conditions but those of time, one read of as many
    /// as the page has room for is enough.
    fn reads(&self, Limit(wanted): Limit) -> (u16, Limit) {
        let passes_all = self.kind.is_none() && self.key.is_none() && self.model.is_none();
        if passes_all {
            return (1, Limit(wanted));
        }
        let at_once = wanted.max(LEAST_READ_AT_ONCE);
        (MOST_READ / at_once, Limit(at_once))
    }
}

impl History {
    /// A page of the changes in the credits of `owner` that pass `filter`, the newest first. A page reads at most
    /// [`MOST_READ`] entries of 1 KB each, those that it leaves out included, in at most five requests beside that for the
    /// account. It ends when it is full.
    ///
    /// # Errors
    /// [`LedgerError::Closed`] if the account is not open to `owner`, [`LedgerError::Unavailable`] if the table cannot
    /// be read.
    pub async fn transactions(
        &self,
        owner: Payer,
        filter: &TransactionFilter,
        wanted: PageRequest,
    ) -> Result<Page<Transaction>, LedgerError> {
        let account = self.account(owner).await?;
        Ok(self.transactions_of(owner.user_id(), &account, filter, wanted).await?)
    }

    /// The same of a user whose `account` was read, for staff: whatever the status of the account is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn transactions_of(
        &self,
        user_id: UserId,
        account: &Account,
        filter: &TransactionFilter,
        wanted: PageRequest,
    ) -> Result<Page<Transaction>, StoreError> {
        let (mut found, mut place) = (Vec::new(), wanted.cursor);
        let Some(ids) = filter.ids() else { return Ok(Page { entries: found, next: None }) };
        let (reads, limit) = filter.reads(wanted.limit);
        let most = usize::from(wanted.limit.0);
        for _ in 0..reads {
            let read = PageRequest { limit, cursor: place };
            let ReadEntries { entries, next } =
                self.entries_between(user_id, &ids, ListOrder::NewestFirst, read).await?;
            place = next;
            let last = entries.last().map(|(id, _)| *id);
            for (id, entry) in entries {
                found.extend(Transaction::shown(id, entry, account).filter(|shown| filter.passes(shown)));
                if found.len() == most {
                    // The rest of what was read is read again for the next page.
                    place = if last == Some(id) { place } else { Some(Cursor::after(id)) };
                    break;
                }
            }
            if found.len() == most || place.is_none() {
                break;
            }
        }
        Ok(Page { entries: found, next: place.map(|cursor| filter.text(cursor, user_id)) })
    }

    /// The transaction of `owner` that has this id, in one request. `None` if there is none, or if its entry says that nothing
    /// happened.
    ///
    /// # Errors
    /// As [`History::transactions`].
    pub async fn transaction(&self, owner: Payer, id: EntryId) -> Result<Option<ReadTransaction>, LedgerError> {
        let user_id = owner.user_id();
        let [account, entry] = self.table.get_each([Account::key(user_id), entry::key(user_id, id)]).await?;
        let account = Account::admitted(account.map(from_item).transpose()?, owner)?;
        let entry: Option<Entry> = entry.map(from_item).transpose()?;
        let transaction = entry.and_then(|entry| Transaction::shown(id, entry, &account));
        Ok(transaction.map(|transaction| ReadTransaction { owner: user_id, transaction }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use domain::time::Clock;
    use serde_json::json;
    use testkit::test_table::NOW;

    use crate::entry::EntrySource;
    use crate::exchange::{Bill, Exchange};
    use crate::testing::{TestTable, message, open_account, stored_reply};

    const FIRST: ConversationId = ConversationId::FIRST;

    /// Ada's ledger: a grant, and then what a test writes, one entry each millisecond.
    struct FilterScene {
        test: TestTable,
        history: History,
        ada: Payer,
    }

    impl FilterScene {
        async fn start() -> Self {
            let test = TestTable::start().await;
            let ada = open_account(&test, "ada", 100).await;
            let history = History::new(test.table.clone(), test.clock.clone());
            Self { test, history, ada }
        }

        /// Writes an entry, and returns its id.
        async fn write(&self, entry: Entry) -> EntryId {
            self.test.clock.advance(Duration::from_millis(1));
            let id = EntryId::new(&self.test.clock);
            let put = self.test.table.client().put_item().table_name(self.test.table.name());
            let item = entry::key(self.ada.user_id(), id).with(&entry).unwrap();
            put.set_item(Some(item)).send().await.unwrap();
            id
        }

        async fn page(&self, filter: &TransactionFilter, limit: u16, cursor: Option<&str>) -> Page<Transaction> {
            let cursor = cursor.map(|text| filter.cursor(text, self.ada.user_id()).unwrap());
            let wanted = PageRequest { limit: Limit(limit), cursor };
            self.history.transactions(self.ada, filter, wanted).await.unwrap()
        }

        async fn ids(&self, filter: &TransactionFilter) -> Vec<EntryId> {
            let page = self.page(filter, 100, None).await;
            assert!(page.next.is_none());
            page.entries.into_iter().map(|transaction| transaction.id).collect()
        }
    }

    /// A chat by `model`, which `key` paid for.
    fn chat(model: &str, key: Option<ApiKeyId>) -> Entry {
        let (said, mut reply) = (message("Hello"), stored_reply("Hi"));
        model.clone_into(&mut reply.model);
        let one = Credits::new(1).unwrap();
        let exchange = Exchange { message: &said, reply: &reply, conversation: Some(FIRST), bill: Bill::of(one) };
        Entry { api_key: key, ..Entry::chat(one, exchange, None, NOW.to_string()) }
    }

    fn model(id: &str) -> ModelId {
        ModelId::parse(id).unwrap()
    }

    #[tokio::test]
    async fn a_transaction_has_all_that_its_cost_follows_from_and_says_who_paid_and_where() {
        let scene = FilterScene::start().await;
        let key = ApiKeyId::new(&scene.test.clock);
        let id = scene.write(chat("dummy", Some(key))).await;
        let page = scene.page(&TransactionFilter::default(), 1, None).await;
        let expected = json!({
            "id": id, "kind": "chat", "tokens": -1, "created_at": NOW.to_string(), "model": "dummy",
            "usage": {"input_tokens": 1, "output_tokens": 2}, "prices": {"request": 1}, "finish_reason": "stop",
            "key_id": key, "conversation": FIRST,
        });
        assert_eq!(serde_json::to_value(&page.entries[0]).unwrap(), expected);
        scene.write(Entry { conversation: Some(ConversationId::COMPLETIONS), ..chat("dummy", None) }).await;
        let of_a_program = scene.page(&TransactionFilter::default(), 1, None).await.entries.remove(0);
        assert_eq!((of_a_program.conversation, of_a_program.key_id), (None, None));
    }

    #[tokio::test]
    async fn each_condition_alone_and_all_together_let_through_what_meets_them() {
        let scene = FilterScene::start().await;
        let keys = [ApiKeyId::new(&scene.test.clock), ApiKeyId::new(&scene.test.clock)];
        let mut written = Vec::new();
        for (id, key) in [("a", None), ("b", Some(keys[0])), ("a", Some(keys[0])), ("b", Some(keys[1]))] {
            written.insert(0, scene.write(chat(id, key)).await);
        }
        scene.write(Entry::void(NOW.to_string())).await;
        let taken = scene.write(Entry::credited(-5, EntrySource::Operator, NOW.to_string())).await;
        let all = TransactionFilter::default;
        assert_eq!(scene.ids(&all()).await.len(), 4 + 2);
        assert_eq!(scene.ids(&TransactionFilter { model: Some(model("a")), ..all() }).await, [written[1], written[3]]);
        assert_eq!(scene.ids(&TransactionFilter { key: Some(keys[0]), ..all() }).await, written[1..3]);
        assert_eq!(scene.ids(&TransactionFilter { kind: Some(EntryKind::Chat), ..all() }).await, written);
        assert_eq!(scene.ids(&TransactionFilter { kind: Some(EntryKind::Adjustment), ..all() }).await, [taken]);
        assert_eq!(scene.ids(&TransactionFilter { kind: Some(EntryKind::Void), ..all() }).await, []);
        let both = TransactionFilter { model: Some(model("b")), key: Some(keys[0]), ..all() };
        assert_eq!(scene.ids(&both).await, [written[2]]);
        let none = TransactionFilter { kind: Some(EntryKind::Grant), model: Some(model("a")), ..all() };
        assert_eq!(scene.ids(&none).await, []);
    }

    #[tokio::test]
    async fn times_are_those_of_the_ids_both_ends_included_and_nothing_else_is_read() {
        let scene = FilterScene::start().await;
        let mut written = Vec::new();
        for _ in 0..4 {
            written.push(scene.write(chat("a", None)).await);
        }
        let [_, second, third, _] = written[..] else { panic!("four") };
        let filter = TransactionFilter {
            from: Some(second.made_at()),
            to: Some(third.made_at()),
            ..TransactionFilter::default()
        };
        scene.test.recorder.clear();
        assert_eq!(scene.ids(&filter).await, [third, second]);
        let requests = scene.test.recorder.requests();
        let operations: Vec<&str> = requests.iter().map(|request| request.operation.as_str()).collect();
        assert_eq!(operations, ["GetItem", "Query"]);
        assert_eq!(requests[1].response_body["ScannedCount"], 2);
        for limit in 1..=3 {
            let first = scene.page(&filter, limit, None).await;
            let mut found = first.entries.len();
            if let Some(next) = first.next {
                found += scene.page(&filter, 2, Some(&next)).await.entries.len();
            }
            assert_eq!(found, 2, "limit {limit}");
        }
    }

    #[tokio::test]
    async fn between_ends_in_the_wrong_order_there_is_nothing_and_no_request_for_it() {
        let scene = FilterScene::start().await;
        let [from, to] = [2, 1].map(|seconds| Some(Timestamp::from_seconds(seconds)));
        scene.test.recorder.clear();
        assert_eq!(scene.ids(&TransactionFilter { from, to, ..TransactionFilter::default() }).await, []);
        assert_eq!(scene.test.recorder.requests().len(), 1, "the account");
    }

    #[tokio::test]
    async fn pages_of_any_size_make_up_all_that_passes() {
        let scene = FilterScene::start().await;
        let mut wanted = Vec::new();
        for number in 0..23 {
            let id = scene.write(chat(if number % 3 == 0 { "rare" } else { "frequent" }, None)).await;
            if number % 3 == 0 {
                wanted.insert(0, id);
            }
        }
        let filter = TransactionFilter { model: Some(model("rare")), ..TransactionFilter::default() };
        for limit in 1..=9 {
            let (mut found, mut next) = (Vec::new(), None::<String>);
            loop {
                let page = scene.page(&filter, limit, next.as_deref()).await;
                assert!(page.entries.len() <= usize::from(limit));
                found.extend(page.entries.into_iter().map(|transaction| transaction.id));
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            assert_eq!(found, wanted, "limit {limit}");
        }
    }

    #[tokio::test]
    async fn a_page_reads_500_entries_in_five_requests_and_the_next_one_goes_on_after_the_last_of_them() {
        let scene = FilterScene::start().await;
        let rare = scene.write(chat("rare", None)).await;
        for _ in 0..505 {
            scene.write(chat("frequent", None)).await;
        }
        let filter = TransactionFilter { model: Some(model("rare")), ..TransactionFilter::default() };
        for (limit, queries) in [(20, 5), (100, 5), (200, 2), (500, 1)] {
            scene.test.recorder.clear();
            let page = scene.page(&filter, limit, None).await;
            assert_eq!(page.entries, [], "limit {limit}");
            assert_eq!(scene.test.recorder.requests().len(), 1 + queries, "limit {limit}");
            let mut next = page.next;
            let mut found = Vec::new();
            while let Some(cursor) = next {
                let page = scene.page(&filter, limit, Some(&cursor)).await;
                found.extend(page.entries);
                next = page.next;
            }
            assert_eq!(found.iter().map(|transaction| transaction.id).collect::<Vec<_>>(), [rare], "limit {limit}");
        }
    }

    #[tokio::test]
    async fn one_transaction_is_read_for_its_owner_in_one_request_and_a_void_entry_is_none() {
        let scene = FilterScene::start().await;
        let id = scene.write(chat("dummy", None)).await;
        let void = scene.write(Entry::void(NOW.to_string())).await;
        let bob = open_account(&scene.test, "bob", 5).await;
        scene.test.recorder.clear();
        let read = scene.history.transaction(scene.ada, id).await.unwrap().unwrap();
        assert_eq!((read.owner(), read.transaction().id), (scene.ada.user_id(), id));
        let operations: Vec<_> = scene.test.recorder.requests().into_iter().map(|request| request.operation).collect();
        assert_eq!(operations, ["BatchGetItem"]);
        assert_eq!(*read.transaction(), scene.page(&TransactionFilter::default(), 2, None).await.entries[0]);
        for (owner, id) in [(scene.ada, void), (scene.ada, EntryId::new(&scene.test.clock)), (bob, id)] {
            assert!(scene.history.transaction(owner, id).await.unwrap().is_none());
        }
        let key = Account::key(scene.ada.user_id());
        scene.test.set(key, "session_epoch", store::number(2_u64)).await;
        assert!(matches!(scene.history.transaction(scene.ada, id).await, Err(LedgerError::Closed(_))));
    }

    #[test]
    fn a_cursor_is_one_of_its_conditions_alone() {
        let clock = Clock::system();
        let (user_id, cursor) = (UserId::new(&clock), Cursor::after(EntryId::new(&clock)));
        let all = TransactionFilter::default;
        let filters = [
            all(),
            TransactionFilter { from: Some(Timestamp::from_milliseconds(1)), ..all() },
            TransactionFilter { to: Some(clock.now()), ..all() },
            TransactionFilter { kind: Some(EntryKind::Chat), ..all() },
            TransactionFilter { kind: Some(EntryKind::Grant), ..all() },
            TransactionFilter { key: Some(ApiKeyId::new(&clock)), ..all() },
            TransactionFilter { model: Some(model("a")), ..all() },
            TransactionFilter { model: Some(model("b")), ..all() },
        ];
        for (number, filter) in filters.iter().enumerate() {
            let text = filter.text(cursor, user_id);
            for (other, reading) in filters.iter().enumerate() {
                assert_eq!(reading.cursor(&text, user_id).is_ok(), number == other, "{number} {other}");
            }
            assert!(filter.cursor(&text, UserId::new(&clock)).is_err());
        }
        assert_eq!(Cursor::parse::<Transaction>(&all().text(cursor, user_id), user_id), Ok(cursor));
    }

    #[test]
    fn a_cursor_outside_of_its_time_is_refused_although_its_digest_is_right() {
        let clock = Clock::system();
        let (user_id, cursor) = (UserId::new(&clock), Cursor::after(EntryId::new(&clock)));
        for filter in [
            TransactionFilter { to: Some(Timestamp::from_seconds(1)), ..TransactionFilter::default() },
            TransactionFilter { from: Some(clock.now().plus(Duration::from_secs(1))), ..TransactionFilter::default() },
        ] {
            assert!(filter.cursor(&filter.text(cursor, user_id), user_id).is_err());
        }
    }

    #[test]
    fn a_model_is_a_text_that_an_entry_has_room_for() {
        assert!(ModelId::parse(&"x".repeat(MAX_MODEL_BYTES)).is_ok());
        for text in ["", " ", "a\0b", &"x".repeat(MAX_MODEL_BYTES + 1)] {
            assert!(ModelId::parse(text).is_err(), "{text:?}");
        }
    }
}
