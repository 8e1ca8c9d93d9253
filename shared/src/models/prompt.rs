//! What a model is asked.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// A conversation for a model to continue, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// What was said, the oldest first.
    pub turns: Vec<Turn>,
    /// How to choose words.
    pub sampling: Sampling,
}

impl Prompt {
    /// More input tokens than the conversation takes with any model that we know. Tokenizers that can
    /// write any text have no token of less than a byte; what a model's chat template puts around each
    /// turn and before all of them, some with a system prompt of its own, is allowed for.
    #[must_use]
    pub fn most_input_tokens(&self) -> u64 {
        const PER_PROMPT: usize = 64;
        const PER_TURN: usize = 16;
        let turns = self.turns.iter().map(|turn| most_bytes(&turn.text) + PER_TURN);
        (PER_PROMPT + turns.sum::<usize>()) as u64
    }
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

/// What one side said. It never prints its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub role: Role,
    /// What.
    pub text: String,
}

impl fmt::Debug for Turn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}({} bytes)", self.role, self.text.len())
    }
}

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever set the model up.
    System,
    /// Who asks.
    User,
    /// The model.
    Assistant,
}

/// How a model chooses words: parameters of OpenAI's protocol, absent where the model's own default
/// is wanted.
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
    /// The same seed makes the same reply, as far as the model can.
    pub seed: Option<i64>,
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn neither_turns_nor_replies_print_what_was_said() {
        let turn = Turn { role: Role::User, text: "a secret".to_owned() };
        assert_eq!(format!("{turn:?}"), "User(8 bytes)");
    }
}
