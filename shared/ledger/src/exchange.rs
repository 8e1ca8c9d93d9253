//! Exchanges: a message with its reply.

use std::{fmt, io};

use domain::credits::Credits;
use domain::ids::ConversationId;
use domain::message::{FinishReason, Message, ToolCall};
use domain::pricing::{Prices, Usage};
use domain::reasoning_proof::ReasoningProof;

/// Most bytes of annotations and proofs together that are kept. An item of `DynamoDB` (400 KB) has room for them beside the
/// longest message and the longest reply.
const MAX_KEPT_OPAQUE_BYTES: usize = 64 * 1024;

/// Most bytes of vectors that are kept: the room of the longest reply, which has no words beside them, and of all else.
const MAX_KEPT_EMBEDDINGS_BYTES: usize = 320 * 1024;

/// A message and its reply.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The user's message.
    pub message: &'a Message,
    /// The model's reply.
    pub reply: &'a StoredReply,
    /// The conversation in which both are stored. Without one, no text is stored, and with an idempotency key the reply
    /// is kept for a repetition alone.
    pub conversation: Option<ConversationId>,
    /// The prices by which the message is charged.
    pub bill: Bill,
}

/// The prices of the model that replied, as they were when the price of the message was held. The ledger computes the cost
/// from them, so that no entry can say one cost and other prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    /// The prices.
    pub prices: Prices,
    /// The version of the catalogue that has these prices; `None` for those of the settings.
    pub catalogue: Option<u64>,
}

#[cfg(any(test, feature = "test-util"))]
impl Bill {
    /// A bill of `cost`, whatever the usage is.
    #[must_use]
    pub const fn of(cost: Credits) -> Self {
        Self { prices: Prices::per_request(cost), catalogue: None }
    }
}

impl Exchange<'_> {
    /// The cost of the message by its prices.
    pub(crate) fn cost(&self) -> Credits {
        self.bill.prices.cost(&self.reply.usage)
    }

    /// The charge, if `held` was held.
    pub(crate) fn charged(&self, held: Credits) -> Credits {
        self.cost().min(held)
    }

    /// Whether all of the reply can be kept, so that a repetition is answered as the request was.
    pub(crate) fn can_be_repeated(&self) -> bool {
        let StoredReply { annotations, proofs, embeddings, .. } = self.reply;
        let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let of_proofs: usize = proofs.iter().map(|ReasoningProof { proof, .. }| proof.bytes()).sum();
        bytes(annotations) + of_proofs <= MAX_KEPT_OPAQUE_BYTES && bytes(embeddings) <= MAX_KEPT_EMBEDDINGS_BYTES
    }

    /// The bytes of all texts as JSON strings.
    pub(crate) fn json_bytes(&self) -> u64 {
        let StoredReply { text, refusal, reasoning, calls, .. } = self.reply;
        let texts = [Some(self.message.as_str()), Some(text), refusal.as_deref(), reasoning.as_deref()];
        let of_calls = calls.iter().flat_map(|ToolCall { id, name, arguments }| [id.as_str(), name, arguments]);
        texts.into_iter().flatten().chain(of_calls).map(json_bytes).sum()
    }
}

/// The bytes of `text` as a JSON string.
fn json_bytes(text: &str) -> u64 {
    let mut counter = Counter(0);
    // A text can always be written, and counting never fails.
    let _ = serde_json::to_writer(&mut counter, text);
    counter.0
}

/// Counts bytes and keeps none.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reply as it is stored. Its texts never print.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The model's text. It is empty if the model wrote none.
    pub text: String,
    /// The model's words in place of a text, if it refused to reply.
    pub refusal: Option<String>,
    /// The model's reasoning before its words, where its provider shows it.
    pub reasoning: Option<String>,
    /// The tools that the model calls.
    pub calls: Vec<ToolCall>,
    /// Sources and the like that belong to the text: a JSON array. A conversation does not show them.
    pub annotations: Option<String>,
    /// The proofs of the reasoning, in the order of their places.
    pub proofs: Vec<ReasoningProof>,
    /// The text before which the model ended its reply, because it was told so.
    pub stop_sequence: Option<String>,
    /// The vectors that were asked for: a JSON array.
    pub embeddings: Option<String>,
    /// The model's name.
    pub model: String,
    /// The tokens that the message took.
    pub usage: Usage,
    /// The reason why the reply ended.
    pub finish_reason: FinishReason,
}

impl StoredReply {
    /// A reply of `text` and nothing else, which is complete.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn of_text(text: impl Into<String>, model: impl Into<String>, usage: Usage) -> Self {
        Self {
            text: text.into(),
            refusal: None,
            reasoning: None,
            calls: Vec::new(),
            annotations: None,
            proofs: Vec::new(),
            stop_sequence: None,
            embeddings: None,
            model: model.into(),
            usage,
            finish_reason: FinishReason::Stop,
        }
    }

    /// The words that are shown where there is room for one text: the text, or else the refusal.
    #[must_use]
    pub fn shown(&self) -> &str {
        match &self.refusal {
            Some(refusal) if self.text.is_empty() => refusal,
            _ => &self.text,
        }
    }
}

impl fmt::Debug for StoredReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StoredReply({} bytes by {}, {:?})", self.text.len(), self.model, self.usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_text_in_json_count_its_escapes() {
        for text in ["", "Hello", "\u{1}\n\"", "\u{fc}\u{1f600}\\"] {
            assert_eq!(json_bytes(text), serde_json::to_string(text).unwrap().len() as u64, "{text:?}");
        }
    }
}
