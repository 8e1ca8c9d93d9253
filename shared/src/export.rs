//! The export of all that is stored of a user, as lines of JSON, in pages.
//!
//! A line is an object whose `type` says what it is. The last line of a page is of the type `page`, and names the next one.
//! Pages are no snapshot: each shows what there is when it is made. Begin with [`Export::page`].

use std::time::Duration;

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId, UserId};
use domain::message::ToolCall;
use domain::pricing::Usage;
use domain::time::{Clock, Timestamp};
use identity::api_keys::{ApiKeyView, ApiKeys};
use identity::jwt::LoggedIn;
use identity::sessions::{LoginsOfUser, NetworkView, SessionView, Sessions};
use ledger::account::Account;
use ledger::allowance::AllowanceView;
use ledger::conversations::Conversation;
use ledger::history::{Cursor, ExportCursor, ExportedEntry, ExportedTexts, History, Transaction};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ApiError;

/// Most bytes of the lines of a page, unless one entry with its message alone has more: at most 2.4 MB, a text item of 400 KB
/// of which every byte is escaped. Lambda takes 6 MB, and counts the answer as a JSON string, in which quotes and
/// backslashes take two bytes.
const MAX_PAGE_BYTES: usize = 1024 * 1024;
/// The most reads of 100 entries with their texts for one page.
const MAX_READS_OF_ENTRIES: u32 = 5;
/// Time reserved for one such read, and for the answer.
const READ_TIME: Duration = Duration::from_secs(12);

/// The export of users.
#[derive(Debug)]
pub struct Export {
    sessions: Sessions,
    api_keys: ApiKeys,
    history: History,
    clock: Clock,
    /// Most bytes of the lines of a page.
    page_bytes: usize,
}

impl Export {
    /// The export of what these know.
    #[must_use]
    pub fn new(sessions: Sessions, api_keys: ApiKeys, history: History, clock: Clock) -> Self {
        Self { sessions, api_keys, history, clock, page_bytes: MAX_PAGE_BYTES }
    }

    /// The page after `cursor` of all that is stored of `person`, or the first. It ends before it has more than
    /// [`MAX_PAGE_BYTES`], after 500 entries, or when `deadline` is near, and gets on by at least one item.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] or [`ApiError::UserInactive`] if the account is not open to `person`,
    /// [`ApiError::Unavailable`] if the table cannot be read.
    pub async fn page(
        &self,
        person: &LoggedIn,
        cursor: Option<ExportCursor>,
        deadline: Timestamp,
    ) -> Result<String, ApiError> {
        let mut lines = Lines { text: String::new(), most_bytes: self.page_bytes };
        let account = match cursor {
            None => self.write_account(person, &mut lines).await?,
            Some(_) => self.history.account(person.payer()).await?,
        };
        let user_id = person.user_id();
        let mut place = cursor.unwrap_or(ExportCursor::before_conversations());
        let mut ends_here = false;
        if let ExportCursor::AfterConversation(after) = place {
            let next = self.write_conversations(user_id, after, deadline, &mut lines).await?;
            (place, ends_here) = (next.unwrap_or(ExportCursor::before_entries()), next.is_some());
        }
        let next = match place {
            ExportCursor::AfterEntry(after) if !ends_here => {
                self.write_entries(&account, user_id, after, deadline, &mut lines).await?
            }
            place => Some(place),
        };
        lines.end(next.map(|place| place.text(user_id)))
    }

    /// Writes the account, the sessions, the networks and the API keys.
    async fn write_account(&self, person: &LoggedIn, lines: &mut Lines) -> Result<Account, ApiError> {
        let LoginsOfUser { account, sessions, networks } = self.sessions.logins(person).await?;
        lines.write(&Line::Account(AccountLine::new(person.user_id(), &account, self.clock.now())))?;
        for session in &sessions {
            lines.write(&Line::Session(session))?;
        }
        for network in &networks {
            lines.write(&Line::Network(network))?;
        }
        for key in &self.api_keys.list(person).await? {
            lines.write(&Line::Key(key))?;
        }
        Ok(account)
    }

    /// Writes the conversations after `place`. Returns where the page ends if there is no room or no time for all of them.
    async fn write_conversations(
        &self,
        user_id: UserId,
        mut place: Cursor,
        deadline: Timestamp,
        lines: &mut Lines,
    ) -> Result<Option<ExportCursor>, ApiError> {
        loop {
            let (conversations, has_more) = self.history.exported_conversations(user_id, place).await?;
            for conversation in &conversations {
                if !lines.write_if_there_is_room(&[Line::Conversation(conversation)])? {
                    return Ok(Some(ExportCursor::AfterConversation(place)));
                }
                place = Cursor::after(conversation.id);
            }
            if !has_more {
                return Ok(None);
            }
            if self.is_near(deadline) {
                return Ok(Some(ExportCursor::AfterConversation(place)));
            }
        }
    }

    /// Writes the entries after `place` with their messages. Returns where the page ends, if there may be more.
    async fn write_entries(
        &self,
        account: &Account,
        user_id: UserId,
        mut place: Cursor,
        deadline: Timestamp,
        lines: &mut Lines,
    ) -> Result<Option<ExportCursor>, ApiError> {
        for _ in 0..MAX_READS_OF_ENTRIES {
            let page = self.history.exported_entries(account, user_id, place).await?;
            for exported in page.entries {
                let id = exported.transaction.id;
                if !lines.write_if_there_is_room(&lines_of(exported))? {
                    return Ok(Some(ExportCursor::AfterEntry(place)));
                }
                place = Cursor::after(id);
            }
            let Some(next) = page.next else { return Ok(None) };
            place = next;
            if self.is_near(deadline) {
                break;
            }
        }
        Ok(Some(ExportCursor::AfterEntry(place)))
    }

    fn is_near(&self, deadline: Timestamp) -> bool {
        self.clock.now().plus(READ_TIME) >= deadline
    }
}

/// The lines of a page.
struct Lines {
    text: String,
    most_bytes: usize,
}

impl Lines {
    fn write(&mut self, line: &Line) -> Result<(), ApiError> {
        self.text.push_str(&json(line)?);
        Ok(())
    }

    /// Writes all of `lines`, or none if there is no room for them. There is always room on an empty page.
    fn write_if_there_is_room(&mut self, lines: &[Line]) -> Result<bool, ApiError> {
        let written: String = lines.iter().map(json).collect::<Result<_, _>>()?;
        let has_room = self.text.is_empty() || self.text.len() + written.len() <= self.most_bytes;
        if has_room {
            self.text.push_str(&written);
        }
        Ok(has_room)
    }

    fn end(mut self, next: Option<String>) -> Result<String, ApiError> {
        self.write(&Line::Page { next })?;
        Ok(self.text)
    }
}

fn json(line: &Line) -> Result<String, ApiError> {
    let line = serde_json::to_string(line).map_err(|error| ApiError::Internal(Cause::new(error)))?;
    Ok(line + "\n")
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Account(AccountLine<'a>),
    Session(&'a SessionView),
    Network(&'a NetworkView),
    Key(&'a ApiKeyView),
    Conversation(&'a Conversation),
    Transaction(Transaction),
    Message(MessageLine),
    /// The last line of a page.
    Page {
        next: Option<String>,
    },
}

#[derive(Serialize)]
struct AccountLine<'a> {
    id: UserId,
    username: &'a str,
    created_at: &'a str,
    tokens: Credits,
    held: Credits,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    staff: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowance: Option<AllowanceView>,
}

impl<'a> AccountLine<'a> {
    fn new(id: UserId, account: &'a Account, now: Timestamp) -> Self {
        let (tokens, held) = account.spendable_and_held(now);
        let Account { username, created_at, staff, allowance, .. } = account;
        let allowance = allowance.map(|allowance| allowance.view(now));
        Self { id, username, created_at, tokens, held, staff: *staff, allowance }
    }
}

/// A message with the members that it has in `/messages/`, and with all else that is stored of it.
#[derive(Serialize)]
struct MessageLine {
    id: EntryId,
    conversation: Option<ConversationId>,
    message: String,
    response: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    text_lost: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_sequence: Option<String>,
    tokens: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    created_at: String,
}

fn lines_of<'a>(exported: ExportedEntry) -> Vec<Line<'a>> {
    let ExportedEntry { transaction, texts } = exported;
    let message = texts.map(|texts| Line::Message(message_line(&transaction, texts)));
    [Line::Transaction(transaction)].into_iter().chain(message).collect()
}

fn message_line(transaction: &Transaction, texts: ExportedTexts) -> MessageLine {
    let ExportedTexts { conversation, message, response, text_lost, reasoning, tool_calls, annotations, stop_sequence } =
        texts;
    MessageLine {
        id: transaction.id,
        conversation,
        message,
        response,
        text_lost,
        reasoning,
        tool_calls,
        // They were a JSON array when they were stored.
        annotations: annotations.and_then(|annotations| RawValue::from_string(annotations).ok()),
        stop_sequence,
        tokens: -transaction.tokens,
        model: transaction.model.clone(),
        usage: transaction.usage,
        created_at: transaction.created_at.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::conversation_title::ConversationTitle;
    use ledger::Ledger;
    use ledger::account::{Payer, Status};
    use ledger::admission::Admission;
    use ledger::conversations::ConversationKeeper;
    use ledger::exchange::{Bill, Exchange, StoredReply};
    use ledger::gate::Gate;
    use ledger::hold::{HoldOutcome, Order};
    use ledger::idempotency::{IdempotencyKey, Remembered};
    use serde_json::{Value, json};

    use domain::ids::SessionId;
    use domain::message::Message;
    use identity::jwt::Subject;

    use crate::testing::{TestTable, open_account, stored_call, stored_reply};

    struct ExportScene {
        test: TestTable,
        ada: Payer,
        export: Export,
    }

    impl ExportScene {
        async fn start() -> Self {
            let test = TestTable::start().await;
            let ada = open_account(&test, "ada", 1000).await;
            let (table, clock) = (test.table.clone(), test.clock.clone());
            let history = History::new(table.clone(), clock.clone());
            let sessions = Sessions::new(table.clone(), clock.clone());
            let export = Export::new(sessions, ApiKeys::new(table, clock.clone()), history, clock);
            Self { test, ada, export }
        }

        fn soon(&self) -> Timestamp {
            self.test.clock.now().plus(Duration::from_secs(28))
        }

        fn keeper(&self) -> ConversationKeeper {
            ConversationKeeper::new(self.test.table.clone(), self.test.clock.clone())
        }

        async fn make(&self, title: &str) -> ConversationId {
            self.test.clock.advance(Duration::from_millis(1));
            let title = ConversationTitle::try_from(title.to_owned()).unwrap();
            self.keeper().make(self.ada, title, self.soon()).await.unwrap().id
        }

        async fn say(&self, text: &str, reply: &StoredReply, conversation: ConversationId, key: Option<&str>) {
            self.test.clock.advance(Duration::from_millis(1));
            let ledger = Ledger::new(self.test.table.clone(), self.test.clock.clone(), 10);
            let gate = Gate::without_operator(self.test.clock.clone());
            let said = Message::try_from(text.to_owned()).unwrap();
            let remembered = key.map(|key| Remembered::message(IdempotencyKey::parse(key).unwrap(), &said));
            let Admission::Open(open) = ledger.admit(&gate, self.ada, remembered).await.unwrap() else {
                panic!("nothing was answered before")
            };
            let one = Credits::new(1).unwrap();
            let order = Order { amount: one, least: one, deadline: self.soon() };
            let HoldOutcome::Held(held) = ledger.hold(open, &order).await.unwrap() else { panic!("a replay") };
            let exchange = Exchange { message: &said, reply, conversation: Some(conversation), bill: Bill::of(one) };
            ledger.capture(&held, exchange).await.unwrap();
        }

        fn person(&self) -> LoggedIn {
            let session_id = SessionId::new(&self.test.clock);
            Subject { user_id: self.ada.user_id(), session_id, session_epoch: self.ada.epoch().number() }.into()
        }

        /// The pages after the account, whose login this table does not have.
        async fn pages(&self) -> Vec<String> {
            let (mut pages, mut place) = (Vec::new(), ExportCursor::before_conversations());
            loop {
                let page = self.export.page(&self.person(), Some(place), self.soon()).await.unwrap();
                let last: Value = serde_json::from_str(page.lines().last().unwrap()).unwrap();
                assert_eq!(last["type"], "page");
                pages.push(page);
                let Some(next) = last["next"].as_str() else { return pages };
                place = ExportCursor::parse(next, self.ada.user_id()).unwrap();
            }
        }

        /// The lines of all pages but those of the type `page`.
        async fn lines(&self) -> Vec<Value> {
            let pages = self.pages().await.concat();
            let lines = pages.lines().map(|line| serde_json::from_str(line).unwrap());
            lines.filter(|line: &Value| line["type"] != "page").collect()
        }
    }

    fn types(lines: &[Value]) -> Vec<&str> {
        lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn pages_of_any_size_make_up_the_whole_export() {
        let mut scene = ExportScene::start().await;
        let (one, two) = (scene.make("one").await, scene.make("two").await);
        for (number, conversation) in
            [ConversationId::FIRST, one, two, ConversationId::COMPLETIONS].into_iter().enumerate()
        {
            scene.say(&format!("{number}"), &stored_reply("Hi"), conversation, None).await;
            scene.say(&format!("{number}{}", "x".repeat(2000)), &stored_reply("Hi"), conversation, None).await;
        }
        let whole = scene.lines().await;
        assert_eq!(types(&whole)[..4], ["conversation", "conversation", "transaction", "transaction"]);
        let messages: Vec<&Value> = whole.iter().filter(|line| line["type"] == "message").collect();
        assert_eq!((whole.len(), messages.len()), (2 + 1 + 8 + 8, 8));
        let conversations = [json!(ConversationId::FIRST), json!(one), json!(two), Value::Null];
        for (number, message) in messages.iter().enumerate() {
            assert_eq!(message["conversation"], conversations[number / 2]);
            let position = whole.iter().position(|line| line == *message).unwrap();
            assert_eq!(
                (&whole[position - 1]["type"], &whole[position - 1]["id"]),
                (&json!("transaction"), &message["id"])
            );
        }
        for bytes in (0..6000).step_by(97) {
            scene.export.page_bytes = bytes;
            let pages = scene.pages().await;
            let is_within = |page: &String| page.len() <= bytes + 200 || page.lines().count() <= 3;
            assert!(pages.iter().all(is_within), "{bytes} bytes");
            assert_eq!(scene.lines().await, whole, "{bytes} bytes");
        }
    }

    /// Lambda takes an answer of 6 MB, as a JSON string.
    #[tokio::test]
    async fn a_page_of_long_texts_ends_by_their_bytes_and_the_next_one_goes_on() {
        for text in ["\u{1}", "\"", "x"] {
            let scene = ExportScene::start().await;
            for _ in 0..8 {
                let reply = stored_reply(&text.repeat(256 * 1024));
                scene.say(&text.repeat(64 * 1024), &reply, ConversationId::FIRST, None).await;
            }
            let pages = scene.pages().await;
            assert!(pages.len() > 2, "{text:?}");
            for page in &pages {
                let in_envelope = Value::from(page.as_str()).to_string().len();
                assert!(in_envelope < 3 * 1024 * 1024, "{text:?}: {in_envelope}");
            }
            assert_eq!(types(&scene.lines().await).iter().filter(|kind| **kind == "message").count(), 8);
        }
    }

    #[tokio::test]
    async fn a_page_has_at_most_500_entries_and_fewer_where_the_time_is_short() {
        let scene = ExportScene::start().await;
        let ledger = Ledger::new(scene.test.table.clone(), scene.test.clock.clone(), 10);
        for _ in 0..520 {
            let gate = Gate::without_operator(scene.test.clock.clone());
            let Admission::Open(open) = ledger.admit(&gate, scene.ada, None).await.unwrap() else { panic!("a replay") };
            let order = Order { amount: Credits::ZERO, least: Credits::ZERO, deadline: scene.soon() };
            let HoldOutcome::Held(held) = ledger.hold(open, &order).await.unwrap() else { panic!("a replay") };
            let (said, reply) = (Message::try_from("Hello".to_owned()).unwrap(), stored_reply("Hi"));
            let bill = Bill::of(Credits::ZERO);
            let exchange = Exchange { message: &said, reply: &reply, conversation: None, bill };
            ledger.capture(&held, exchange).await.unwrap();
        }
        let pages = scene.pages().await;
        assert_eq!(pages.iter().map(|page| page.lines().count() - 1).collect::<Vec<_>>(), [500, 21]);
        let place = Some(ExportCursor::before_entries());
        let page = scene.export.page(&scene.person(), place, scene.test.clock.now()).await.unwrap();
        assert_eq!(page.lines().count() - 1, 100);
    }

    #[tokio::test]
    async fn messages_of_deleted_conversations_are_not_in_it_and_their_transactions_are() {
        let scene = ExportScene::start().await;
        let one = scene.make("one").await;
        for conversation in [one, ConversationId::FIRST] {
            scene.say("gone", &stored_reply("Hi"), conversation, None).await;
        }
        // The texts stay for now.
        scene.test.recorder.fail_next("BatchWriteItem", testkit::recorder::Fault::NotApplied, 20);
        scene.keeper().delete(scene.ada, one, scene.soon()).await.unwrap();
        scene.keeper().delete(scene.ada, ConversationId::FIRST, scene.soon()).await.unwrap();
        scene.test.recorder.forget_faults();
        let account = scene.export.history.account(scene.ada).await.unwrap();
        scene.say("anew", &stored_reply("Hi"), account.first_conversation(), None).await;
        let lines = scene.lines().await;
        assert_eq!(types(&lines), ["transaction"; 4].into_iter().chain(["message"]).collect::<Vec<_>>());
        let Some(message) = lines.last() else { panic!("no line") };
        assert_eq!((&message["message"], &message["conversation"]), (&json!("anew"), &json!(ConversationId::FIRST)));
    }

    #[tokio::test]
    async fn all_that_is_stored_of_a_message_is_in_it() {
        let scene = ExportScene::start().await;
        let reply = StoredReply {
            reasoning: Some("Hm.".to_owned()),
            calls: vec![stored_call("c1")],
            annotations: Some(r#"[{"url": "x"}]"#.to_owned()),
            stop_sequence: Some("END".to_owned()),
            ..stored_reply("")
        };
        scene.say("kept", &reply, ConversationId::FIRST, Some("key")).await;
        scene.say("not kept", &reply, ConversationId::FIRST, None).await;
        let lines = scene.lines().await;
        let messages: Vec<&Value> = lines.iter().filter(|line| line["type"] == "message").collect();
        let more = ["reasoning", "tool_calls", "annotations", "stop_sequence"];
        let expected = [json!("Hm."), json!([stored_call("c1")]), json!([{"url": "x"}]), json!("END")];
        assert_eq!(more.map(|name| messages[0][name].clone()), expected);
        assert!(more.iter().all(|name| messages[1].get(name).is_none()));
        let transaction = &lines[1];
        assert_eq!((&transaction["kind"], &transaction["prices"]), (&json!("chat"), &json!({"request": 1})));
    }

    #[tokio::test]
    async fn nothing_but_the_account_is_read_for_a_person_to_whom_it_is_closed() {
        let scene = ExportScene::start().await;
        let key = Account::key(scene.ada.user_id());
        scene.test.set(key, "status", Status::Inactive.attribute_value()).await;
        for place in [None, Some(ExportCursor::before_conversations()), Some(ExportCursor::before_entries())] {
            scene.test.recorder.clear();
            let refused = scene.export.page(&scene.person(), place, scene.soon()).await;
            assert!(matches!(refused, Err(ApiError::UserInactive)), "{refused:?}");
            assert_eq!(scene.test.recorder.requests().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_cursor_is_its_users_and_its_part_of_the_export() {
        let scene = ExportScene::start().await;
        let user_id = scene.ada.user_id();
        for place in [ExportCursor::before_conversations(), ExportCursor::before_entries()] {
            let text = place.text(user_id);
            assert_eq!(ExportCursor::parse(&text, user_id), Ok(place));
            assert!(ExportCursor::parse(&text, UserId::new(&Clock::system())).is_err());
            assert!(Cursor::parse::<Conversation>(&text, user_id).is_err());
        }
        assert!(ExportCursor::parse("bm90IG91cnM", user_id).is_err());
    }
}
