//! The ledger as its owner reads it: newest first, page by page.

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::{EntryId, UserId};
use domain::invalid_field::InvalidField;
use domain::pricing::Usage;
use serde::de::{DeserializeOwned, Error, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use store::{Item, StoreError, Table, from_item, partition_of};

use crate::account::{Account, Payer};
use crate::entry::{self, EntryKind};
use crate::error::LedgerError;

/// What a list shows of an entry.
pub trait Listed: DeserializeOwned {
    /// The list's name. A cursor of one list means nothing in another.
    const LIST: &'static str;
    /// The attributes that are read: texts are long, and not every list shows them.
    const ATTRIBUTES: &'static [&'static str];
    /// Which entries the list shows, by `#kind` and `:kind`.
    const FILTER: &'static str;
    /// The kind that the filter compares with.
    const KIND: EntryKind;
}

/// A change in credits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The entry's id, which is also the message's, if it was one.
    #[serde(rename(deserialize = "sk"), deserialize_with = "entry_id_of_sort_key")]
    pub id: EntryId,
    /// Why credits changed.
    pub kind: EntryKind,
    /// By how much: positive for what the user got, negative for what they spent.
    #[serde(rename(deserialize = "amount"))]
    pub tokens: i64,
    /// When, in RFC 3339.
    pub created_at: String,
}

impl Listed for Transaction {
    const LIST: &'static str = "transactions";
    const ATTRIBUTES: &'static [&'static str] = &["sk", "kind", "amount", "created_at"];
    // A void entry is a note of ours that nothing happened.
    const FILTER: &'static str = "#kind <> :kind";
    const KIND: EntryKind = EntryKind::Void;
}

/// A message with its reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredMessage {
    /// The message's id, which is also its ledger entry's.
    #[serde(rename(deserialize = "sk"), deserialize_with = "entry_id_of_sort_key")]
    pub id: EntryId,
    /// The user's message.
    pub message: String,
    /// The model's reply.
    pub response: String,
    /// What it cost.
    #[serde(rename(deserialize = "amount"), deserialize_with = "cost_of_amount")]
    pub tokens: i64,
    /// Which model replied.
    pub model: String,
    /// What that counted, or our guess.
    pub usage: Usage,
    /// When it was answered, in RFC 3339.
    pub created_at: String,
}

impl Listed for AnsweredMessage {
    const LIST: &'static str = "messages";
    const ATTRIBUTES: &'static [&'static str] =
        &["sk", "message", "response", "amount", "model", "usage", "created_at"];
    const FILTER: &'static str = "#kind = :kind";
    const KIND: EntryKind = EntryKind::Chat;
}

fn entry_id_of_sort_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EntryId, D::Error> {
    let sort_key = String::deserialize(deserializer)?;
    let id = sort_key.strip_prefix(entry::SORT_KEY_PREFIX).and_then(parse_entry_id);
    id.ok_or_else(|| D::Error::custom("not the sort key of an entry"))
}

fn cost_of_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    i64::deserialize(deserializer).map(|amount| -amount)
}

fn parse_entry_id(text: &str) -> Option<EntryId> {
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    EntryId::deserialize(text).ok()
}

/// How many entries a page has at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The most that anybody may ask for.
    pub const MAX: Self = Self(100);

    /// Parses the query parameter `limit`.
    ///
    /// # Errors
    /// [`InvalidField`] saying what the rule is.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let limit = text.parse().ok().filter(|limit| is_number && (1..=Self::MAX.0).contains(limit));
        limit
            .map(Self)
            .ok_or_else(|| InvalidField::new(format!("Ensure this is a whole number from 1 to {}.", Self::MAX.0)))
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
pub struct Cursor(EntryId);

impl Cursor {
    const DIGEST_BYTES: usize = 16;

    /// Parses the query parameter `cursor` of the list of `T`.
    ///
    /// # Errors
    /// [`InvalidField`] if it is not what this list gave this user.
    pub fn parse<T: Listed>(text: &str, user_id: UserId) -> Result<Self, InvalidField> {
        let decoded = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let id = decoded.get(Self::DIGEST_BYTES..).and_then(|id| std::str::from_utf8(id).ok()).and_then(parse_entry_id);
        let cursor = id.map(Self).filter(|cursor| cursor.text::<T>(user_id) == text);
        cursor.ok_or_else(|| InvalidField::new("This is not a cursor of this list."))
    }

    fn text<T: Listed>(self, user_id: UserId) -> String {
        let Self(id) = self;
        let digest = digest(&SHA256, format!("cursor\0{user_id}\0{}\0{id}", T::LIST).as_bytes());
        let digest = &digest.as_ref()[..Self::DIGEST_BYTES];
        URL_SAFE_NO_PAD.encode([digest, id.to_string().as_bytes()].concat())
    }
}

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug, Default)]
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
    table: Table,
}

impl History {
    /// What is in `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// A page of what `owner` has in the list of `T`. It ends at the limit or after a megabyte of
    /// entries, those that the list leaves out included.
    ///
    /// # Errors
    /// [`LedgerError::Closed`] if the account is not open to `owner`, [`LedgerError::Unavailable`] if the table cannot
    /// be read.
    pub async fn page<T: Listed>(&self, owner: Payer, wanted: PageRequest) -> Result<Page<T>, LedgerError> {
        // Both at once: accounts that are not open are few.
        let account = self.table.get(Account::key(owner.user_id()));
        let (account, found) = tokio::join!(account, self.query::<T>(owner.user_id(), wanted));
        Account::admitted(account?, owner)?;
        Ok(page_of(owner.user_id(), found?)?)
    }

    async fn query<T: Listed>(&self, user_id: UserId, wanted: PageRequest) -> Result<QueryOutput, StoreError> {
        let kind = serde_dynamo::to_attribute_value(T::KIND)?;
        let mut request = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .filter_expression(T::FILTER)
            .projection_expression(T::ATTRIBUTES.iter().map(|name| format!("#{name}")).collect::<Vec<_>>().join(", "))
            .expression_attribute_values(":pk", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":prefix", AttributeValue::S(entry::SORT_KEY_PREFIX.to_owned()))
            .expression_attribute_values(":kind", kind)
            .limit(wanted.limit.0.into())
            .scan_index_forward(false)
            .consistent_read(true)
            .set_exclusive_start_key(wanted.cursor.map(|Cursor(id)| entry::key(user_id, id).into_item()));
        for name in T::ATTRIBUTES.iter().chain(&["pk", "sk", "kind"]) {
            request = request.expression_attribute_names(format!("#{name}"), *name);
        }
        Ok(request.send().await?)
    }
}

fn page_of<T: Listed>(user_id: UserId, found: QueryOutput) -> Result<Page<T>, StoreError> {
    let entries = found.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>()?;
    let next = found.last_evaluated_key.map(cursor_at).transpose()?;
    Ok(Page { entries, next: next.map(|cursor| cursor.text::<T>(user_id)) })
}

fn cursor_at(last_key: Item) -> Result<Cursor, StoreError> {
    #[derive(Deserialize)]
    struct LastKey {
        #[serde(rename = "sk", deserialize_with = "entry_id_of_sort_key")]
        id: EntryId,
    }
    from_item(last_key).map(|LastKey { id }| Cursor(id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::account::Closed;
    use crate::entry::Entry;
    use crate::testing::{TestTable, open_account, payer};
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
            let history = History::new(test.table.clone());
            let mut scene = Self { test, history, ada, written: Vec::new() };
            let kinds = [EntryKind::Chat, EntryKind::Void, EntryKind::Adjustment];
            for kind in kinds.into_iter().cycle().take(count) {
                scene.write(kind).await;
            }
            scene
        }

        async fn write(&mut self, kind: EntryKind) {
            self.test.clock.advance(Duration::from_millis(1));
            let is_chat = kind == EntryKind::Chat;
            let entry = Entry {
                kind,
                amount: -1,
                created_at: self.test.clock.now().to_string(),
                message: is_chat.then(|| "Hello".to_owned()),
                response: is_chat.then(|| "Dummy Response".to_owned()),
                refusal: None,
                model: is_chat.then(|| "dummy".to_owned()),
                usage: is_chat.then(Usage::default),
                finish_reason: None,
                standalone: None,
                reason: None,
            };
            let id = EntryId::new(&self.test.clock);
            let item = entry::key(self.ada.user_id(), id).with(&entry).unwrap();
            let put = self.test.table.client().put_item().table_name(self.test.table.name());
            put.set_item(Some(item)).send().await.unwrap();
            self.written.insert(0, (id, kind));
        }

        fn ids_of(&self, shown: impl Fn(EntryKind) -> bool) -> Vec<EntryId> {
            self.written.iter().filter(|(_, kind)| shown(*kind)).map(|(id, _)| *id).collect()
        }

        async fn page<T: Listed>(&self, limit: u8, cursor: Option<&str>) -> Page<T> {
            let cursor = cursor.map(|text| Cursor::parse::<T>(text, self.ada.user_id()).unwrap());
            self.history.page(self.ada, PageRequest { limit: Limit(limit), cursor }).await.unwrap()
        }

        /// All pages together, and how many there were.
        async fn all<T: Listed>(&self, limit: u8) -> (Vec<T>, usize) {
            let (mut entries, mut pages, mut next) = (Vec::new(), 0, None);
            loop {
                let page = self.page::<T>(limit, next.as_deref()).await;
                assert!(page.entries.len() <= limit.into());
                entries.extend(page.entries);
                pages += 1;
                next = page.next;
                if next.is_none() {
                    return (entries, pages);
                }
            }
        }
    }

    #[tokio::test]
    async fn transactions_come_newest_first_down_to_the_grant_and_leave_void_entries_out() {
        let scene = Scene::with_entries(7).await;
        let page = scene.page::<Transaction>(100, None).await;
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
    async fn messages_are_the_chats_alone_with_what_they_cost() {
        let scene = Scene::with_entries(7).await;
        let page = scene.page::<AnsweredMessage>(100, None).await;
        let ids: Vec<EntryId> = page.entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, scene.ids_of(|kind| kind == EntryKind::Chat));
        let created_at = scene.test.clock.now().to_string();
        let expected = json!({
            "id": ids[0], "message": "Hello", "response": "Dummy Response", "tokens": 1,
            "model": "dummy", "usage": {"input_tokens": 0, "output_tokens": 0}, "created_at": created_at,
        });
        assert_eq!(serde_json::to_value(&page.entries[0]).unwrap(), expected);
    }

    #[tokio::test]
    async fn pages_of_any_size_make_up_the_whole_list() {
        let scene = Scene::with_entries(11).await;
        let transactions = scene.page::<Transaction>(100, None).await.entries;
        let messages = scene.page::<AnsweredMessage>(100, None).await.entries;
        for limit in 1..=Limit::MAX.0 {
            let (found, pages) = scene.all::<Transaction>(limit).await;
            assert_eq!(found, transactions, "limit {limit}");
            // The limit counts entries before some are left out; the last page may be empty.
            assert_eq!(pages, 12 / usize::from(limit) + 1, "limit {limit}");
            assert_eq!(scene.all::<AnsweredMessage>(limit).await.0, messages, "limit {limit}");
        }
    }

    #[tokio::test]
    async fn a_page_goes_on_where_the_last_one_ended_although_entries_came_and_went() {
        let mut scene = Scene::with_entries(6).await;
        let first = scene.page::<Transaction>(3, None).await;
        let (last, _) = scene.written[2];
        let delete = scene.test.table.client().delete_item().table_name(scene.test.table.name());
        let key = entry::key(scene.ada.user_id(), last).into_item();
        delete.set_key(Some(key)).send().await.unwrap();
        scene.write(EntryKind::Chat).await;
        let second = scene.page::<Transaction>(100, first.next.as_deref()).await;
        let ids: Vec<EntryId> = second.entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids[..2], [scene.written[4].0, scene.written[6].0]);
        assert_eq!(ids.len(), 3, "and the grant");
    }

    #[tokio::test]
    async fn a_list_is_two_requests_and_transactions_fetch_no_texts() {
        let scene = Scene::with_entries(1).await;
        scene.test.recorder.clear();
        scene.page::<Transaction>(20, None).await;
        let requests = scene.test.recorder.requests();
        let mut operations: Vec<&str> = requests.iter().map(|request| request.operation.as_str()).collect();
        operations.sort_unstable();
        assert_eq!(operations, ["GetItem", "Query"]);
        assert!(!requests.iter().any(|request| request.response_body.to_string().contains("Dummy Response")));
    }

    #[tokio::test]
    async fn nobody_sees_what_another_user_has() {
        let scene = Scene::with_entries(3).await;
        let bob = open_account(&scene.test, "bob", 5).await;
        let page: Page<Transaction> = scene.history.page(bob, PageRequest::default()).await.unwrap();
        assert_eq!(page.entries.iter().map(|entry| entry.tokens).collect::<Vec<_>>(), [5]);
    }

    #[tokio::test]
    async fn an_account_that_is_closed_wins_over_its_list() {
        let scene = Scene::with_entries(3).await;
        let page = async || scene.history.page::<Transaction>(scene.ada, PageRequest::default()).await;
        let account = || Account::key(scene.ada.user_id());
        scene.test.set(account(), "session_epoch", number(2_u64)).await;
        assert!(matches!(page().await, Err(LedgerError::Closed(Closed::SessionEpochPassed))));
        scene.test.set(account(), "status", AttributeValue::S("inactive".to_owned())).await;
        assert!(matches!(page().await, Err(LedgerError::Closed(Closed::Inactive))));
        let nobody = payer(UserId::new(&scene.test.clock));
        let page = scene.history.page::<Transaction>(nobody, PageRequest::default()).await;
        assert!(matches!(page, Err(LedgerError::Closed(Closed::Gone))));
    }

    #[test]
    fn a_limit_is_a_whole_number_from_1_to_100() {
        assert_eq!(Limit::parse("1").unwrap(), Limit(1));
        assert_eq!(Limit::parse("100").unwrap(), Limit::MAX);
        for text in ["", "0", "101", "256", "-1", "+1", "1.0", " 1", "1e1", "ten", "99999999999999999999"] {
            assert!(Limit::parse(text).is_err(), "{text:?}");
        }
    }

    fn cursor() -> (Cursor, UserId, String) {
        let clock = Clock::system();
        let (cursor, user_id) = (Cursor(EntryId::new(&clock)), UserId::new(&clock));
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
