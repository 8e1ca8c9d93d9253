//! The ledger as its owner reads it: newest first, page by page, and all of it from the oldest on for an export.

mod conversations;
mod export;
mod messages;
mod newest;
mod transactions;

use std::ops::RangeInclusive;

use acts::RecordedAct;
use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::{ConversationId, EntryId, PlaceInList, UserId};
use domain::invalid_field::InvalidField;
use domain::time::{Clock, Timestamp};
use store::{Item, Key, StoreError, Table, from_item, partition_of};

use crate::account::{Account, Payer};
use crate::entry::{self, Entry};
use crate::error::LedgerError;
use crate::retention::{KeptTexts, Retention};
use crate::texts::id_in_sort_key;

pub use export::{ExportCursor, ExportedEntry, ExportedPage, ExportedTexts};
pub use messages::AnsweredMessage;
pub use transactions::{ModelId, ReadTransaction, Transaction, TransactionFilter};

/// A list of a user.
pub trait List {
    /// The list's name. A cursor of one list means nothing in another.
    const NAME: &'static str;
    /// The most that anybody may ask for in a page.
    const MOST: Limit = Limit::MAX;
}

impl List for RecordedAct {
    const NAME: &'static str = "acts";
}

/// How many entries a page has at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// The most that anybody may ask for in a page of most lists.
    pub const MAX: Self = Self(100);

    /// Parses the query parameter `limit` of the list of `T`.
    ///
    /// # Errors
    /// [`InvalidField`] saying what the rule is.
    pub fn parse<T: List>(text: &str) -> Result<Self, InvalidField> {
        let Self(most) = T::MOST;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let limit = text.parse().ok().filter(|limit| is_number && (1..=most).contains(limit));
        limit.map(Self).ok_or_else(|| InvalidField::new(format!("Ensure this is a whole number from 1 to {most}.")))
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

/// Where a page ended. Its text is opaque, and bound to user and list by a digest.
///
/// The digest keeps clients from building on the text; it guards nothing, since the partition
/// comes from the access token and not from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) PlaceInList);

impl Cursor {
    const DIGEST_BYTES: usize = 16;

    /// The place after the item of this id.
    #[must_use]
    pub fn after(id: impl Into<PlaceInList>) -> Self {
        Self(id.into())
    }

    /// Parses the query parameter `cursor` of the list of `T`.
    ///
    /// # Errors
    /// [`InvalidField`] if it is not what this list gave this user.
    pub fn parse<T: List>(text: &str, user_id: UserId) -> Result<Self, InvalidField> {
        Self::parse_as(text, |cursor| cursor.text::<T>(user_id))
    }

    /// Parses the query parameter `cursor` of the list of `T` in a conversation.
    ///
    /// # Errors
    /// [`InvalidField`] if it is not what this list gave this user.
    pub fn parse_in<T: List>(text: &str, user_id: UserId, conversation: ConversationId) -> Result<Self, InvalidField> {
        Self::parse_as(text, |cursor| cursor.text_in::<T>(user_id, conversation))
    }

    /// Parses the query parameter `cursor` of a list that is no user's own. `list` has the list's name and all that the list
    /// depends on.
    ///
    /// # Errors
    /// [`InvalidField`] if it is not what this list gave.
    pub fn parse_of_list(text: &str, list: &str) -> Result<Self, InvalidField> {
        Self::parse_as(text, |cursor| cursor.text_of_list(list))
    }

    /// The text of the cursor of a list that is no user's own.
    #[must_use]
    pub fn text_of_list(self, list: &str) -> String {
        self.text_of(&format!("cursor\0\0{list}"))
    }

    /// The id of the item that the page ended with.
    #[must_use]
    pub fn place(self) -> PlaceInList {
        self.0
    }

    fn parse_as(text: &str, written: impl Fn(Self) -> String) -> Result<Self, InvalidField> {
        let decoded = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let id = decoded.get(Self::DIGEST_BYTES..).and_then(|id| std::str::from_utf8(id).ok());
        let cursor = id.and_then(PlaceInList::parse).map(Self).filter(|cursor| written(*cursor) == text);
        cursor.ok_or_else(not_a_cursor)
    }

    /// The text by which `user_id` goes on in the list of `T`.
    #[must_use]
    pub fn text<T: List>(self, user_id: UserId) -> String {
        self.text_of(&format!("cursor\0{user_id}\0{}", T::NAME))
    }

    pub(crate) fn text_in<T: List>(self, user_id: UserId, conversation: ConversationId) -> String {
        self.text_of(&format!("cursor\0{user_id}\0{}\0{conversation}", T::NAME))
    }

    fn text_of(self, list: &str) -> String {
        let Self(id) = self;
        let digest = digest(&SHA256, format!("{list}\0{id}").as_bytes());
        let digest = &digest.as_ref()[..Self::DIGEST_BYTES];
        URL_SAFE_NO_PAD.encode([digest, id.to_string().as_bytes()].concat())
    }
}

fn not_a_cursor() -> InvalidField {
    InvalidField::new("This is not a cursor of this list.")
}

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// How much of it.
    pub limit: Limit,
    /// Where the page before it ended.
    pub cursor: Option<Cursor>,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries, newest first.
    pub entries: Vec<T>,
    /// The cursor of the next page, if there may be one.
    pub next: Option<String>,
}

/// The ledger, for reading.
#[derive(Clone, Debug)]
pub struct History {
    pub(crate) table: Table,
    clock: Clock,
    retention: Retention,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListOrder {
    NewestFirst,
    OldestFirst,
}

/// The entries of a page, before a list makes its own of them.
pub(crate) struct ReadEntries {
    pub(crate) entries: Vec<(EntryId, Entry)>,
    /// The last entry that was read, if there may be more.
    pub(crate) next: Option<Cursor>,
}

impl History {
    /// The entries in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock, retention: Retention::default() }
    }

    /// The same entries, whose texts are kept for as long as `retention` says.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// The account of `owner`. Nothing is read for a caller before it has been found open.
    ///
    /// # Errors
    /// [`LedgerError::Closed`] if the account is not open to `owner`, [`LedgerError::Unavailable`] if the table cannot
    /// be read.
    pub async fn account(&self, owner: Payer) -> Result<Account, LedgerError> {
        Ok(Account::admitted(self.table.get(Account::key(owner.user_id())).await?, owner)?)
    }

    /// The texts of `account` that are kept now.
    fn kept_texts(&self, account: &Account) -> KeptTexts {
        KeptTexts::of(account, self.retention, self.clock.now())
    }

    pub(crate) async fn entries(
        &self,
        user_id: UserId,
        order: ListOrder,
        wanted: PageRequest,
    ) -> Result<ReadEntries, StoreError> {
        self.entries_between(user_id, &any_id(), order, wanted).await
    }

    /// The entries of a page whose ids are in `ids`, which are not empty.
    async fn entries_between(
        &self,
        user_id: UserId,
        ids: &RangeInclusive<PlaceInList>,
        order: ListOrder,
        wanted: PageRequest,
    ) -> Result<ReadEntries, StoreError> {
        let (items, next) = self.items_between(user_id, entry::SORT_KEY_PREFIX, ids, order, wanted).await?;
        let entries = items.into_iter().map(|item| Ok((id_in_sort_key(&item)?, from_item(item)?)));
        Ok(ReadEntries { entries: entries.collect::<Result<_, StoreError>>()?, next })
    }

    /// The items of a page whose sort keys are `prefix` and an id.
    pub(crate) async fn items(
        &self,
        user_id: UserId,
        prefix: &str,
        order: ListOrder,
        wanted: PageRequest,
    ) -> Result<(Vec<Item>, Option<Cursor>), StoreError> {
        self.items_between(user_id, prefix, &any_id(), order, wanted).await
    }

    /// The items of a page whose sort keys are `prefix` and an id in `ids`. `DynamoDB` refuses a range that is empty, and
    /// a cursor outside of it.
    async fn items_between(
        &self,
        user_id: UserId,
        prefix: &str,
        ids: &RangeInclusive<PlaceInList>,
        order: ListOrder,
        wanted: PageRequest,
    ) -> Result<(Vec<Item>, Option<Cursor>), StoreError> {
        let sort_key = |id: &PlaceInList| AttributeValue::S(format!("{prefix}{id}"));
        let start = wanted.cursor.map(|Cursor(id)| Key::of_user(user_id, format!("{prefix}{id}")).into_item());
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":first", sort_key(ids.start()))
            .expression_attribute_values(":last", sort_key(ids.end()))
            .limit(wanted.limit.0.into())
            .scan_index_forward(order == ListOrder::OldestFirst)
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        let next = answer.last_evaluated_key.map(|key| id_in_sort_key(&key).map(|id| Cursor(id.into()))).transpose()?;
        Ok((answer.items.unwrap_or_default(), next))
    }
}

fn any_id() -> RangeInclusive<PlaceInList> {
    let end_of_time = Timestamp::from_milliseconds(u64::MAX);
    PlaceInList::first_of(Timestamp::from_milliseconds(0))..=PlaceInList::last_of(end_of_time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::account::Closed;
    use crate::entry::{EntryKind, EntrySource};
    use crate::exchange::{Bill, Exchange, StoredReply};
    use crate::testing::{TestTable, message, open_account, payer, stored_reply};
    use crate::texts::{MessageItem, TextPlace, Texts, text_key};
    use domain::credits::Credits;
    use domain::ids::ConversationId;
    use domain::time::Clock;
    use store::number;
    use testkit::test_table::NOW;

    /// Ada's ledger: her grant, then message, void, adjustment, and so on in turn.
    struct Scene {
        test: TestTable,
        history: History,
        ada: Payer,
        /// What was written, newest first.
        written: Vec<(EntryId, EntryKind)>,
    }

    impl Scene {
        async fn with_entries(count: usize) -> Self {
            let test = TestTable::start().await;
            let ada = open_account(&test, "ada", 100).await;
            let history = History::new(test.table.clone(), test.clock.clone());
            let mut scene = Self { test, history, ada, written: Vec::new() };
            let kinds = [EntryKind::Chat, EntryKind::Void, EntryKind::Adjustment];
            for kind in kinds.into_iter().cycle().take(count) {
                scene.write(kind).await;
            }
            scene
        }

        async fn write(&mut self, kind: EntryKind) -> EntryId {
            match kind {
                EntryKind::Chat => self.write_chat("Hello", &stored_reply("Dummy Response"), TextPlace::Inline).await,
                kind => {
                    let entry =
                        Entry { kind, ..Entry::credited(-1, EntrySource::Operator, self.test.clock.now().to_string()) };
                    self.write_entry(&entry).await
                }
            }
        }

        /// Writes a stored exchange as a capture does.
        async fn write_chat(&mut self, said: &str, reply: &StoredReply, place: TextPlace) -> EntryId {
            let said = message(said);
            let (conversation, bill) = (Some(ConversationId::FIRST), Bill::of(Credits::new(1).unwrap()));
            let exchange = Exchange { message: &said, reply, conversation, bill };
            let now = self.test.clock.now().plus(Duration::from_millis(1)).to_string();
            let id = self.write_entry(&Entry::chat(Credits::new(1).unwrap(), exchange, Some(place), now)).await;
            let item = MessageItem::new(exchange, false, place);
            self.put(MessageItem::key(self.ada.user_id(), ConversationId::FIRST, id).with(&item).unwrap()).await;
            if place == TextPlace::Apart {
                let texts = Texts { message: Some(said.as_str().to_owned()), ..Texts::of_reply(reply) };
                self.put(text_key(self.ada.user_id(), id).with(&json!({ "texts": texts })).unwrap()).await;
            }
            id
        }

        async fn write_entry(&mut self, entry: &Entry) -> EntryId {
            self.test.clock.advance(Duration::from_millis(1));
            let id = EntryId::new(&self.test.clock);
            self.put(entry::key(self.ada.user_id(), id).with(entry).unwrap()).await;
            self.written.insert(0, (id, entry.kind));
            id
        }

        async fn put(&self, item: store::Item) {
            let put = self.test.table.client().put_item().table_name(self.test.table.name());
            put.set_item(Some(item)).send().await.unwrap();
        }

        fn ids_of(&self, shown: impl Fn(EntryKind) -> bool) -> Vec<EntryId> {
            self.written.iter().filter(|(_, kind)| shown(*kind)).map(|(id, _)| *id).collect()
        }

        fn wanted<T: List>(&self, limit: u16, cursor: Option<&str>) -> PageRequest {
            let cursor = cursor.map(|text| Cursor::parse::<T>(text, self.ada.user_id()).unwrap());
            PageRequest { limit: Limit(limit), cursor }
        }

        async fn transactions(&self, limit: u16, cursor: Option<&str>) -> Page<Transaction> {
            let (filter, wanted) = (TransactionFilter::default(), self.wanted::<Transaction>(limit, cursor));
            self.history.transactions(self.ada, &filter, wanted).await.unwrap()
        }

        async fn messages(&self, limit: u16, cursor: Option<&str>) -> Page<AnsweredMessage> {
            self.history.messages(self.ada, self.wanted::<AnsweredMessage>(limit, cursor)).await.unwrap()
        }
    }

    async fn transactions_of(scene: &Scene, owner: Payer) -> Result<Page<Transaction>, LedgerError> {
        scene.history.transactions(owner, &TransactionFilter::default(), PageRequest::default()).await
    }

    /// All pages together, and how many there were.
    async fn all<T>(limit: u16, page: impl AsyncFn(Option<String>) -> Page<T>) -> (Vec<T>, usize) {
        let (mut entries, mut pages, mut next) = (Vec::new(), 0, None);
        loop {
            let page = page(next).await;
            assert!(page.entries.len() <= limit.into());
            entries.extend(page.entries);
            pages += 1;
            next = page.next;
            if next.is_none() {
                return (entries, pages);
            }
        }
    }

    #[tokio::test]
    async fn transactions_come_newest_first_down_to_the_grant_and_leave_void_entries_out() {
        let scene = Scene::with_entries(7).await;
        let page = scene.transactions(100, None).await;
        let ids: Vec<EntryId> = page.entries.iter().map(|entry| entry.id).collect();
        let (grant, others) = ids.split_last().unwrap();
        assert_eq!(others, scene.ids_of(|kind| kind != EntryKind::Void));
        assert!(page.next.is_none());
        let shown = serde_json::to_value(page.entries.last().unwrap()).unwrap();
        let created_at = NOW.to_string();
        assert_eq!(shown, json!({"id": grant, "kind": "grant", "tokens": 100, "created_at": created_at}));
        assert_eq!(page.entries[0].tokens, -1);
    }

    #[tokio::test]
    async fn messages_are_the_stored_chats_alone_with_what_they_cost() {
        let mut scene = Scene::with_entries(7).await;
        let stored = scene.ids_of(|kind| kind == EntryKind::Chat);
        let created_at = scene.test.clock.now().to_string();
        let (said, reply) = (message("unstored"), stored_reply("unstored"));
        let bill = Bill::of(Credits::ZERO);
        let exchange = Exchange { message: &said, reply: &reply, conversation: None, bill };
        scene.write_entry(&Entry::chat(Credits::ZERO, exchange, None, NOW.to_string())).await;
        let page = scene.messages(100, None).await;
        let ids: Vec<EntryId> = page.entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, stored);
        let expected = json!({
            "id": ids[0], "message": "Hello", "response": "Dummy Response", "tokens": 1,
            "model": "dummy", "usage": {"input_tokens": 1, "output_tokens": 2}, "created_at": created_at,
        });
        assert_eq!(serde_json::to_value(&page.entries[0]).unwrap(), expected);
    }

    #[tokio::test]
    async fn texts_are_found_in_any_place_and_lost_ones_are_called_lost() {
        let mut scene = Scene::with_entries(0).await;
        let refusal = StoredReply { refusal: Some("No.".to_owned()), ..stored_reply("") };
        scene.write_chat("one", &stored_reply("1"), TextPlace::Inline).await;
        scene.write_chat("two", &stored_reply("2"), TextPlace::Apart).await;
        scene.write_chat("three", &refusal, TextPlace::Apart).await;
        scene.write_chat("four", &stored_reply("4"), TextPlace::Lost).await;
        let deleted = scene.write_chat("five", &stored_reply("5"), TextPlace::Apart).await;
        scene.test.table.delete(text_key(scene.ada.user_id(), deleted)).await.unwrap();
        let page = scene.messages(100, None).await;
        let shown = |entry: &AnsweredMessage| (entry.message.clone(), entry.response.clone(), entry.text_lost);
        let expected =
            [("", "", true), ("", "", true), ("three", "No.", false), ("two", "2", false), ("one", "1", false)];
        let expected = expected.map(|(message, response, lost)| (message.to_owned(), response.to_owned(), lost));
        assert_eq!(page.entries.iter().map(shown).collect::<Vec<_>>(), expected);
        assert_eq!(serde_json::to_value(&page.entries[0]).unwrap()["text_lost"], true);
    }

    /// Lambda takes an answer of 6 MB, as a JSON string.
    #[tokio::test]
    async fn a_page_of_long_texts_ends_by_their_bytes_in_json_and_the_next_one_goes_on() {
        for text in ["\u{1}", "\"", "x"] {
            let mut scene = Scene::with_entries(0).await;
            let long = text.repeat(64 * 1024);
            for _ in 0..20 {
                scene.write_chat(&long, &stored_reply("Hi"), TextPlace::Apart).await;
            }
            let sizes = std::cell::RefCell::new(Vec::new());
            let (found, pages) = all(100, async |next: Option<String>| {
                let page = scene.messages(100, next.as_deref()).await;
                let body = serde_json::to_string(&page.entries).unwrap();
                sizes.borrow_mut().push(Value::String(body).to_string().len());
                page
            })
            .await;
            let ids: Vec<EntryId> = found.iter().map(|message| message.id).collect();
            assert_eq!(ids, scene.ids_of(|_| true));
            assert!(found.iter().all(|message| message.message == long));
            assert!(pages >= 2 && sizes.borrow().iter().all(|size| *size < 3 * 1024 * 1024), "{pages}: {sizes:?}");
        }
    }

    #[tokio::test]
    async fn pages_of_any_size_make_up_the_whole_list() {
        let scene = Scene::with_entries(11).await;
        let transactions = scene.transactions(100, None).await.entries;
        let messages = scene.messages(100, None).await.entries;
        for limit in 1..=Limit::MAX.0 {
            let page = async |next: Option<String>| scene.transactions(limit, next.as_deref()).await;
            let (found, pages) = all(limit, page).await;
            assert_eq!(found, transactions, "limit {limit}");
            // The limit counts entries before some are left out; the last page may be empty.
            assert_eq!(pages, 12 / usize::from(limit) + 1, "limit {limit}");
            let page = async |next: Option<String>| scene.messages(limit, next.as_deref()).await;
            assert_eq!(all(limit, page).await.0, messages, "limit {limit}");
        }
    }

    #[tokio::test]
    async fn a_page_goes_on_where_the_last_one_ended_although_entries_came_and_went() {
        let mut scene = Scene::with_entries(6).await;
        let first = scene.transactions(3, None).await;
        let (last, _) = scene.written[2];
        scene.test.table.delete(entry::key(scene.ada.user_id(), last)).await.unwrap();
        scene.write(EntryKind::Chat).await;
        let second = scene.transactions(100, first.next.as_deref()).await;
        let ids: Vec<EntryId> = second.entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids[..2], [scene.written[4].0, scene.written[6].0]);
        assert_eq!(ids.len(), 3, "and the grant");
    }

    #[tokio::test]
    async fn a_list_reads_the_account_first_and_transactions_read_no_texts() {
        let scene = Scene::with_entries(1).await;
        scene.test.recorder.clear();
        scene.transactions(20, None).await;
        scene.messages(20, None).await;
        let requests = scene.test.recorder.requests();
        let operations: Vec<&str> = requests.iter().map(|request| request.operation.as_str()).collect();
        assert_eq!(operations, ["GetItem", "Query", "GetItem", "Query", "BatchGetItem"]);
        let has_text = |number: usize| requests[number].response_body.to_string().contains("Dummy Response");
        assert_eq!([1, 3, 4].map(has_text), [false, false, true]);
    }

    #[tokio::test]
    async fn nobody_sees_what_another_user_has() {
        let scene = Scene::with_entries(3).await;
        let bob = open_account(&scene.test, "bob", 5).await;
        let page = transactions_of(&scene, bob).await.unwrap();
        assert_eq!(page.entries.iter().map(|entry| entry.tokens).collect::<Vec<_>>(), [5]);
    }

    #[tokio::test]
    async fn nothing_but_the_account_is_read_for_a_caller_to_whom_it_is_closed() {
        let scene = Scene::with_entries(3).await;
        let page = async || transactions_of(&scene, scene.ada).await;
        let account = || Account::key(scene.ada.user_id());
        scene.test.set(account(), "session_epoch", number(2_u64)).await;
        scene.test.recorder.clear();
        assert!(matches!(page().await, Err(LedgerError::Closed(Closed::SessionEpochPassed))));
        let messages = scene.history.messages(scene.ada, PageRequest::default()).await;
        assert!(matches!(messages, Err(LedgerError::Closed(Closed::SessionEpochPassed))));
        assert_eq!(scene.test.recorder.requests().len(), 2);
        scene.test.set(account(), "status", AttributeValue::S("inactive".to_owned())).await;
        assert!(matches!(page().await, Err(LedgerError::Closed(Closed::Inactive))));
        let nobody = payer(UserId::new(&scene.test.clock));
        let page = transactions_of(&scene, nobody).await;
        assert!(matches!(page, Err(LedgerError::Closed(Closed::Gone))));
    }

    #[test]
    fn a_limit_is_a_whole_number_from_1_to_what_the_list_has_room_for() {
        assert_eq!(Limit::parse::<AnsweredMessage>("1").unwrap(), Limit(1));
        assert_eq!(Limit::parse::<AnsweredMessage>("100").unwrap(), Limit::MAX);
        assert_eq!(Limit::parse::<Transaction>("500").unwrap(), Limit(500));
        assert!(Limit::parse::<Transaction>("501").is_err());
        for text in ["", "0", "101", "256", "65537", "-1", "+1", "1.0", " 1", "1e1", "ten", "99999999999999999999"] {
            assert!(Limit::parse::<AnsweredMessage>(text).is_err(), "{text:?}");
        }
    }

    fn cursor() -> (Cursor, UserId, String) {
        let clock = Clock::system();
        let (cursor, user_id) = (Cursor(EntryId::new(&clock).into()), UserId::new(&clock));
        (cursor, user_id, cursor.text::<Transaction>(user_id))
    }

    #[test]
    fn a_cursor_is_its_users_and_its_lists() {
        let (cursor, user_id, text) = cursor();
        assert_eq!(Cursor::parse::<Transaction>(&text, user_id), Ok(cursor));
        assert!(Cursor::parse::<AnsweredMessage>(&text, user_id).is_err());
        assert!(Cursor::parse::<Transaction>(&text, UserId::new(&Clock::system())).is_err());
    }

    #[test]
    fn a_cursor_in_which_any_character_was_changed_left_out_or_added_is_refused() {
        let (_, user_id, text) = cursor();
        assert!(text.is_ascii());
        for position in 0..=text.len() {
            let (before, after) = text.split_at(position);
            let rest = after.get(1..).unwrap_or_default();
            for character in ' '..='~' {
                let changed = format!("{before}{character}{rest}");
                assert!(changed == text || Cursor::parse::<Transaction>(&changed, user_id).is_err(), "{changed}");
                let longer = format!("{before}{character}{after}");
                assert!(Cursor::parse::<Transaction>(&longer, user_id).is_err(), "{longer}");
            }
            assert!(after.is_empty() || Cursor::parse::<Transaction>(&format!("{before}{rest}"), user_id).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_we_did_not_write_is_not_a_cursor(text in "\\PC{0,80}", bytes in proptest::collection::vec(any::<u8>(), 42)) {
            let (_, user_id, _) = cursor();
            prop_assert!(Cursor::parse::<Transaction>(&text, user_id).is_err());
            prop_assert!(Cursor::parse::<Transaction>(&URL_SAFE_NO_PAD.encode(bytes), user_id).is_err());
        }
    }
}
