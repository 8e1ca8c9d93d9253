//! What is stored of a conversation that a caller sends.

use std::borrow::Cow;

use domain::message::Message;
use providers::prompt::{Role, Segment, Turn};

/// The beginning of the last words of the user in `turns`.
pub(crate) fn stored_message(turns: &[Turn]) -> Message {
    let last = turns.iter().rfind(|turn| turn.role == Role::User);
    Message::beginning_of(&last.map(words).unwrap_or_default())
}

/// The words of a turn. Those before and behind an image are a line each, as its parts are where there is none.
fn words(turn: &Turn) -> Cow<'_, str> {
    if turn.images.is_empty() {
        return Cow::Borrowed(&turn.text);
    }
    let texts = turn.segments().filter_map(|segment| match segment {
        Segment::Text(text) => Some(text),
        Segment::Image(_) => None,
    });
    Cow::Owned(texts.collect::<Vec<_>>().join("\n"))
}
