//! Items of answers, whole and in parts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::raw_array::RawArray;
use crate::reply::{MAX_TOOL_CALLS, Part, Piece, ToolCallDelta};
use crate::wire::LenientText;
use domain::reasoning_proof::{Proof, ProofKind};

/// The text between two paragraphs of a summary.
const BETWEEN_PARAGRAPHS: &str = "\n\n";

/// An item, or the beginning of one. Members that are not of its type are empty.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ReceivedItem {
    r#type: String,
    id: LenientText,
    content: Option<Vec<ReceivedContent>>,
    summary: Option<Vec<ReceivedContent>>,
    encrypted_content: LenientText,
    call_id: LenientText,
    name: LenientText,
    arguments: LenientText,
}

/// A part of an item's words.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ReceivedContent {
    r#type: String,
    text: LenientText,
    refusal: LenientText,
    annotations: Option<Box<RawValue>>,
}

/// An item of which parts may come.
struct BegunItem {
    kind: ItemKind,
    /// Whether parts of its words or of its arguments have come.
    has_parts: bool,
    /// The paragraph of a summary that came last.
    paragraph: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ItemKind {
    Message,
    Reasoning,
    Call {
        place: u32,
    },
    /// Something that no request of ours asks for.
    Unknown,
}

/// The items of an answer so far, by their places in it.
pub(super) struct ReceivedItems {
    /// The catalogue's name of the server.
    provider: String,
    begun: BTreeMap<u64, BegunItem>,
    /// The places of items that are complete.
    ended: BTreeSet<u64>,
    calls: usize,
}

impl ReceivedItems {
    /// The items of an answer of `provider`, of which nothing has come.
    pub(super) fn of(provider: &str) -> Self {
        Self { provider: provider.to_owned(), begun: BTreeMap::new(), ended: BTreeSet::new(), calls: 0 }
    }

    /// Whether the model calls a tool.
    pub(super) fn has_calls(&self) -> bool {
        self.calls > 0
    }

    /// The pieces of an item that begins.
    pub(super) fn begin(&mut self, place: u64, item: &ReceivedItem) -> Vec<Piece> {
        if self.begun.contains_key(&place) || self.ended.contains(&place) {
            return Vec::new();
        }
        let (kind, piece) = match item.r#type.as_str() {
            "message" => (ItemKind::Message, None),
            "reasoning" => (ItemKind::Reasoning, None),
            "function_call" => {
                let index = self.place_of_next_call();
                let (id, name) = (Some(item.call_id.0.clone()), Some(item.name.0.clone()));
                let begin = ToolCallDelta { index, id, name, arguments: String::new() };
                (ItemKind::Call { place: index }, Some(Piece::tool_call(begin)))
            }
            _ => (ItemKind::Unknown, None),
        };
        self.begun.insert(place, BegunItem { kind, has_parts: false, paragraph: 0 });
        piece.into_iter().collect()
    }

    /// The piece that the next part of the words at `place` is.
    pub(super) fn words(&mut self, place: u64, words: String, part: fn(String) -> Part) -> Option<Piece> {
        if words.is_empty() {
            return None;
        }
        match self.begun.get_mut(&place) {
            Some(item) if item.kind != ItemKind::Unknown => item.has_parts = true,
            _ => return Some(Piece::Hidden { bytes: words.len() }),
        }
        Some(part(words).into())
    }

    /// The same of a summary, of whose paragraphs each has a number.
    pub(super) fn summary(&mut self, place: u64, paragraph: u64, words: String) -> Option<Piece> {
        let item = self.begun.get_mut(&place);
        let is_next = item.is_some_and(|item| {
            let is_next = item.has_parts && paragraph != item.paragraph;
            item.paragraph = paragraph;
            is_next
        });
        let words = if is_next { BETWEEN_PARAGRAPHS.to_owned() + &words } else { words };
        self.words(place, words, Part::Reasoning)
    }

    /// The piece that the next part of the arguments at `place` is.
    pub(super) fn arguments(&mut self, place: u64, arguments: String) -> Option<Piece> {
        if arguments.is_empty() {
            return None;
        }
        match self.begun.get_mut(&place) {
            Some(BegunItem { kind: ItemKind::Call { place: index }, has_parts, .. }) => {
                *has_parts = true;
                let index = *index;
                Some(Piece::tool_call(ToolCallDelta { index, arguments, ..ToolCallDelta::default() }))
            }
            _ => Some(Piece::Hidden { bytes: arguments.len() }),
        }
    }

    /// The pieces that an item's end makes known: all of it that did not come in parts, and the proof of reasoning.
    pub(super) fn end(&mut self, place: u64, item: ReceivedItem) -> Vec<Piece> {
        let mut pieces = self.begin(place, &item);
        let Some(BegunItem { kind, has_parts, .. }) = self.begun.remove(&place) else { return pieces };
        self.ended.insert(place);
        let ReceivedItem { id, content, summary, encrypted_content, arguments, .. } = item;
        match kind {
            ItemKind::Message => {
                for content in content.into_iter().flatten() {
                    pieces.extend(content.into_pieces(has_parts));
                }
            }
            ItemKind::Reasoning => {
                let words = if has_parts { String::new() } else { reasoning(summary, content) };
                pieces.extend(Some(words).filter(|words| !words.is_empty()).map(Piece::reasoning));
                let id = Some(id.0).filter(|id| !id.is_empty());
                let data = encrypted_content.0;
                let proof = Proof { kind: ProofKind::Encrypted, provider: Some(self.provider.clone()), id, data };
                pieces
                    .extend(Some(proof).filter(|proof| !proof.data.is_empty()).map(|proof| Part::Proof(proof).into()));
            }
            ItemKind::Call { place: index } if !has_parts => {
                let arguments = if arguments.0.is_empty() { "{}".to_owned() } else { arguments.0 };
                pieces.push(Piece::tool_call(ToolCallDelta { index, arguments, ..ToolCallDelta::default() }));
            }
            ItemKind::Call { .. } | ItemKind::Unknown => {}
        }
        pieces
    }

    fn place_of_next_call(&mut self) -> u32 {
        let place = self.calls;
        // Of the first call too many it is enough that it has begun: the reply ends there.
        self.calls = (place + 1).min(MAX_TOOL_CALLS);
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}

impl ReceivedContent {
    /// The pieces of a part that is complete. Its words are no news if they `have_come`.
    fn into_pieces(self, have_come: bool) -> Vec<Piece> {
        let Self { r#type, text, refusal, annotations } = self;
        let (words, part): (String, fn(String) -> Part) =
            if r#type == "refusal" { (refusal.0, Part::Refusal) } else { (text.0, Part::Text) };
        let words = Some(words).filter(|words| !have_come && !words.is_empty()).map(part);
        let annotations = annotations.and_then(|annotations| RawArray::parse(annotations.get()));
        let annotations = annotations.filter(|annotations| !annotations.is_empty()).map(Part::Annotations);
        [words, annotations].into_iter().flatten().map(Piece::from).collect()
    }
}

/// The words of reasoning that came whole: its summary, or else what the model thought.
fn reasoning(summary: Option<Vec<ReceivedContent>>, content: Option<Vec<ReceivedContent>>) -> String {
    let words = |parts: Option<Vec<ReceivedContent>>| -> Vec<String> {
        parts.into_iter().flatten().map(|part| part.text.0).filter(|text| !text.is_empty()).collect()
    };
    let summary = words(summary);
    if summary.is_empty() { words(content).concat() } else { summary.join(BETWEEN_PARAGRAPHS) }
}
