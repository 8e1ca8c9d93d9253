//! A user's message, and of a reply its calls of tools and its finish reason.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid_field::{InvalidField, check_text};

/// A user's message: at most 64 KiB, kept exactly as written. `TryFrom` takes no blank text, as people write none;
/// [`Message::beginning_of`] takes any. The text never prints.
#[derive(Clone)]
pub struct Message(String);

impl Message {
    /// Longest message in bytes, far below the limit of a DynamoDB item (400 KB).
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The beginning of `text`, in whole characters and at most [`Message::MAX_BYTES`] long. An endpoint that accepts
    /// longer texts stores only this beginning. The text may be blank: a program's prompt may end in an empty turn.
    #[must_use]
    pub fn beginning_of(text: &str) -> Self {
        Self(text[..text.floor_char_boundary(Self::MAX_BYTES)].to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Message({} bytes)", self.0.len())
    }
}

impl TryFrom<String> for Message {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        check_text(&text)?;
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidField::new(format!("Ensure this field has no more than {} bytes.", Self::MAX_BYTES)));
        }
        Ok(Self(text))
    }
}

/// A model's call of a tool, which the caller runs. The arguments never print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The name by which the tool's result refers to the call.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The arguments as the model wrote them: mostly JSON, but nothing makes a model write JSON.
    pub arguments: String,
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ToolCall({} bytes of arguments)", self.arguments.len())
    }
}

/// The reason why a reply ended where it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model completed its reply.
    Stop,
    /// The reply reached a limit on its length, or the time for it was up.
    Length,
    /// The provider's filter of contents withheld the reply, or the rest of it.
    ContentFilter,
    /// The model wants a tool to be called.
    ToolCalls,
    /// The model failed before its reply was complete.
    BrokenOff,
}

impl FinishReason {
    /// The word for it, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::ToolCalls => "tool_calls",
            Self::BrokenOff => "broken_off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finish_reason_is_stored_as_its_word() {
        use FinishReason::{BrokenOff, ContentFilter, Length, Stop, ToolCalls};
        for reason in [Stop, Length, ContentFilter, ToolCalls, BrokenOff] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }

    #[test]
    fn a_message_is_kept_as_it_was_written() {
        let text = "  Hello,\n\t\u{1F600} ";
        assert_eq!(Message::try_from(text.to_owned()).unwrap().as_str(), text);
    }

    #[test]
    fn a_message_of_nothing_but_white_space_is_refused() {
        for text in ["", " ", "\n\t ", "\u{2003}", "a\0b"] {
            assert!(Message::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_beginning_of_a_longer_text_is_a_message_of_whole_characters() {
        for text in [" a ", "", " ", "a\0b"] {
            assert_eq!(Message::beginning_of(text).as_str(), text);
        }
        let long = format!("x{}", "\u{e9}".repeat(Message::MAX_BYTES));
        let message = Message::beginning_of(&long);
        assert_eq!(message.as_str().len(), Message::MAX_BYTES - 1);
        assert!(long.starts_with(message.as_str()));
    }

    #[test]
    fn a_message_has_a_limit() {
        assert!(Message::try_from("x".repeat(Message::MAX_BYTES)).is_ok());
        assert!(Message::try_from("x".repeat(Message::MAX_BYTES + 1)).is_err());
    }
}
