//! Blocks of content in answers, whole and in parts.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::reply::{MAX_TOOL_CALLS, Part, Piece, ToolCallDelta};
use crate::wire::LenientText;
use domain::reasoning_proof::{Proof, ProofKind};

/// A block, or the beginning of one. Members that are not of its type are empty.
#[derive(Default, Deserialize)]
pub(super) struct ReceivedBlock {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    text: LenientText,
    #[serde(default)]
    thinking: LenientText,
    #[serde(default)]
    signature: LenientText,
    #[serde(default)]
    data: LenientText,
    #[serde(default)]
    id: LenientText,
    #[serde(default)]
    name: LenientText,
    input: Option<Box<RawValue>>,
}

/// The next part of a block.
#[derive(Default, Deserialize)]
pub(super) struct ReceivedDelta {
    #[serde(default)]
    text: LenientText,
    #[serde(default)]
    thinking: LenientText,
    #[serde(default)]
    signature: LenientText,
    #[serde(default)]
    partial_json: LenientText,
}

/// A block of which parts may come.
enum BegunBlock {
    Text,
    Thinking {
        signature: String,
    },
    Call {
        place: u32,
        /// The arguments with which the block began, unless parts of them have come.
        arguments: Option<String>,
    },
    /// Something that no request of ours asks for.
    Unknown,
}

/// The blocks of an answer so far, by the server's numbers.
pub(super) struct ReceivedBlocks {
    /// The catalogue's name of the server.
    provider: String,
    open: BTreeMap<u64, BegunBlock>,
    calls: usize,
}

impl ReceivedBlocks {
    /// A reader of an answer of `provider`, of which nothing has come.
    pub(super) fn of(provider: &str) -> Self {
        Self { provider: provider.to_owned(), open: BTreeMap::new(), calls: 0 }
    }

    /// The pieces of a block that is all there.
    pub(super) fn whole(&mut self, number: u64, block: ReceivedBlock) -> Vec<Piece> {
        let mut pieces = self.begin(number, block);
        pieces.extend(self.end(number));
        pieces
    }

    /// The pieces of a block that begins.
    pub(super) fn begin(&mut self, number: u64, block: ReceivedBlock) -> Vec<Piece> {
        let ReceivedBlock { r#type, text, thinking, signature, data, id, name, input } = block;
        let (open, piece) = match r#type.as_str() {
            "text" => (BegunBlock::Text, words(text, Part::Text)),
            "thinking" => (BegunBlock::Thinking { signature: signature.0 }, words(thinking, Part::Reasoning)),
            "redacted_thinking" => (BegunBlock::Unknown, self.proof(ProofKind::Redacted, data.0)),
            "tool_use" => {
                let place = self.place_of_next_call();
                let arguments = Some(input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()));
                let (id, name) = (Some(id.0), Some(name.0));
                let delta = ToolCallDelta { index: place, id, name, arguments: String::new() };
                (BegunBlock::Call { place, arguments }, Some(Piece::tool_call(delta)))
            }
            _ => {
                let bytes = text.0.len() + input.map_or(0, |input| input.get().len());
                (BegunBlock::Unknown, hidden(bytes))
            }
        };
        self.open.insert(number, open);
        piece.into_iter().collect()
    }

    /// The pieces of a block's next part.
    pub(super) fn go_on(&mut self, number: u64, delta: ReceivedDelta) -> Option<Piece> {
        let ReceivedDelta { text, thinking, signature, partial_json } = delta;
        match self.open.get_mut(&number) {
            Some(BegunBlock::Text) => words(text, Part::Text),
            Some(BegunBlock::Thinking { signature: all }) => {
                all.push_str(&signature.0);
                words(thinking, Part::Reasoning)
            }
            Some(BegunBlock::Call { place, arguments }) if !partial_json.0.is_empty() => {
                *arguments = None;
                Some(argument(*place, partial_json.0))
            }
            Some(BegunBlock::Call { .. }) => None,
            Some(BegunBlock::Unknown) | None => hidden(text.0.len() + thinking.0.len() + partial_json.0.len()),
        }
    }

    /// The piece that a block's end makes known: the proof of its reasoning, or arguments that came with its beginning.
    pub(super) fn end(&mut self, number: u64) -> Option<Piece> {
        match self.open.remove(&number)? {
            BegunBlock::Thinking { signature } => self.proof(ProofKind::Signature, signature),
            BegunBlock::Call { place, arguments } => arguments.map(|arguments| argument(place, arguments)),
            BegunBlock::Text | BegunBlock::Unknown => None,
        }
    }

    fn proof(&self, kind: ProofKind, data: String) -> Option<Piece> {
        let proof = Proof { kind, provider: Some(self.provider.clone()), id: None, data };
        (!proof.data.is_empty()).then(|| Part::Proof(proof).into())
    }

    fn place_of_next_call(&mut self) -> u32 {
        let place = self.calls;
        // Of the first call too many it is enough that it has begun: the reply ends there.
        self.calls = (place + 1).min(MAX_TOOL_CALLS);
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}

fn words(text: LenientText, part: fn(String) -> Part) -> Option<Piece> {
    Some(text.0).filter(|text| !text.is_empty()).map(part).map(Piece::from)
}

fn hidden(bytes: usize) -> Option<Piece> {
    (bytes > 0).then_some(Piece::Hidden { bytes })
}

fn argument(index: u32, arguments: String) -> Piece {
    Piece::tool_call(ToolCallDelta { index, arguments, ..ToolCallDelta::default() })
}
