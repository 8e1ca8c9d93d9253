//! Writers of streamed answers.

use providers::reply::Part;

use crate::door::error_parts::ErrorParts;
use crate::door::reply_parts::reply_parts;
use crate::till::PaidReply;

/// A writer of one streamed answer. It makes whole server-sent events (WHATWG HTML, section 9.2) of what a model writes, any
/// number of them at a time. An empty text sends nothing. What a writer keeps back it writes at the end, also if that is an
/// error: every part that it was given is charged.
pub trait Writer: Send + 'static {
    /// The events before all parts. `model_id` is the id of the model that replies, and `estimated_input_tokens` are those that
    /// it reads.
    fn beginning(&mut self, model_id: &str, estimated_input_tokens: u64) -> String;

    /// The events of the next part of the choice at the place `choice`.
    fn part(&mut self, choice: u8, part: &Part) -> String;

    /// The last events, after the reply is charged.
    fn end(&mut self, paid: &PaidReply) -> String;

    /// The last events of a reply that failed.
    fn error(&mut self, error: &ErrorParts<'_>) -> String;

    /// All events of `paid`, which was given before: the first choice is kept, and nothing else.
    fn replayed(&mut self, paid: &PaidReply) -> Vec<String> {
        let mut events = vec![self.beginning(&paid.reply.model, paid.reply.usage.input_tokens)];
        for part in reply_parts(&paid.reply) {
            events.push(self.part(0, &part));
        }
        events.push(self.end(paid));
        events.retain(|event| !event.is_empty());
        events
    }
}
