//! Answers that are sent event by event.

use std::time::Duration;

use futures_util::stream::BoxStream;
use serde::Serialize;

use crate::http::answer::Answer;

/// Timeout for sending one event. A reader that takes longer gets no further event, and its body ends with an error:
/// the end of the stream, which contains the capture, must come before the deadline.
pub(crate) const READER_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time in which a reader of a stream gets nothing. Many proxies end a response after a minute without a byte, and
/// API Gateway after five.
pub(crate) const LONGEST_SILENCE: Duration = Duration::from_secs(15);

/// A comment, which readers of events skip. It is sent after [`LONGEST_SILENCE`].
pub(crate) const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// The events of an answer, as they are sent. An error is the last one.
pub type EventStream<E> = BoxStream<'static, Result<String, BrokenStream<E>>>;

/// The end of a stream that failed.
#[derive(Debug)]
pub struct BrokenStream<E> {
    /// The failure.
    pub error: E,
    /// The last event, which says so.
    pub event: String,
}

/// The answer of an endpoint that can stream. `E` is the error that a stream can end with.
pub enum Streamable<E> {
    /// An answer in one piece.
    Whole(Answer),
    /// A status and headers, followed by events.
    Events(Answer, EventStream<E>),
}

impl<E> From<Answer> for Streamable<E> {
    fn from(answer: Answer) -> Self {
        Self::Whole(answer)
    }
}

/// An event without a name, whose data are one line.
pub(crate) fn event(data: &impl Serialize) -> String {
    format!("data: {}\n\n", on_one_line(serde_json::to_string(data).unwrap_or_default()))
}

/// A part of the JSON that is kept as it came may have line breaks, which stand between values: there a space means the same.
fn on_one_line(json: String) -> String {
    const LINE_BREAKS: [char; 2] = ['\n', '\r'];
    if json.contains(LINE_BREAKS) { json.replace(LINE_BREAKS, " ") } else { json }
}

/// An event with this name.
pub(crate) fn named_event(name: &str, data: &impl Serialize) -> String {
    format!("event: {name}\n{}", event(data))
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    /// By WHATWG HTML, section 9.2, a second line would begin another field.
    #[test]
    fn data_that_were_written_on_several_lines_are_sent_on_one() {
        let written = json!({"text": "two\nlines", "list": [1, 2]});
        for line_break in ["\n", "\r\n", "\r"] {
            let text = serde_json::to_string_pretty(&written).unwrap().replace('\n', line_break);
            let event = named_event("e", &RawValue::from_string(text).unwrap());
            let lines: Vec<&str> = event.split(['\n', '\r']).collect();
            assert_eq!((lines[0], &lines[2..]), ("event: e", &["", ""][..]), "{event:?}");
            let data: Value = serde_json::from_str(lines[1].strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(data, written);
        }
    }
}
