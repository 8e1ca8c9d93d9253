//! The conversation at `/chatView/`: the prompt for a message, after what the user and the model said before.

use domain::ids::UserId;
use domain::message::Message;
use ledger::past_exchanges::{ContextLimits, PastExchange, PastExchanges};
use providers::prompt::{Prompt, Role, Sampling, Turn};
use store::{StoreError, Table};

/// Users' conversations, as a model is told them.
#[derive(Debug)]
pub struct Conversations {
    past_exchanges: PastExchanges,
    system_prompt: Option<String>,
}

impl Conversations {
    /// The conversations in `table`, each of which begins with `system_prompt`.
    #[must_use]
    pub fn new(table: Table, limits: ContextLimits, system_prompt: Option<String>) -> Self {
        Self { past_exchanges: PastExchanges::new(table, limits), system_prompt }
    }

    /// `message` after what the user and the model said last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn prompt(&self, user_id: UserId, message: &Message) -> Result<Prompt, StoreError> {
        Ok(self.prompt_after(self.past_exchanges.last(user_id).await?, message))
    }

    fn prompt_after(&self, past: Vec<PastExchange>, message: &Message) -> Prompt {
        let turn = |role, text| Turn { role, text };
        let mut turns = Vec::new();
        turns.extend(self.system_prompt.iter().map(|text| turn(Role::System, text.clone())));
        for PastExchange { message, response } in past {
            turns.extend([turn(Role::User, message), turn(Role::Assistant, response)]);
        }
        turns.push(turn(Role::User, message.as_str().to_owned()));
        Prompt { turns, sampling: Sampling::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use domain::credits::Credits;
    use ledger::Ledger;
    use ledger::account::Payer;
    use ledger::entry::Exchange;
    use ledger::hold::{HoldOutcome, Order};
    use providers::reply::MAX_REPLY_BYTES;

    use crate::testing::{TestTable, open_account, stored_reply};

    struct ConversationScene {
        test: TestTable,
        ada: Payer,
    }

    impl ConversationScene {
        async fn start() -> Self {
            let test = TestTable::start().await;
            let ada = open_account(&test, "ada", 1000).await;
            Self { test, ada }
        }

        async fn said(&self, person: &Payer, text: &str, standalone: bool) {
            self.replied(person, text, &format!("{text}?"), standalone).await;
        }

        async fn replied(&self, person: &Payer, text: &str, reply: &str, standalone: bool) {
            self.test.clock.advance(Duration::from_millis(1));
            let ledger = Ledger::new(self.test.table.clone(), self.test.clock.clone(), 10);
            let deadline = self.test.clock.now().plus(Duration::from_secs(28));
            let (amount, least) = (Credits::ZERO, Credits::ZERO);
            let order = Order { payer: *person, amount, least, remembered: None, deadline };
            let HoldOutcome::Held(held) = ledger.hold(&order).await.unwrap() else {
                panic!("nothing was answered before")
            };
            let exchange = Exchange { message: &message(text), reply: &stored_reply(reply), standalone };
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
        let scene = ConversationScene::start().await;
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
        let scene = ConversationScene::start().await;
        for text in ["äää", "a long one that has no room", "ööö"] {
            scene.said(&scene.ada, text, false).await;
        }
        // Characters count, not bytes.
        assert_eq!(scene.told(10, 7).await, ["ööö", "ööö?", "now"]);
        assert_eq!(scene.told(10, 6).await, ["now"]);
    }

    #[tokio::test]
    async fn what_was_asked_elsewhere_or_by_others_is_not_told() {
        let scene = ConversationScene::start().await;
        let bob = open_account(&scene.test, "bob", 1000).await;
        scene.said(&scene.ada, "mine", false).await;
        scene.said(&scene.ada, "a program's", true).await;
        scene.said(&bob, "bob's", false).await;
        assert_eq!(scene.told(10, 1000).await, ["mine", "mine?", "now"]);
    }

    fn queries(scene: &ConversationScene) -> usize {
        let requests = scene.test.recorder.requests();
        requests.iter().filter(|request| request.operation == "Query").count()
    }

    #[tokio::test]
    async fn the_conversation_is_found_behind_what_was_asked_elsewhere_as_far_as_five_pages_reach() {
        let scene = ConversationScene::start().await;
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
        let scene = ConversationScene::start().await;
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
        let scene = ConversationScene::start().await;
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
        let scene = ConversationScene::start().await;
        let limits = ContextLimits { messages: 10, chars: 1000 };
        let conversations = Conversations::new(scene.test.table.clone(), limits, Some("Be kind.".to_owned()));
        let prompt = conversations.prompt(scene.ada.user_id(), &message("Hello")).await.unwrap();
        let told: Vec<_> = prompt.turns.iter().map(|turn| (turn.role, turn.text.as_str())).collect();
        assert_eq!(told, [(Role::System, "Be kind."), (Role::User, "Hello")]);
    }
}
