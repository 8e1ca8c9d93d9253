//! A reply that is read event by event.

use serde::Deserialize;

use crate::error::ModelError;
use crate::reply::{End, Part, Piece};
use crate::responses::received_item::{ReceivedItem, ReceivedItems};
use crate::responses::whole::ReceivedResponse;
use crate::wire::{ErrorObject, LenientText, ReplyReader, parsed};

/// An event. Members that are not of its type are missing.
#[derive(Deserialize)]
struct ReceivedEvent {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    output_index: u64,
    #[serde(default)]
    summary_index: u64,
    response: Option<ReceivedResponse>,
    item: Option<ReceivedItem>,
    #[serde(default)]
    delta: LenientText,
    error: Option<ErrorObject>,
}

/// The answer so far.
pub(super) struct ResponseReader {
    items: ReceivedItems,
    end: Option<End>,
    /// Whether the server has begun to answer: then it works, and bills.
    has_begun: bool,
}

impl ResponseReader {
    /// A reader of an answer of `provider`, of which nothing has come.
    pub(super) fn of(provider: &str) -> Self {
        Self { items: ReceivedItems::of(provider), end: None, has_begun: false }
    }

    fn pieces_of(&mut self, event: ReceivedEvent, data: &str) -> Result<Vec<Piece>, ModelError> {
        let ReceivedEvent { r#type, output_index: place, summary_index, response, item, delta, error } = event;
        self.has_begun |= r#type.starts_with("response.") && r#type != "response.failed";
        let items = &mut self.items;
        let piece = match r#type.as_str() {
            "response.output_item.added" => return Ok(items.begin(place, &item.unwrap_or_default())),
            "response.output_item.done" => return Ok(items.end(place, item.unwrap_or_default())),
            "response.output_text.delta" => items.words(place, delta.0, Part::Text),
            "response.refusal.delta" => items.words(place, delta.0, Part::Refusal),
            "response.reasoning_text.delta" => items.words(place, delta.0, Part::Reasoning),
            "response.reasoning_summary_text.delta" => items.summary(place, summary_index, delta.0),
            "response.function_call_arguments.delta" => items.arguments(place, delta.0),
            "response.completed" | "response.incomplete" | "response.failed" => {
                return self.last(response.unwrap_or_default());
            }
            // An error has its code and its words in the event itself.
            "error" => return Err(error.map_or_else(|| parsed(data.as_bytes()), Ok)?.into()),
            // A server that does not stream.
            "" => return self.last(parsed(data.as_bytes())?),
            // Words of a tool that the server runs, which no request of ours asks for.
            _ if !delta.0.is_empty() => Some(Piece::Hidden { bytes: delta.0.len() }),
            _ => None,
        };
        Ok(piece.into_iter().collect())
    }

    fn last(&mut self, response: ReceivedResponse) -> Result<Vec<Piece>, ModelError> {
        let (pieces, end) = response.into_news(&mut self.items)?;
        self.end = Some(end.unwrap_or_else(End::broken_off));
        Ok(pieces)
    }
}

impl ReplyReader for ResponseReader {
    fn pieces(&mut self, data: &str) -> Result<Vec<Piece>, ModelError> {
        let event = parsed(data.as_bytes())?;
        let pieces = self.pieces_of(event, data);
        // A server that turns a request away has not begun to answer it.
        pieces.map_err(|error| if self.has_begun { ModelError::Failed(error.into_cause()) } else { error })
    }

    fn end(&self) -> Option<End> {
        self.end
    }

    /// The last event has the end and the count.
    fn is_complete(&self) -> bool {
        self.end.is_some()
    }
}
