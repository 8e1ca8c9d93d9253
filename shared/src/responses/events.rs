//! Answers that are sent as they are written: server-sent events, each with a type and a number.
//!
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use domain::ids::EntryId;
use providers::raw_array::RawArray;
use providers::reply::Part;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::door::{ErrorParts, Writer};
use crate::http::named_event;
use crate::responses::error_form::numbered_event;
use crate::responses::form::ResponseForm;
use crate::responses::output::{OutputObserver, ResponseOutput};
use crate::responses::output_item::{ItemStatus, MessagePart, OutputItem, PartKind, SummaryPart};
use crate::responses::response_object::{ResponseObject, Stage, last_status};
use crate::till::PaidReply;

/// The events of one answer.
pub struct ResponseEvents {
    id: EntryId,
    form: ResponseForm,
    /// The model that replies, or the name that the caller gave it as long as it is not known.
    model: String,
    has_begun: bool,
    output: ResponseOutput,
    log: EventLog,
}

/// Events that are not sent yet, and the number of the next.
#[derive(Default)]
struct EventLog {
    next: u64,
    events: String,
}

/// An event, of which `members` says all but its type and its number.
#[derive(Serialize)]
struct Event<T> {
    r#type: &'static str,
    sequence_number: u64,
    #[serde(flatten)]
    members: T,
}

#[derive(Serialize)]
struct OfResponse<'a> {
    response: ResponseObject<'a>,
}

#[derive(Serialize)]
struct OfItem<'a> {
    output_index: usize,
    item: &'a OutputItem,
}

/// An event about a part of an item. The members that a type of event has not are absent.
#[derive(Default, Serialize)]
struct OfPart<'a> {
    item_id: &'a str,
    output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<WrittenPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotation_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotation: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[(); 0]>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenPart<'a> {
    Message(&'a MessagePart),
    Summary(&'a SummaryPart),
}

/// The types of the events about a part of one kind.
struct PartEvents {
    delta: &'static str,
    done: &'static str,
    /// Of the part as a whole, where it has such events.
    part_done: Option<&'static str>,
    part_added: Option<&'static str>,
}

const OF_TEXT: PartEvents = PartEvents {
    delta: "response.output_text.delta",
    done: "response.output_text.done",
    part_done: Some("response.content_part.done"),
    part_added: Some("response.content_part.added"),
};

const OF_REFUSAL: PartEvents = PartEvents { delta: "response.refusal.delta", done: "response.refusal.done", ..OF_TEXT };

const OF_SUMMARY: PartEvents = PartEvents {
    delta: "response.reasoning_summary_text.delta",
    done: "response.reasoning_summary_text.done",
    part_done: Some("response.reasoning_summary_part.done"),
    part_added: Some("response.reasoning_summary_part.added"),
};

const OF_ARGUMENTS: PartEvents = PartEvents {
    delta: "response.function_call_arguments.delta",
    done: "response.function_call_arguments.done",
    part_done: None,
    part_added: None,
};

const OF_INPUT: PartEvents = PartEvents {
    delta: "response.custom_tool_call_input.delta",
    done: "response.custom_tool_call_input.done",
    part_done: None,
    part_added: None,
};

impl ResponseEvents {
    /// The events of the answer to the message of this id.
    #[must_use]
    pub(super) fn new(id: EntryId, form: ResponseForm) -> Self {
        let (model, output) = (form.parts().model.clone(), ResponseOutput::new(id, form.clone()));
        Self { id, form, model, has_begun: false, output, log: EventLog::default() }
    }

    fn begin(&mut self) {
        self.has_begun = true;
        for kind in ["response.created", "response.in_progress"] {
            self.write_response(kind, Stage::InProgress);
        }
    }

    fn write_response(&mut self, kind: &'static str, stage: Stage<'_>) {
        let Self { id, form, model, output, log, .. } = self;
        log.write(kind, OfResponse { response: ResponseObject::new(*id, form, model, output.items(), stage) });
    }
}

impl Writer for ResponseEvents {
    fn beginning(&mut self, model_id: &str, _estimated_input_tokens: u64) -> String {
        model_id.clone_into(&mut self.model);
        self.begin();
        self.log.take()
    }

    /// There is one choice in this protocol.
    fn part(&mut self, choice: u8, part: &Part) -> String {
        if choice == 0 {
            self.output.add(part, &mut self.log);
        }
        self.log.take()
    }

    fn end(&mut self, paid: &PaidReply) -> String {
        let last = last_status(&paid.reply);
        self.output.end(last, &mut self.log);
        let kind = if last == ItemStatus::Incomplete { "response.incomplete" } else { "response.completed" };
        self.write_response(kind, Stage::Paid(paid));
        self.log.take()
    }

    /// Clients of OpenAI raise the event `error`; Codex knows `response.failed` alone.
    fn error(&mut self, error: &ErrorParts<'_>) -> String {
        if !self.has_begun {
            self.begin();
        }
        self.output.end(ItemStatus::Incomplete, &mut self.log);
        self.log.write_error(error);
        self.write_response("response.failed", Stage::Failed(error));
        self.log.take()
    }
}

impl EventLog {
    fn write(&mut self, kind: &'static str, members: impl Serialize) {
        let event = Event { r#type: kind, sequence_number: self.next, members };
        self.events.push_str(&named_event(kind, &event));
        self.next += 1;
    }

    fn write_error(&mut self, error: &ErrorParts<'_>) {
        self.events.push_str(&numbered_event(error, self.next));
        self.next += 1;
    }

    /// The events since the last time.
    fn take(&mut self) -> String {
        std::mem::take(&mut self.events)
    }
}

impl OutputObserver for EventLog {
    fn item_begins(&mut self, place: usize, item: &OutputItem) {
        self.write("response.output_item.added", OfItem { output_index: place, item });
    }

    fn part_begins(&mut self, place: usize, item: &OutputItem) {
        if let Some(kind) = part_events(item).and_then(|events| events.part_added) {
            self.write(kind, OfPart { part: written_part(item), ..OfPart::of_last(place, item) });
        }
    }

    fn words(&mut self, place: usize, item: &OutputItem, words: &str) {
        let Some(events) = part_events(item) else { return };
        let members = OfPart::of_last(place, item);
        self.write(events.delta, OfPart { delta: Some(words), logprobs: logprobs(item), ..members });
    }

    fn annotations(&mut self, place: usize, item: &OutputItem, added: &RawArray) {
        let Ok(annotations) = serde_json::from_str::<Vec<&RawValue>>(added.as_str()) else { return };
        let before = annotations_of(item).saturating_sub(annotations.len());
        for (index, annotation) in annotations.into_iter().enumerate() {
            let (annotation_index, annotation) = (Some(before + index), Some(annotation));
            let members = OfPart { annotation_index, annotation, ..OfPart::of_last(place, item) };
            self.write("response.output_text.annotation.added", members);
        }
    }

    fn part_ends(&mut self, place: usize, item: &OutputItem) {
        let Some(events) = part_events(item) else { return };
        self.write(events.done, OfPart { logprobs: logprobs(item), ..OfPart::of_last(place, item).with_words(item) });
        if let Some(kind) = events.part_done {
            self.write(kind, OfPart { part: written_part(item), ..OfPart::of_last(place, item) });
        }
    }

    fn item_ends(&mut self, place: usize, item: &OutputItem) {
        self.write("response.output_item.done", OfItem { output_index: place, item });
    }
}

impl<'a> OfPart<'a> {
    /// The place of the last part of `item`.
    fn of_last(place: usize, item: &'a OutputItem) -> Self {
        let last = |count: usize| Some(count.saturating_sub(1));
        let (content_index, summary_index) = match item {
            OutputItem::Message { content, .. } => (last(content.len()), None),
            OutputItem::Reasoning { summary, .. } => (None, last(summary.len())),
            _ => (None, None),
        };
        Self { item_id: item.id(), output_index: place, content_index, summary_index, ..Self::default() }
    }

    /// The same with all words of the last part of `item`.
    fn with_words(self, item: &'a OutputItem) -> Self {
        match item {
            OutputItem::Message { content, .. } => match content.last() {
                Some(MessagePart::OutputText { text, .. }) => Self { text: Some(text), ..self },
                Some(MessagePart::Refusal { refusal }) => Self { refusal: Some(refusal), ..self },
                None => self,
            },
            OutputItem::Reasoning { summary, .. } => {
                Self { text: summary.last().map(|part| part.text.as_str()), ..self }
            }
            OutputItem::FunctionCall { name, arguments, .. } => {
                Self { name: Some(name), arguments: Some(arguments), ..self }
            }
            OutputItem::CustomToolCall { input, .. } => Self { input: Some(input), ..self },
            OutputItem::ToolSearchCall { .. } => self,
        }
    }
}

/// The types of the events about the last part of `item`, if there are any.
fn part_events(item: &OutputItem) -> Option<&'static PartEvents> {
    match (item, item.last_part()) {
        (OutputItem::FunctionCall { .. }, _) => Some(&OF_ARGUMENTS),
        (OutputItem::CustomToolCall { .. }, _) => Some(&OF_INPUT),
        (_, Some(PartKind::Refusal)) => Some(&OF_REFUSAL),
        (_, Some(PartKind::Summary)) => Some(&OF_SUMMARY),
        (_, Some(PartKind::Text)) => Some(&OF_TEXT),
        (_, None) => None,
    }
}

fn written_part(item: &OutputItem) -> Option<WrittenPart<'_>> {
    match item {
        OutputItem::Message { content, .. } => content.last().map(WrittenPart::Message),
        OutputItem::Reasoning { summary, .. } => summary.last().map(WrittenPart::Summary),
        _ => None,
    }
}

/// Events about a text have the member, in which there is nothing.
fn logprobs(item: &OutputItem) -> Option<[(); 0]> {
    (item.last_part() == Some(PartKind::Text)).then_some([])
}

/// The number of annotations of the last part of `item`.
fn annotations_of(item: &OutputItem) -> usize {
    let OutputItem::Message { content, .. } = item else { return 0 };
    let Some(MessagePart::OutputText { annotations, .. }) = content.last() else { return 0 };
    serde_json::from_str::<Vec<&RawValue>>(annotations.as_str()).map_or(0, |annotations| annotations.len())
}
