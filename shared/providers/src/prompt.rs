//! Prompts: a conversation, and the parameters of its continuation.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// A conversation that a model continues.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// The turns, oldest first.
    pub turns: Vec<Turn>,
    /// How the model chooses words.
    pub sampling: Sampling,
}

impl Prompt {
    /// An upper limit of the conversation's input tokens, for every model that we know. A tokenizer that can write any
    /// text has no token of less than a byte. The limit allows for a chat template's words around each turn and before
    /// all of them, where some templates put a system prompt.
    #[must_use]
    pub fn most_input_tokens(&self) -> u64 {
        const PER_PROMPT: usize = 64;
        const PER_TURN: usize = 16;
        let turns = self.turns.iter().map(|turn| most_bytes(&turn.text) + PER_TURN);
        (PER_PROMPT + turns.sum::<usize>()) as u64
    }

    /// Estimated input tokens: one for every four bytes of a turn or part of them, and the words of a chat template.
    /// Templates differ, and the estimate is of `ChatML`'s, which Qwen and many others use: 5 tokens around each turn
    /// (two marks, the role, two line breaks), 3 for the beginning of the reply, and 21 for the system prompt that
    /// Qwen's template writes where the conversation has none. It is at most [`Prompt::most_input_tokens`].
    #[must_use]
    pub fn estimated_input_tokens(&self) -> u64 {
        const PER_TURN: u64 = 5;
        const BEGINNING_OF_REPLY: u64 = 3;
        const DEFAULT_SYSTEM_PROMPT: u64 = 21;
        let turns: u64 = self.turns.iter().map(|turn| estimated_tokens(&turn.text) + PER_TURN).sum();
        let has_system_prompt = self.turns.iter().any(|turn| turn.role == Role::System);
        turns + BEGINNING_OF_REPLY + if has_system_prompt { 0 } else { DEFAULT_SYSTEM_PROMPT }
    }
}

/// English has about four bytes a token with the tokenizers of today.
pub(crate) const BYTES_PER_TOKEN: usize = 4;

/// Estimated tokens of `text`: one for every four bytes or part of them.
#[must_use]
pub fn estimated_tokens(text: &str) -> u64 {
    text.len().div_ceil(BYTES_PER_TOKEN) as u64
}

/// The bytes of `text` in the longest of the forms that tokenizers bring it into first: as it is, NFC
/// (Qwen's), or NFKC (`SentencePiece`'s default). A character of three bytes can become one of 33.
fn most_bytes(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let composed = text.nfc().map(char::len_utf8).sum();
    let compatible = text.nfkc().map(char::len_utf8).sum();
    text.len().max(composed).max(compatible)
}

/// One side's text. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// The side that spoke.
    pub role: Role,
    /// The words of that side.
    pub text: String,
}

impl fmt::Debug for Turn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}({} bytes)", self.role, self.text.len())
    }
}

/// A side of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The instructions that come before the conversation.
    System,
    /// The person who asks.
    User,
    /// The model.
    Assistant,
}

/// How a model chooses words: parameters of OpenAI's protocol. An absent one means the model's own default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// From 0 to 2.
    pub temperature: Option<f32>,
    /// From 0 to 1.
    pub top_p: Option<f32>,
    /// From -2 to 2.
    pub presence_penalty: Option<f32>,
    /// From -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// Texts before which the reply ends.
    pub stop: Vec<String>,
    /// Seed of the random choices: the same seed gives the same reply, as far as the model supports it.
    pub seed: Option<i64>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_turn_counts_the_bytes_of_its_longest_form() {
        for (text, bytes) in [
            ("", 0),
            ("Hello", 5),
            ("\u{fc}", 2),
            // One that both forms make shorter, and one that only the second makes longer.
            ("u\u{308}", 3),
            ("\u{1d160}", 12),
            ("\u{fdfa}", 33),
        ] {
            let turns = vec![Turn { role: Role::User, text: text.to_owned() }; 2];
            let prompt = Prompt { turns, ..Prompt::default() };
            assert_eq!(prompt.most_input_tokens(), 64 + 2 * (16 + bytes), "{text}");
        }
    }

    /// Seen with llama.cpp's Python server and Qwen's template: 33 tokens for a message of 4.
    #[test]
    fn the_estimate_has_a_token_for_four_bytes_and_the_words_of_a_chat_template() {
        let turn = |role, text: &str| Turn { role, text: text.to_owned() };
        let estimated = |turns| Prompt { turns, ..Prompt::default() }.estimated_input_tokens();
        assert_eq!(estimated(vec![turn(Role::User, "Who was Ada then")]), 33);
        assert_eq!(estimated(vec![turn(Role::System, ""), turn(Role::User, "Hell")]), 5 + 1 + 5 + 3);
    }

    proptest! {
        #[test]
        fn the_estimate_is_never_above_the_upper_limit(
            turns in prop::collection::vec((any::<bool>(), ".{0,40}"), 0..20),
        ) {
            let role = |is_system| if is_system { Role::System } else { Role::User };
            let turns = turns.into_iter().map(|(is_system, text)| Turn { role: role(is_system), text }).collect();
            let prompt = Prompt { turns, ..Prompt::default() };
            prop_assert!(prompt.estimated_input_tokens() <= prompt.most_input_tokens());
        }
    }

    #[test]
    fn neither_turns_nor_replies_print_what_was_said() {
        let turn = Turn { role: Role::User, text: "a secret".to_owned() };
        assert_eq!(format!("{turn:?}"), "User(8 bytes)");
    }
}
