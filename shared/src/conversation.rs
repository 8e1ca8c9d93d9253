//! The conversation at `/chatView/`: what a user and the model said before.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use crate::chat::Message;
use crate::error::{ApiError, Cause};
use crate::ids::UserId;
use crate::ledger::EntryKind;
use crate::models::{Prompt, Role, Sampling, Turn};
use crate::table::{Key, Table, from_item, unavailable};

/// A page has at most so many entries for each wanted exchange: grants, and what was asked elsewhere,
/// lie between. DynamoDB ends it after 1 MB too.
const ENTRIES_PER_EXCHANGE: u32 = 4;
/// So many pages are looked at: reading is paid for by size, also of what lies between.
const MAX_PAGES: usize = 5;

/// What a model is told of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextLimits {
    /// How many exchanges, the last ones.
    pub messages: u32,
    /// How many characters they may have together. An exchange is told whole or not at all.
    pub chars: u32,
}

/// Users' conversations, as a model is told them.
#[derive(Debug)]
pub struct Conversations {
    table: Table,
    limits: ContextLimits,
    system_prompt: Option<String>,
}

/// What was said once. It never prints.
#[derive(Deserialize)]
struct Past {
    message: String,
    response: String,
}

impl fmt::Debug for Past {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Past({} and {} bytes)", self.message.len(), self.response.len())
    }
}

impl Past {
    fn chars(&self) -> usize {
        self.message.chars().count() + self.response.chars().count()
    }
}

impl Conversations {
    /// The conversations in `table`, each of which begins with `system_prompt`.
    #[must_use]
    pub fn new(table: Table, limits: ContextLimits, system_prompt: Option<String>) -> Self {
        Self { table, limits, system_prompt }
    }

    /// `message` alone, for a model that reads nothing.
    #[must_use]
    pub fn prompt_without_context(&self, message: &Message) -> Prompt {
        self.prompt_after(Vec::new(), message)
    }

    /// `message` after what the user and the model said last.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the table cannot be read.
    pub async fn prompt(&self, user_id: UserId, message: &Message) -> Result<Prompt, ApiError> {
        let past = if self.limits.messages == 0 { Vec::new() } else { self.last(user_id).await? };
        Ok(self.prompt_after(past, message))
    }

    /// The last exchanges within the limits, the oldest first.
    async fn last(&self, user_id: UserId) -> Result<Vec<Past>, ApiError> {
        let kind =
            serde_dynamo::to_attribute_value(EntryKind::Chat).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        let limit = self.limits.messages.saturating_mul(ENTRIES_PER_EXCHANGE);
        let request = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .filter_expression("#kind = :kind AND attribute_not_exists(standalone)")
            .projection_expression("message, #response")
            .expression_attribute_names("#kind", "kind")
            .expression_attribute_names("#response", "response")
            .expression_attribute_values(":pk", AttributeValue::S(Key::partition_of(user_id)))
            .expression_attribute_values(":prefix", AttributeValue::S(Key::PREFIX_OF_ENTRIES.to_owned()))
            .expression_attribute_values(":kind", kind)
            .limit(limit.cast_signed())
            .scan_index_forward(false)
            // What was just answered is what the next message is about.
            .consistent_read(true);
        let mut pages = request.into_paginator().send();
        let mut context = Context::new(self.limits);
        for _ in 0..MAX_PAGES {
            let Some(page) = pages.next().await else { break };
            let newest_first = page.map_err(unavailable)?.items.unwrap_or_default();
            for item in newest_first {
                context.extend(from_item(item)?);
            }
            if context.is_complete {
                break;
            }
        }
        Ok(context.oldest_first())
    }

    fn prompt_after(&self, past: Vec<Past>, message: &Message) -> Prompt {
        let turn = |role, text| Turn { role, text };
        let mut turns = Vec::new();
        turns.extend(self.system_prompt.iter().map(|text| turn(Role::System, text.clone())));
        for Past { message, response } in past {
            turns.extend([turn(Role::User, message), turn(Role::Assistant, response)]);
        }
        turns.push(turn(Role::User, message.as_str().to_owned()));
        Prompt { turns, sampling: Sampling::default() }
    }
}

/// What a model is told, found from the newest exchange on.
struct Context {
    newest_first: Vec<Past>,
    exchanges_left: u32,
    chars_left: usize,
    is_complete: bool,
}

impl Context {
    fn new(limits: ContextLimits) -> Self {
        let (exchanges_left, chars_left) = (limits.messages, limits.chars as usize);
        Self { newest_first: Vec::new(), exchanges_left, chars_left, is_complete: limits.messages == 0 }
    }

    /// The first exchange that has no room ends it: what came before would have a gap behind it.
    fn extend(&mut self, past: Past) {
        match self.chars_left.checked_sub(past.chars()) {
            Some(chars_left) if !self.is_complete => {
                self.chars_left = chars_left;
                self.exchanges_left -= 1;
                self.is_complete = self.exchanges_left == 0;
                self.newest_first.push(past);
            }
            _ => self.is_complete = true,
        }
    }

    fn oldest_first(mut self) -> Vec<Past> {
        self.newest_first.reverse();
        self.newest_first
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::callers::Caller;
    use crate::credits::Credits;
    use crate::jwt::LoggedIn;
    use crate::ledger::{Exchange, Ledger, Order, Started, StoredReply};
    use crate::models::MAX_REPLY_BYTES;
    use crate::testing::TestTable;

    struct Scene {
        test: TestTable,
        ada: LoggedIn,
    }

    impl Scene {
        async fn start() -> Self {
            let test = TestTable::start().await;
            let ada = test.person("ada", 1000).await;
            Self { test, ada }
        }

        async fn said(&self, person: &LoggedIn, text: &str, standalone: bool) {
            self.replied(person, text, &format!("{text}?"), standalone).await;
        }

        async fn replied(&self, person: &LoggedIn, text: &str, reply: &str, standalone: bool) {
            self.test.clock.advance(Duration::from_millis(1));
            let ledger = Ledger::new(self.test.table.clone(), self.test.clock.clone(), 10);
            let deadline = self.test.clock.now().plus(Duration::from_secs(28));
            let (amount, least) = (Credits::ZERO, Credits::ZERO);
            let order = Order { caller: &Caller::from(person), amount, least, remembered: None, deadline };
            let Started::Held(held) = ledger.start(&order).await.unwrap() else {
                panic!("nothing was answered before")
            };
            let exchange = Exchange { message: &message(text), reply: &StoredReply::saying(reply), standalone };
            ledger.capture(&held, Credits::ZERO, exchange).await.unwrap();
        }

        /// What the model is told when Ada says "now", in the order in which it was said.
        async fn told(&self, messages: u32, chars: u32) -> Vec<String> {
            let limits = ContextLimits { messages, chars };
            let conversations = Conversations::new(self.test.table.clone(), limits, None);
            let prompt = conversations.prompt(self.ada.user_id(), &message("now")).await.unwrap();
            prompt.turns.into_iter().map(|turn| turn.text).collect()
        }
    }

    fn message(text: &str) -> Message {
        Message::try_from(text.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_model_is_told_the_last_exchanges_and_then_the_message() {
        let scene = Scene::start().await;
        assert_eq!(scene.told(10, 1000).await, ["now"]);
        for text in ["one", "two", "three"] {
            scene.said(&scene.ada, text, false).await;
        }
        assert_eq!(scene.told(10, 1000).await, ["one", "one?", "two", "two?", "three", "three?", "now"]);
        assert_eq!(scene.told(1, 1000).await, ["three", "three?", "now"]);
        assert_eq!(scene.told(0, 1000).await, ["now"]);
    }

    #[tokio::test]
    async fn an_exchange_that_has_no_room_ends_the_context_before_it() {
        let scene = Scene::start().await;
        for text in ["äää", "a long one that has no room", "ööö"] {
            scene.said(&scene.ada, text, false).await;
        }
        // Characters count, not bytes.
        assert_eq!(scene.told(10, 7).await, ["ööö", "ööö?", "now"]);
        assert_eq!(scene.told(10, 6).await, ["now"]);
    }

    #[tokio::test]
    async fn what_was_asked_elsewhere_or_by_others_is_not_told() {
        let scene = Scene::start().await;
        let bob = scene.test.person("bob", 1000).await;
        scene.said(&scene.ada, "mine", false).await;
        scene.said(&scene.ada, "a program's", true).await;
        scene.said(&bob, "bob's", false).await;
        assert_eq!(scene.told(10, 1000).await, ["mine", "mine?", "now"]);
    }

    fn queries(scene: &Scene) -> usize {
        let requests = scene.test.recorder.requests();
        requests.iter().filter(|request| request.operation == "Query").count()
    }

    #[tokio::test]
    async fn the_conversation_is_found_behind_what_was_asked_elsewhere_as_far_as_five_pages_reach() {
        let scene = Scene::start().await;
        scene.said(&scene.ada, "mine", false).await;
        // With one message a page has four entries; the grant of the registration is the oldest of all.
        for (more_elsewhere, expected, pages) in
            [(3, &["mine", "mine?", "now"][..], 1), (1, &["mine", "mine?", "now"], 2), (16, &["now"], 5)]
        {
            for _ in 0..more_elsewhere {
                scene.said(&scene.ada, "a program's", true).await;
            }
            scene.test.recorder.clear();
            assert_eq!(scene.told(1, 1000).await, expected);
            assert_eq!(queries(&scene), pages);
        }
    }

    #[tokio::test]
    async fn large_replies_elsewhere_that_end_a_page_early_do_not_hide_the_conversation() {
        let scene = Scene::start().await;
        scene.said(&scene.ada, "mine", false).await;
        for _ in 0..5 {
            scene.replied(&scene.ada, "a program's", &"x".repeat(MAX_REPLY_BYTES), true).await;
        }
        scene.test.recorder.clear();
        assert_eq!(scene.told(10, 1000).await, ["mine", "mine?", "now"]);
        // DynamoDB Local ends no page for what a filter leaves out.
        if scene.test.isolated.is_embedded() {
            assert_eq!(queries(&scene), 2);
        }
    }

    #[tokio::test]
    async fn where_enough_is_found_or_there_is_no_room_for_more_nothing_more_is_read() {
        let scene = Scene::start().await;
        for _ in 0..9 {
            scene.said(&scene.ada, "mine", false).await;
        }
        for (messages, chars) in [(1, 1000), (2, 1000), (2, 8)] {
            scene.test.recorder.clear();
            scene.told(messages, chars).await;
            assert_eq!(queries(&scene), 1, "{messages} of {chars}");
        }
    }

    #[tokio::test]
    async fn a_conversation_begins_with_the_system_prompt() {
        let scene = Scene::start().await;
        let limits = ContextLimits { messages: 10, chars: 1000 };
        let conversations = Conversations::new(scene.test.table.clone(), limits, Some("Be kind.".to_owned()));
        let prompt = conversations.prompt_without_context(&message("Hello"));
        let told: Vec<_> = prompt.turns.iter().map(|turn| (turn.role, turn.text.as_str())).collect();
        assert_eq!(told, [(Role::System, "Be kind."), (Role::User, "Hello")]);
    }
}
