//! The conversation at `/chatView/`: the prompt for a message, after what the user and the model said before.

use domain::ids::{ConversationId, UserId};
use domain::message::Message;
use ledger::admission::OpenAccount;
use ledger::past_exchanges::{PastExchange, PastExchanges, WantedExchanges};
use providers::offers::Candidates;
use providers::prompt::{BYTES_PER_TOKEN, Prompt, Role, Turn};
use store::StoreError;

use crate::error::ApiError;
use crate::till::Till;

/// The limits of the context that a model gets of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextLimits {
    /// The most exchanges, the last ones.
    pub messages: u32,
    /// The most tokens of these exchanges, by the estimate of input tokens. An exchange is told whole or not at all.
    pub tokens: u32,
}

/// Users' conversations, as a model is told them.
#[derive(Debug)]
pub struct Conversations {
    past_exchanges: PastExchanges,
    limits: ContextLimits,
    system_prompt: Option<String>,
}

impl Conversations {
    /// The conversations of which `past_exchanges` are told, each of which begins with `system_prompt`.
    #[must_use]
    pub fn new(past_exchanges: PastExchanges, limits: ContextLimits, system_prompt: Option<String>) -> Self {
        Self { past_exchanges, limits, system_prompt }
    }

    /// `message` after the last exchanges of the conversation for which `account` was opened, from which the oldest are
    /// dropped until the prompt is short enough for the first of the `candidates` and the account can pay for it. The
    /// conversation is read only if the model reads it, and if the message alone can be answered.
    ///
    /// # Errors
    /// As [`Till::check`] for the message alone; [`ApiError::Unavailable`] if the table cannot be read.
    pub async fn prompt(
        &self,
        till: &Till,
        account: &OpenAccount,
        candidates: &Candidates,
        message: &Message,
    ) -> Result<Prompt, ApiError> {
        let alone = self.prompt_after(&[], message);
        till.check(account, candidates, &alone)?;
        let Some(conversation) = account.conversation().filter(|_| candidates.first.reads_context()) else {
            return Ok(alone);
        };
        let context_tokens = u64::from(candidates.first.terms.context_tokens);
        let fits = |prompt: &Prompt| till.check(account, candidates, prompt).is_ok();
        Ok(self.prompt_that_fits(account.user_id(), conversation, message, context_tokens, fits).await?)
    }

    /// `message` after the last exchanges of `conversation`, from which the oldest are dropped until they are within the
    /// limits and the prompt is of `most_tokens` and `fits`. Fewer exchanges must never fit less. If nothing else fits, the
    /// prompt is the message alone.
    async fn prompt_that_fits(
        &self,
        user_id: UserId,
        conversation: ConversationId,
        message: &Message,
        most_tokens: u64,
        fits: impl Fn(&Prompt) -> bool,
    ) -> Result<Prompt, StoreError> {
        let used = estimated_tokens(&self.prompt_after(&[], message));
        let room = most_tokens.saturating_sub(used).min(self.limits.tokens.into());
        if room < self.least_tokens_of_an_exchange(message) - used {
            return Ok(self.prompt_after(&[], message));
        }
        // A token is estimated for at most so many bytes, so a text with more bytes has no room whatever it says.
        let wanted = WantedExchanges { most: self.limits.messages, bytes: room * BYTES_PER_TOKEN as u64 };
        let past = self.past_exchanges.last(user_id, conversation, wanted).await?;
        let prompt = |dropped: usize| self.prompt_after(&past[dropped..], message);
        // The fewest that must be dropped lie between these two.
        let (mut least, mut most) = (0, past.len());
        while least < most {
            let dropped = usize::midpoint(least, most);
            let prompt = prompt(dropped);
            if estimated_tokens(&prompt) <= used + room && fits(&prompt) {
                most = dropped;
            } else {
                least = dropped + 1;
            }
        }
        Ok(prompt(least))
    }

    /// The tokens of `message` after an exchange without words: its turns count too.
    fn least_tokens_of_an_exchange(&self, message: &Message) -> u64 {
        let wordless = PastExchange { message: String::new(), response: String::new() };
        estimated_tokens(&self.prompt_after(&[wordless], message))
    }

    fn prompt_after(&self, past: &[PastExchange], message: &Message) -> Prompt {
        let mut turns = Vec::new();
        turns.extend(self.system_prompt.iter().map(|text| Turn::text(Role::System, text)));
        for PastExchange { message, response } in past {
            turns.extend([Turn::text(Role::User, message), Turn::text(Role::Assistant, response)]);
        }
        turns.push(Turn::text(Role::User, message.as_str()));
        Prompt { turns, ..Prompt::default() }
    }
}

/// The estimate of the prompt of a conversation, in which there are no images.
fn estimated_tokens(prompt: &Prompt) -> u64 {
    prompt.estimated_input_tokens(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use domain::credits::Credits;
    use ledger::Ledger;
    use ledger::account::Payer;
    use ledger::admission::Admission;
    use ledger::exchange::{Bill, Exchange};
    use ledger::gate::Gate;
    use ledger::hold::{HoldOutcome, Order};

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

        fn past_exchanges(&self) -> PastExchanges {
            PastExchanges::new(self.test.table.clone(), self.test.clock.clone())
        }

        async fn said(&self, person: &Payer, text: &str) {
            self.replied(person, text, &format!("{text}?"), Some(ConversationId::FIRST)).await;
        }

        async fn replied(&self, person: &Payer, text: &str, reply: &str, conversation: Option<ConversationId>) {
            self.test.clock.advance(Duration::from_millis(1));
            let ledger = Ledger::new(self.test.table.clone(), self.test.clock.clone(), 10);
            let deadline = self.test.clock.now().plus(Duration::from_secs(28));
            let (amount, least) = (Credits::ZERO, Credits::ZERO);
            let gate = Gate::without_operator(self.test.clock.clone());
            let Admission::Open(open) = ledger.admit(&gate, *person, None).await.unwrap() else {
                panic!("nothing was answered before")
            };
            let HoldOutcome::Held(held) = ledger.hold(open, &Order { amount, least, deadline }).await.unwrap() else {
                panic!("nothing was answered before")
            };
            let bill = Bill::of(Credits::ZERO);
            let exchange = Exchange { message: &message(text), reply: &stored_reply(reply), conversation, bill };
            ledger.capture(&held, exchange).await.unwrap();
        }

        /// What the model is told when Ada says "now", in the order in which it was said.
        async fn told(&self, messages: u32, tokens: u32) -> Vec<String> {
            let limits = ContextLimits { messages, tokens };
            self.told_what_fits(limits, MODEL_TOKENS, |_| true).await
        }

        async fn told_what_fits(
            &self,
            limits: ContextLimits,
            model_tokens: u64,
            fits: impl Fn(&Prompt) -> bool,
        ) -> Vec<String> {
            let conversations = Conversations::new(self.past_exchanges(), limits, None);
            let (ada, now) = (self.ada.user_id(), message("now"));
            let prompt = conversations.prompt_that_fits(ada, ConversationId::FIRST, &now, model_tokens, fits);
            prompt.await.unwrap().turns.into_iter().map(|turn| turn.text).collect()
        }
    }

    /// The tokens of a model's context that is larger than what is told.
    const MODEL_TOKENS: u64 = 32_768;

    fn message(text: &str) -> Message {
        Message::try_from(text.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_model_is_told_the_last_exchanges_and_then_the_message() {
        let scene = ConversationScene::start().await;
        assert_eq!(scene.told(10, 1000).await, ["now"]);
        for text in ["one", "two", "three"] {
            scene.said(&scene.ada, text).await;
        }
        assert_eq!(scene.told(10, 1000).await, ["one", "one?", "two", "two?", "three", "three?", "now"]);
        assert_eq!(scene.told(1, 1000).await, ["three", "three?", "now"]);
        assert_eq!(scene.told(0, 1000).await, ["now"]);
    }

    #[tokio::test]
    async fn an_exchange_that_has_no_room_ends_the_context_before_it() {
        let scene = ConversationScene::start().await;
        for text in ["äää", "a long one that has no room", "ööö"] {
            scene.said(&scene.ada, text).await;
        }
        // Two turns, of 6 and 7 bytes: 2 tokens each, and 5 around each.
        assert_eq!(scene.told(10, 14).await, ["ööö", "ööö?", "now"]);
        assert_eq!(scene.told(10, 13).await, ["now"]);
        let limits = ContextLimits { messages: 10, tokens: 1000 };
        for (more_tokens, told) in [(14, &["ööö", "ööö?", "now"][..]), (13, &["now"])] {
            // "now" alone: 21 in place of a system prompt, 3 around all turns, 5 around this one, and 1.
            assert_eq!(scene.told_what_fits(limits, 30 + more_tokens, |_| true).await, told, "a model of few tokens");
        }
    }

    #[tokio::test]
    async fn what_was_asked_elsewhere_or_by_others_is_not_told() {
        let scene = ConversationScene::start().await;
        let bob = open_account(&scene.test, "bob", 1000).await;
        scene.said(&scene.ada, "mine").await;
        scene.replied(&scene.ada, "a program's", "?", Some(ConversationId::COMPLETIONS)).await;
        scene.replied(&scene.ada, "unstored", "?", None).await;
        scene.said(&bob, "bob's").await;
        assert_eq!(scene.told(10, 1000).await, ["mine", "mine?", "now"]);
    }

    #[tokio::test]
    async fn the_oldest_exchanges_are_dropped_until_the_prompt_fits() {
        let scene = ConversationScene::start().await;
        for text in ["one", "two", "three"] {
            scene.said(&scene.ada, text).await;
        }
        let limits = ContextLimits { messages: 10, tokens: 1000 };
        for (most_turns, expected) in [
            (7, &["one", "one?", "two", "two?", "three", "three?", "now"][..]),
            (6, &["two", "two?", "three", "three?", "now"]),
            (3, &["three", "three?", "now"]),
            (2, &["now"]),
            (0, &["now"]),
        ] {
            let told = scene.told_what_fits(limits, MODEL_TOKENS, |prompt| prompt.turns.len() <= most_turns).await;
            assert_eq!(told, expected, "{most_turns} turns");
        }
    }

    fn read_units(scene: &ConversationScene) -> f64 {
        scene.test.recorder.requests().iter().map(|request| request.units().unwrap()).sum()
    }

    #[tokio::test]
    async fn a_context_takes_two_reads_that_cost_the_same_whatever_else_the_account_has_done() {
        let scene = ConversationScene::start().await;
        let long = "x".repeat(3000);
        for text in ["one", &long, "three"] {
            scene.said(&scene.ada, text).await;
        }
        scene.test.recorder.ask_for_capacity();
        let mut counted = Vec::new();
        for more_elsewhere in [0, 100] {
            for _ in 0..more_elsewhere {
                scene.replied(&scene.ada, "a program's", &"y".repeat(2000), Some(ConversationId::COMPLETIONS)).await;
            }
            scene.test.recorder.clear();
            assert_eq!(scene.told(10, 10_000).await.len(), 7);
            let operations: Vec<_> =
                scene.test.recorder.requests().iter().map(|request| request.operation.clone()).collect();
            assert_eq!(operations, ["Query", "BatchGetItem"]);
            counted.push(read_units(&scene));
        }
        assert!(counted[0] <= 4.0 && counted[0].to_bits() == counted[1].to_bits(), "{counted:?}");
    }

    #[tokio::test]
    async fn texts_that_have_no_room_are_not_read() {
        let scene = ConversationScene::start().await;
        scene.said(&scene.ada, &"x".repeat(10_000)).await;
        scene.said(&scene.ada, "short").await;
        scene.test.recorder.clear();
        assert_eq!(scene.told(10, 1000).await, ["short", "short?", "now"]);
        assert_eq!(scene.test.recorder.requests().len(), 1);
    }

    #[tokio::test]
    async fn nothing_is_read_where_no_exchange_has_room() {
        let scene = ConversationScene::start().await;
        scene.said(&scene.ada, "x").await;
        for (tokens, requests) in [(0, 0), (9, 0), (10, 1)] {
            scene.test.recorder.clear();
            assert_eq!(scene.told(10, tokens).await, ["now"]);
            assert_eq!(scene.test.recorder.requests().len(), requests, "{tokens} tokens");
        }
        scene.test.recorder.clear();
        assert_eq!(scene.told(10, 12).await, ["x", "x?", "now"]);
    }

    #[tokio::test]
    async fn a_conversation_begins_with_the_system_prompt() {
        let scene = ConversationScene::start().await;
        let limits = ContextLimits { messages: 10, tokens: 1000 };
        let conversations = Conversations::new(scene.past_exchanges(), limits, Some("Be kind.".to_owned()));
        let prompt = conversations
            .prompt_that_fits(scene.ada.user_id(), ConversationId::FIRST, &message("Hello"), MODEL_TOKENS, |_| true)
            .await
            .unwrap();
        let told: Vec<_> = prompt.turns.iter().map(|turn| (turn.role, turn.text.as_str())).collect();
        assert_eq!(told, [(Role::System, "Be kind."), (Role::User, "Hello")]);
    }
}
