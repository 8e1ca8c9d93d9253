//! A turn in the making, of the blocks or the items that a caller sends.

use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ReasoningProof};
use providers::prompt::{BlockBorder, Image, Role, Turn};

use crate::door::MAX_TOOLS;

/// A turn in the making. Texts that follow each other are a line each, with a border between them.
pub(crate) struct TurnBuilder {
    turn: Turn,
    /// Whether the last block is a text.
    follows_text: bool,
    /// Whether the last block has a mark of the cache.
    is_marked: bool,
}

impl TurnBuilder {
    pub(crate) fn new(role: Role) -> Self {
        Self { turn: Turn::text(role, ""), follows_text: false, is_marked: false }
    }

    /// Adds a block of text.
    pub(crate) fn text(&mut self, text: &str) {
        let Self { turn, follows_text, is_marked } = self;
        if *follows_text {
            turn.text.push('\n');
            turn.borders.push(BlockBorder { at: turn.text.len(), is_cached: *is_marked });
            *is_marked = false;
        } else if !turn.text.is_empty() && turn.images.last().is_none_or(|image| image.at < turn.text.len()) {
            // Only reasoning or a call stands between the two texts.
            turn.text.push('\n');
            turn.borders.push(BlockBorder { at: turn.text.len(), is_cached: false });
        }
        turn.text.push_str(text);
        self.begin_block(true);
    }

    /// Adds an image.
    pub(crate) fn image(&mut self, image: Image) {
        self.turn.images.push(Image { at: self.turn.text.len(), ..image });
        self.begin_block(false);
    }

    /// Adds a call of a tool.
    pub(crate) fn call(&mut self, call: ToolCall) {
        self.turn.calls.push(call);
        self.begin_block(false);
    }

    /// Adds words of reasoning.
    pub(crate) fn reasoning(&mut self, words: &str) {
        if !words.is_empty() {
            self.turn.reasoning.get_or_insert_default().push_str(words);
        }
        self.begin_block(false);
    }

    /// Adds a proof of the reasoning so far.
    pub(crate) fn proof(&mut self, proof: Proof) {
        let place = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let Turn { text, calls, reasoning, proofs, .. } = &mut self.turn;
        let after = place(reasoning.as_ref().map_or(0, String::len));
        proofs.push(ReasoningProof { proof, after, text_before: place(text.len()), calls_before: place(calls.len()) });
        self.begin_block(false);
    }

    /// Whether there are more calls or proofs than a message may have.
    pub(crate) fn is_full(&self) -> bool {
        self.turn.calls.len() > MAX_TOOLS || self.turn.proofs.len() > MAX_TOOLS
    }

    /// Marks the last block: the provider is asked to keep the conversation up to it in its cache.
    pub(crate) fn mark(&mut self) {
        self.is_marked = true;
    }

    /// A mark in the middle that is no text's is one of the turn's end.
    fn begin_block(&mut self, is_text: bool) {
        self.turn.is_cached |= std::mem::take(&mut self.is_marked);
        self.follows_text = is_text;
    }

    pub(crate) fn into_turn(mut self) -> Turn {
        self.begin_block(false);
        self.turn
    }
}
