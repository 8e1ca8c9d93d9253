//! The items of an answer.

use providers::raw_array::RawArray;
use serde::Serialize;
use serde_json::value::RawValue;

/// An item of an answer.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OutputItem {
    /// Words for the user.
    Message { id: String, status: ItemStatus, role: &'static str, content: Vec<MessagePart> },
    /// The reasoning before the items that follow.
    Reasoning {
        id: String,
        status: ItemStatus,
        summary: Vec<SummaryPart>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
    /// A call of a function.
    FunctionCall {
        id: String,
        status: ItemStatus,
        call_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        name: String,
        arguments: String,
    },
    /// A call of a tool that takes a text.
    CustomToolCall {
        id: String,
        status: ItemStatus,
        call_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        name: String,
        input: String,
    },
    /// A call of the search for tools.
    ToolSearchCall {
        id: String,
        status: ItemStatus,
        call_id: String,
        execution: &'static str,
        arguments: SearchArguments,
    },
}

/// The arguments of a search. They are an object in this protocol.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum SearchArguments {
    Object(Box<RawValue>),
    /// The words that the model wrote in place of an object.
    Words {
        query: String,
    },
    Nothing {},
}

/// How far an item has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ItemStatus {
    /// The model is writing it.
    InProgress,
    /// All of it is there.
    Completed,
    /// The reply ended in the middle of it.
    Incomplete,
}

/// A part of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum MessagePart {
    /// A text.
    OutputText {
        text: String,
        annotations: RawArray,
        /// They are refused, and the protocol's clients want the member.
        logprobs: [(); 0],
    },
    /// Words in place of a text.
    Refusal { refusal: String },
}

/// A paragraph of what the model thought.
#[derive(Debug, Default, Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct SummaryPart {
    pub(super) text: String,
}

/// The kinds of parts of an item: of a message, or of reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    Text,
    Refusal,
    Summary,
}

impl OutputItem {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Message { id, .. }
            | Self::Reasoning { id, .. }
            | Self::FunctionCall { id, .. }
            | Self::CustomToolCall { id, .. }
            | Self::ToolSearchCall { id, .. } => id,
        }
    }

    pub(super) fn end(&mut self, end: ItemStatus) {
        match self {
            Self::Message { status, .. }
            | Self::Reasoning { status, .. }
            | Self::FunctionCall { status, .. }
            | Self::CustomToolCall { status, .. }
            | Self::ToolSearchCall { status, .. } => *status = end,
        }
    }

    /// The kind of the last part. A call has no parts.
    pub(super) fn last_part(&self) -> Option<PartKind> {
        match self {
            Self::Message { content, .. } => content.last().map(MessagePart::kind),
            Self::Reasoning { summary, .. } => summary.last().map(|_| PartKind::Summary),
            Self::FunctionCall { .. } | Self::CustomToolCall { .. } | Self::ToolSearchCall { .. } => None,
        }
    }

    /// Adds an empty part.
    pub(super) fn begin_part(&mut self, kind: PartKind) {
        match (self, kind) {
            (Self::Message { content, .. }, PartKind::Text) => content.push(MessagePart::text()),
            (Self::Message { content, .. }, PartKind::Refusal) => {
                content.push(MessagePart::Refusal { refusal: String::new() });
            }
            (Self::Reasoning { summary, .. }, PartKind::Summary) => summary.push(SummaryPart::default()),
            _ => {}
        }
    }

    /// The words that go on: of the last part, or of the call.
    pub(super) fn words(&mut self) -> Option<&mut String> {
        match self {
            Self::Message { content, .. } => content.last_mut().map(MessagePart::words),
            Self::Reasoning { summary, .. } => summary.last_mut().map(|part| &mut part.text),
            Self::FunctionCall { arguments, .. } => Some(arguments),
            Self::CustomToolCall { input, .. } => Some(input),
            Self::ToolSearchCall { .. } => None,
        }
    }

    /// The annotations of the last part, if that is a text.
    pub(super) fn annotations(&mut self) -> Option<&mut RawArray> {
        let Self::Message { content, .. } = self else { return None };
        match content.last_mut()? {
            MessagePart::OutputText { annotations, .. } => Some(annotations),
            MessagePart::Refusal { .. } => None,
        }
    }
}

impl SearchArguments {
    pub(super) fn of(arguments: String) -> Self {
        let object = serde_json::from_str::<Box<RawValue>>(&arguments).ok();
        match object.filter(|value| value.get().starts_with('{')) {
            Some(object) => Self::Object(object),
            None if arguments.trim().is_empty() => Self::Nothing {},
            None => Self::Words { query: arguments },
        }
    }
}

impl MessagePart {
    /// A text of which nothing has come.
    fn text() -> Self {
        Self::OutputText { text: String::new(), annotations: RawArray::default(), logprobs: [] }
    }

    fn kind(&self) -> PartKind {
        match self {
            Self::OutputText { .. } => PartKind::Text,
            Self::Refusal { .. } => PartKind::Refusal,
        }
    }

    fn words(&mut self) -> &mut String {
        match self {
            Self::OutputText { text, .. } => text,
            Self::Refusal { refusal } => refusal,
        }
    }
}
