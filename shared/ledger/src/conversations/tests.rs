//! Conversations, and the messages that arrive while they are deleted.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::budget::Budget;
use domain::conversation_title::ConversationTitle;
use domain::credits::Credits;
use domain::ids::{ApiKeyId, ConversationId, EntryId, UserId};
use domain::period::PeriodLength;
use domain::time::Timestamp;
use domain::username::Username;
use store::{StoreError, item_bytes, number, partition_of};
use testkit::recorder::Fault;

use crate::account::{Account, Closed, Payer, Status};
use crate::admission::Admission;
use crate::audit::{Audit, DeletionProgress, Deletions, Report};
use crate::budgets::BudgetPlace;
use crate::conversations::{
    Conversation, ConversationItem, ConversationKeeper, MAX_CONVERSATIONS, MAX_DELETED_CONVERSATIONS,
};
use crate::error::LedgerError;
use crate::exchange::{Bill, Exchange};
use crate::gate::Gate;
use crate::history::{AnsweredMessage, Cursor, History, Limit, Page, PageRequest};
use crate::hold::{Hold, HoldOutcome, Order};
use crate::idempotency::{Fingerprint, IdempotencyKey, Remembered};
use crate::ledger::{Held, Ledger};
use crate::testing::{TestTable, message, open_account, payer, stored_reply};
use crate::texts::MessageItem;

/// No test here deletes an account.
struct NoAccounts;

impl Deletions for NoAccounts {
    async fn finish(&self, user_id: UserId, _: &Username, _: Timestamp) -> Result<DeletionProgress, StoreError> {
        panic!("the account of {user_id} is not being deleted")
    }

    async fn sweep(&self, user_id: UserId, _: Timestamp) -> Result<DeletionProgress, StoreError> {
        panic!("the account of {user_id} was not deleted")
    }
}

struct ThreadScene {
    test: TestTable,
    ledger: Ledger,
    keeper: ConversationKeeper,
    history: History,
    ada: Payer,
}

impl ThreadScene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", 1000).await;
        let (table, clock) = (test.table.clone(), test.clock.clone());
        let ledger = Ledger::new(table.clone(), clock.clone(), 10);
        let keeper = ConversationKeeper::new(table.clone(), clock.clone());
        Self { test, ledger, keeper, history: History::new(table, clock), ada }
    }

    fn soon(&self) -> Timestamp {
        self.test.clock.now().plus(Duration::from_secs(28))
    }

    async fn make(&self, title: &str) -> Result<Conversation, LedgerError> {
        self.test.clock.advance(Duration::from_millis(1));
        self.keeper.make(self.ada, titled(title), self.soon()).await
    }

    async fn delete(&self, id: ConversationId) -> Result<(), LedgerError> {
        self.keeper.delete(self.ada, id, self.soon()).await
    }

    async fn hold(&self, conversation: ConversationId, key: Option<&str>) -> Result<HoldOutcome, LedgerError> {
        self.test.clock.advance(Duration::from_millis(1));
        let gate = Gate::without_operator(self.test.clock.clone());
        let remembered = key.map(|key| Remembered::message(IdempotencyKey::parse(key).unwrap(), &message("Hello")));
        let open = match self.ledger.admit_to(&gate, self.ada, conversation, remembered).await? {
            Admission::Open(open) => open,
            Admission::Replay(replay) => return Ok(HoldOutcome::Replay(*replay)),
        };
        let one = Credits::new(1).unwrap();
        self.ledger.hold(open, &Order { amount: one, least: one, deadline: self.soon() }).await
    }

    /// A message in flight, and the id under which its exchange is stored.
    async fn ask(&self, conversation: ConversationId) -> (Held, ConversationId) {
        let account = self.account().await;
        let first = account.first_conversation();
        let HoldOutcome::Held(held) = self.hold(conversation, None).await.unwrap() else { panic!("a replay") };
        (held, if conversation == ConversationId::FIRST { first } else { conversation })
    }

    async fn capture(&self, held: &Held, text: &str, stored_as: ConversationId) {
        let (said, reply, bill) = (message(text), stored_reply("Yes"), Bill::of(Credits::new(1).unwrap()));
        let exchange = Exchange { message: &said, reply: &reply, conversation: Some(stored_as), bill };
        self.ledger.capture(held, exchange).await.unwrap();
    }

    async fn say(&self, text: &str, conversation: ConversationId) -> EntryId {
        let (held, stored_as) = self.ask(conversation).await;
        self.capture(&held, text, stored_as).await;
        held.id
    }

    async fn account(&self) -> Account {
        self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap()
    }

    async fn counts(&self) -> (u32, u32) {
        let account = self.account().await;
        (account.conversations, account.deleted_conversations)
    }

    /// The sort keys in Ada's partition that begin with `prefix`.
    async fn sort_keys(&self, prefix: &str) -> Vec<String> {
        let query = self.test.table.client().query().table_name(self.test.table.name());
        let answer = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(partition_of(self.ada.user_id())))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .send()
            .await
            .unwrap();
        answer.items().iter().map(|item| item["sk"].as_s().unwrap().clone()).collect()
    }

    async fn list(&self) -> Vec<Conversation> {
        self.history.conversations(self.ada, PageRequest::default()).await.unwrap().entries
    }

    /// The messages of all conversations.
    async fn all(&self) -> Vec<String> {
        texts(self.history.messages(self.ada, PageRequest::default()).await.unwrap())
    }

    async fn messages_of(&self, conversation: ConversationId) -> Result<Vec<String>, LedgerError> {
        Ok(texts(self.history.messages_of(self.ada, conversation, PageRequest::default()).await?))
    }

    async fn audit(&self) -> Report {
        let audit = Audit::new(self.test.table.clone(), self.test.clock.clone());
        audit.run(&NoAccounts, self.test.clock.now().plus(Duration::from_secs(900))).await.unwrap()
    }

    async fn audit_an_hour_later(&self) -> Report {
        self.test.clock.advance(Duration::from_secs(3600));
        self.audit().await
    }
}

fn titled(title: &str) -> ConversationTitle {
    ConversationTitle::try_from(title.to_owned()).unwrap()
}

fn texts(page: Page<AnsweredMessage>) -> Vec<String> {
    page.entries.into_iter().map(|message| message.message).collect()
}

fn long() -> String {
    "x".repeat(3000)
}

#[tokio::test]
async fn conversations_are_listed_newest_first_and_renamed_and_counted() {
    let scene = ThreadScene::start().await;
    assert_eq!((scene.list().await, scene.counts().await), (vec![], (0, 0)));
    let (one, two) = (scene.make("one").await.unwrap(), scene.make("two").await.unwrap());
    assert_eq!((scene.list().await, scene.counts().await), (vec![two.clone(), one.clone()], (2, 0)));
    let renamed = scene.keeper.rename(scene.ada, one.id, titled("uno"), scene.soon()).await.unwrap();
    assert_eq!(renamed, Conversation { title: titled("uno"), ..one });
    assert_eq!(scene.list().await, [two, renamed]);
}

#[tokio::test]
async fn pages_of_any_size_make_up_the_list_of_conversations_and_that_of_their_messages() {
    let scene = ThreadScene::start().await;
    for _ in 0..7 {
        scene.make("title").await.unwrap();
    }
    let id = scene.make("last").await.unwrap().id;
    for text in ["1", "2", &long(), "4", "5"] {
        scene.say(text, id).await;
        scene.say("elsewhere", ConversationId::FIRST).await;
    }
    let (all, said) = (scene.list().await, scene.messages_of(id).await.unwrap());
    assert_eq!((all.len(), &said), (8, &["5", "4", &long(), "2", "1"].map(str::to_owned).to_vec()));
    for limit in 1..=9 {
        let limit = Limit::parse::<AnsweredMessage>(&limit.to_string()).unwrap();
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = scene.history.conversations(scene.ada, PageRequest { limit, cursor }).await.unwrap();
            found.extend(page.entries);
            let Some(next) = page.next else { break };
            cursor = Some(Cursor::parse::<Conversation>(&next, scene.ada.user_id()).unwrap());
        }
        assert_eq!(found, all);
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = scene.history.messages_of(scene.ada, id, PageRequest { limit, cursor }).await.unwrap();
            let next = page.next.clone();
            found.extend(texts(page));
            let Some(next) = next else { break };
            cursor = Some(Cursor::parse_in::<AnsweredMessage>(&next, scene.ada.user_id(), id).unwrap());
            assert!(Cursor::parse_in::<AnsweredMessage>(&next, scene.ada.user_id(), ConversationId::FIRST).is_err());
            assert!(Cursor::parse::<AnsweredMessage>(&next, scene.ada.user_id()).is_err());
        }
        assert_eq!(found, said);
    }
}

#[tokio::test]
async fn a_page_of_a_conversation_takes_four_reads_and_shows_what_messages_cost() {
    let scene = ThreadScene::start().await;
    let id = scene.make("title").await.unwrap().id;
    scene.say(&long(), id).await;
    let short = scene.say("short", id).await;
    scene.test.recorder.clear();
    let page = scene.history.messages_of(scene.ada, id, PageRequest::default()).await.unwrap();
    let operations: Vec<_> = scene.test.recorder.requests().iter().map(|request| request.operation.clone()).collect();
    assert_eq!(operations, ["BatchGetItem", "Query", "BatchGetItem", "BatchGetItem"]);
    let all = scene.history.messages(scene.ada, PageRequest::default()).await.unwrap();
    assert_eq!(page.entries, all.entries);
    assert_eq!((page.entries[0].id, page.entries[0].tokens), (short, 1));
}

#[tokio::test]
async fn nobody_has_more_than_a_thousand_conversations_and_ten_thousand_deletions_wait_for_the_audit() {
    let scene = ThreadScene::start().await;
    let one = scene.make("one").await.unwrap();
    let account = || Account::key(scene.ada.user_id());
    scene.test.set(account(), "conversations", number(MAX_CONVERSATIONS)).await;
    let refused =
        || async { matches!(scene.make("more").await, Err(LedgerError::TooManyConversations { limit: 1000 })) };
    assert!(refused().await);
    scene.delete(one.id).await.unwrap();
    assert_eq!(scene.counts().await, (999, 1));
    let two = scene.make("two").await.unwrap();
    assert!(refused().await);
    scene.test.set(account(), "conversations", number(1_u64)).await;
    scene.test.set(account(), "deleted_conversations", number(MAX_DELETED_CONVERSATIONS)).await;
    let made = scene.make("more").await;
    assert!(matches!(made, Err(LedgerError::TooManyDeletions { .. })), "{made:?}");
    let emptied = scene.delete(ConversationId::FIRST).await;
    assert!(matches!(emptied, Err(LedgerError::TooManyDeletions { .. })), "{emptied:?}");
    // A deletion is never refused.
    scene.delete(two.id).await.unwrap();
    assert_eq!(scene.counts().await, (0, MAX_DELETED_CONVERSATIONS + 1));
}

#[tokio::test]
async fn two_requests_at_once_do_not_exceed_the_limit() {
    let scene = ThreadScene::start().await;
    scene.test.set(Account::key(scene.ada.user_id()), "conversations", number(MAX_CONVERSATIONS - 1)).await;
    let made = futures_util::future::join_all((0..4).map(|_| scene.make("title"))).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
    assert_eq!((scene.counts().await.0, scene.list().await.len()), (MAX_CONVERSATIONS, 1));
}

#[tokio::test]
async fn who_has_no_such_conversation_or_no_open_account_changes_nothing() {
    let scene = ThreadScene::start().await;
    let one = scene.make("one").await.unwrap();
    let bob = open_account(&scene.test, "bob", 0).await;
    let unknown = ConversationId::new(&scene.test.clock);
    for (owner, id) in [(bob, one.id), (scene.ada, unknown), (scene.ada, ConversationId::COMPLETIONS)] {
        let renamed = scene.keeper.rename(owner, id, titled("mine"), scene.soon()).await;
        assert!(matches!(renamed, Err(LedgerError::NoConversation)));
        let deleted = scene.keeper.delete(owner, id, scene.soon()).await;
        assert!(matches!(deleted, Err(LedgerError::NoConversation)), "{deleted:?}");
        let messages = scene.history.messages_of(owner, id, PageRequest::default()).await;
        assert!(matches!(messages, Err(LedgerError::NoConversation)));
    }
    let renamed = scene.keeper.rename(scene.ada, ConversationId::FIRST, titled("mine"), scene.soon()).await;
    assert!(matches!(renamed, Err(LedgerError::NoConversation)), "the first has no title");
    assert!(matches!(scene.hold(unknown, None).await, Err(LedgerError::NoConversation)));
    assert!(matches!(scene.hold(ConversationId::COMPLETIONS, None).await, Err(LedgerError::NoConversation)));

    scene.test.set(Account::key(scene.ada.user_id()), "status", Status::Inactive.attribute_value()).await;
    let nobody = payer(UserId::new(&scene.test.clock));
    for (owner, reason) in [(scene.ada, Closed::Inactive), (nobody, Closed::Gone)] {
        for outcome in [
            scene.keeper.make(owner, titled("more"), scene.soon()).await.map(drop),
            scene.keeper.rename(owner, one.id, titled("more"), scene.soon()).await.map(drop),
            scene.keeper.delete(owner, one.id, scene.soon()).await,
            scene.keeper.delete(owner, ConversationId::FIRST, scene.soon()).await,
            scene.history.conversations(owner, PageRequest::default()).await.map(drop),
            scene.history.messages_of(owner, one.id, PageRequest::default()).await.map(drop),
        ] {
            assert!(matches!(&outcome, Err(LedgerError::Closed(closed)) if *closed == reason), "{outcome:?}");
        }
    }
    assert_eq!((scene.counts().await, scene.sort_keys("CONVERSATION#").await.len()), ((1, 0), 1));
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_with_its_texts_and_its_entries_stay() {
    let scene = ThreadScene::start().await;
    let (one, two) = (scene.make("one").await.unwrap().id, scene.make("two").await.unwrap().id);
    for text in ["short", &long()] {
        for conversation in [one, two, ConversationId::FIRST] {
            scene.say(text, conversation).await;
        }
    }
    let entries = scene.sort_keys("ENTRY#").await;
    scene.delete(one).await.unwrap();
    assert_eq!((scene.list().await.len(), scene.counts().await), (1, (1, 1)));
    assert!(matches!(scene.messages_of(one).await, Err(LedgerError::NoConversation)));
    assert!(scene.sort_keys(&format!("MESSAGE#{one}#")).await.is_empty());
    assert_eq!(scene.sort_keys("TEXT#").await.len(), 2);
    assert_eq!(scene.sort_keys("ENTRY#").await, entries);
    assert_eq!(scene.all().await.len(), 4);
    assert_eq!(scene.messages_of(two).await.unwrap(), [long(), "short".to_owned()]);
    assert!(matches!(scene.delete(one).await, Err(LedgerError::NoConversation)));

    // The marker waits for an hour.
    assert_eq!(scene.audit().await.conversations, 0);
    assert_eq!(scene.counts().await, (1, 1));
    let report = scene.audit_an_hour_later().await;
    assert_eq!((report.conversations, report.unsettled, report.mismatches.len()), (1, 0, 0));
    assert_eq!((scene.counts().await, scene.sort_keys("GONE#").await.len()), ((1, 0), 0));
    assert_eq!(scene.audit_an_hour_later().await.conversations, 0);
}

#[tokio::test]
async fn a_message_in_flight_while_its_conversation_is_deleted_is_charged_and_its_texts_are_shown_nowhere_and_swept() {
    let scene = ThreadScene::start().await;
    let one = scene.make("one").await.unwrap().id;
    for conversation in [one, ConversationId::FIRST] {
        let in_flight = [scene.ask(conversation).await, scene.ask(conversation).await];
        scene.delete(conversation).await.unwrap();
        let balance = scene.account().await.balance;
        for ((held, stored_as), text) in in_flight.iter().zip([long(), "late".to_owned()]) {
            scene.capture(held, &text, *stored_as).await;
        }
        assert_eq!(scene.account().await.balance, balance, "what was held is charged");
        assert_eq!((scene.all().await, scene.sort_keys("MESSAGE#").await.len()), (vec![], 2));
        assert_eq!(scene.sort_keys("TEXT#").await.len(), 1);
        match scene.messages_of(conversation).await {
            Ok(messages) => assert!(messages.is_empty() && conversation == ConversationId::FIRST),
            Err(error) => assert!(matches!(error, LedgerError::NoConversation)),
        }
        assert_eq!(scene.audit_an_hour_later().await.conversations, 1);
        assert_eq!((scene.sort_keys("MESSAGE#").await, scene.sort_keys("TEXT#").await), (vec![], vec![]));
    }
    assert_eq!(scene.sort_keys("ENTRY#").await.len(), 1 + 4);
}

#[tokio::test]
async fn the_first_conversation_is_emptied_and_a_message_begins_it_anew() {
    let scene = ThreadScene::start().await;
    // A message may be in flight where none is stored.
    scene.delete(ConversationId::FIRST).await.unwrap();
    for round in 2..=4 {
        scene.say("old", ConversationId::FIRST).await;
        scene.say(&long(), ConversationId::FIRST).await;
        scene.delete(ConversationId::FIRST).await.unwrap();
        assert_eq!((scene.messages_of(ConversationId::FIRST).await.unwrap(), scene.all().await), (vec![], vec![]));
        assert_eq!(scene.counts().await, (0, round));
        scene.say("new", ConversationId::FIRST).await;
        assert_eq!(scene.messages_of(ConversationId::FIRST).await.unwrap(), ["new"]);
        assert_eq!(scene.all().await, ["new"]);
        let stored_as = scene.account().await.first_conversation();
        assert!(matches!(scene.hold(stored_as, None).await, Err(LedgerError::NoConversation)), "it has one name");
    }
    assert_eq!(scene.audit_an_hour_later().await.conversations, 4);
    assert_eq!((scene.counts().await, scene.all().await.len()), ((0, 0), 1));
}

#[tokio::test]
async fn requests_at_once_empty_the_first_conversation_and_count_their_markers() {
    let scene = ThreadScene::start().await;
    scene.say("old", ConversationId::FIRST).await;
    let outcomes = futures_util::future::join_all((0..4).map(|_| scene.delete(ConversationId::FIRST))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let (live, deleted) = scene.counts().await;
    assert_eq!((live, deleted as usize), (0, scene.sort_keys("GONE#").await.len()));
    assert!((1..=4).contains(&deleted) && scene.all().await.is_empty(), "{deleted}");
}

#[tokio::test]
async fn a_deletion_out_of_time_hides_the_conversation_and_leaves_the_rest_to_the_audit() {
    let scene = ThreadScene::start().await;
    let one = scene.make("one").await.unwrap().id;
    let id = scene.say(&long(), one).await;
    // More exchanges than a page, by copies of the first.
    let stored = MessageItem::key(scene.ada.user_id(), one, id);
    let stored: MessageItem = scene.test.table.get(stored).await.unwrap().unwrap();
    for _ in 0..150 {
        let key = MessageItem::key(scene.ada.user_id(), one, EntryId::new(&scene.test.clock));
        scene.test.table.put_until(key.with(&stored).unwrap(), &scene.test.clock, scene.soon()).await.unwrap();
    }
    scene.keeper.delete(scene.ada, one, scene.test.clock.now()).await.unwrap();
    assert_eq!(scene.sort_keys("MESSAGE#").await.len(), 51);
    assert_eq!((scene.all().await, scene.list().await.len()), (vec![], 0));
    scene.test.clock.advance(Duration::from_secs(3600));
    let audit = Audit::new(scene.test.table.clone(), scene.test.clock.clone());
    for _ in 0..5 {
        audit.run(&NoAccounts, scene.test.clock.now()).await.unwrap();
    }
    assert_eq!((scene.sort_keys("MESSAGE#").await.len(), scene.sort_keys("TEXT#").await.len()), (0, 0));
    assert_eq!(scene.counts().await, (0, 0));
}

#[tokio::test]
async fn a_failure_after_a_conversation_was_hidden_is_no_error() {
    let scene = ThreadScene::start().await;
    let one = scene.make("one").await.unwrap().id;
    scene.say("short", one).await;
    scene.test.recorder.fail_next("BatchWriteItem", Fault::NotApplied, 10);
    scene.delete(one).await.unwrap();
    scene.test.recorder.forget_faults();
    assert_eq!((scene.all().await, scene.sort_keys("MESSAGE#").await.len()), (vec![], 1));
    assert_eq!(scene.audit_an_hour_later().await.conversations, 1);
    assert!(scene.sort_keys("MESSAGE#").await.is_empty());
}

#[tokio::test]
async fn an_answer_of_a_deleted_conversation_is_not_given_again() {
    let scene = ThreadScene::start().await;
    let one = scene.make("one").await.unwrap().id;
    for conversation in [one, ConversationId::FIRST] {
        for (key, text) in [("short", "Hello".to_owned()), ("long", long())] {
            let key = format!("{conversation}-{key}");
            let HoldOutcome::Held(held) = scene.hold(conversation, Some(&key)).await.unwrap() else {
                panic!("nothing was answered before")
            };
            scene.capture(&held, &text, conversation).await;
            let again = scene.hold(conversation, Some(&key)).await;
            assert!(matches!(again, Ok(HoldOutcome::Replay(_))), "{again:?}");
        }
        // The texts stay for now.
        scene.test.recorder.fail_next("BatchWriteItem", Fault::NotApplied, 10);
        scene.delete(conversation).await.unwrap();
        scene.test.recorder.forget_faults();
        for key in ["short", "long"] {
            let again = scene.hold(conversation, Some(&format!("{conversation}-{key}"))).await;
            assert!(matches!(again, Err(LedgerError::AnswerGone)), "{again:?}");
        }
    }
}

#[tokio::test]
async fn a_repetition_of_a_message_in_flight_is_in_progress_although_its_conversation_is_deleted_and_gone_once_it_is_charged()
 {
    let scene = ThreadScene::start().await;
    let one = scene.make("one").await.unwrap().id;
    let HoldOutcome::Held(held) = scene.hold(one, Some("key")).await.unwrap() else { panic!("a replay") };
    scene.delete(one).await.unwrap();
    let again = scene.hold(one, Some("key")).await;
    assert!(matches!(again, Err(LedgerError::InProgress)), "{again:?}");
    let another = scene.hold(one, Some("another")).await;
    assert!(matches!(another, Err(LedgerError::NoConversation)), "{another:?}");
    scene.capture(&held, "Hello", one).await;
    let again = scene.hold(one, Some("key")).await;
    assert!(matches!(again, Err(LedgerError::AnswerGone)), "{again:?}");
}

#[tokio::test]
async fn an_account_of_an_earlier_version_has_no_counts_and_conversations_all_the_same() {
    let scene = ThreadScene::start().await;
    let old = scene.test.table.client().get_item().table_name(scene.test.table.name());
    let old = old.set_key(Some(Account::key(scene.ada.user_id()).into_item())).send().await.unwrap().item.unwrap();
    for attribute in ["conversations", "deleted_conversations", "first_conversation"] {
        assert!(!old.contains_key(attribute), "{attribute}");
    }
    let one = scene.make("one").await.unwrap().id;
    scene.delete(one).await.unwrap();
    assert_eq!(scene.counts().await, (0, 1));
}

#[tokio::test]
async fn a_conversation_of_the_longest_title_is_one_write_unit() {
    let scene = ThreadScene::start().await;
    let title = titled(&"\u{1f600}".repeat(ConversationTitle::MAX_CHARACTERS));
    let made = scene.keeper.make(scene.ada, title, scene.soon()).await.unwrap();
    let item = ConversationItem { title: made.title, created_at: made.created_at };
    let item = ConversationItem::key(scene.ada.user_id(), made.id).with(&item).unwrap();
    assert!(item_bytes(&item) <= 1024, "{}", item_bytes(&item));
}

/// A list reads the items of the conversations that it has messages of, but for the first one and for programs.
#[tokio::test]
async fn a_list_of_messages_reads_a_conversation_once_for_all_its_messages_and_no_text_of_a_deleted_one() {
    let scene = ThreadScene::start().await;
    let (one, two) = (scene.make("one").await.unwrap().id, scene.make("two").await.unwrap().id);
    for _ in 0..3 {
        for conversation in [one, two, ConversationId::FIRST] {
            scene.say("short", conversation).await;
        }
    }
    scene.test.recorder.fail_next("BatchWriteItem", Fault::NotApplied, 10);
    scene.delete(two).await.unwrap();
    scene.test.recorder.forget_faults();
    scene.test.recorder.clear();
    assert_eq!(scene.all().await.len(), 6);
    let requests = scene.test.recorder.requests();
    let keys = |number: usize| {
        let tables = requests[number].body["RequestItems"].as_object().unwrap();
        tables.values().next().unwrap()["Keys"].as_array().unwrap().len()
    };
    assert_eq!((requests.len(), keys(2), keys(3)), (4, 2, 6));
}

#[tokio::test]
async fn a_closed_account_has_nothing_read_but_itself_and_the_conversation_that_was_named() {
    let scene = ThreadScene::start().await;
    let one = scene.make("one").await.unwrap().id;
    scene.say("short", one).await;
    scene.test.set(Account::key(scene.ada.user_id()), "status", Status::Inactive.attribute_value()).await;
    scene.test.recorder.clear();
    for _ in 0..2 {
        let refused = scene.hold(one, Some("key")).await;
        assert!(matches!(refused, Err(LedgerError::Closed(Closed::Inactive))), "{refused:?}");
    }
    let refused = scene.history.messages_of(scene.ada, one, PageRequest::default()).await;
    assert!(matches!(refused, Err(LedgerError::Closed(Closed::Inactive))), "{refused:?}");
    let requests = scene.test.recorder.requests();
    assert!(requests.len() == 3 && requests.iter().all(|request| request.operation == "BatchGetItem"), "{requests:?}");
}

/// docs/decisions/admission.md: one read unit.
#[tokio::test]
async fn an_account_with_all_its_counts_at_their_highest_is_one_read_unit() {
    let scene = ThreadScene::start().await;
    let hold = Hold {
        id: EntryId::new(&scene.test.clock),
        amount: Credits::MAX,
        expires_at: u64::from(u32::MAX),
        fingerprint: Some(Fingerprint::of(&message("Hello"))),
        budget: None,
    };
    let holds = (0..20).map(|number| (format!("{number:022}"), hold.clone())).collect();
    let account = Account {
        username: "\u{10428}".repeat(Username::MAX_CHARACTERS),
        holds,
        staff: true,
        conversations: u32::MAX,
        deleted_conversations: u32::MAX,
        first_conversation: Some(ConversationId::FIRST),
        spent: u64::MAX,
        ..scene.account().await
    };
    let bytes = |account: &Account| item_bytes(&Account::key(scene.ada.user_id()).with(account).unwrap());
    assert!(bytes(&account) <= 4096, "{}", bytes(&account));
    // With holds of budgets, and a bucket for each of a hundred keys that are in use at once, it is two.
    let mut account = account;
    let key = ApiKeyId::new(&scene.test.clock);
    let budget = Budget { credits: Credits::MAX, per: PeriodLength::Week };
    for hold in account.holds.values_mut() {
        hold.budget = Some(BudgetPlace::at(key, budget, scene.test.clock.now()));
    }
    account.buckets = Some((0..101).map(|number| (format!("{number:010}"), 1_800_000_000_000_001)).collect());
    assert!(bytes(&account) <= 8192, "{}", bytes(&account));
}
