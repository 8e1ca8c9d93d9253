//! Blocks of content, as a request writes them.

use std::borrow::Cow;

use serde::Serialize;

use crate::called_tool::CallInput;
use crate::prompt::{BlockBorder, Image};

/// A block, and whether the provider's cache keeps the conversation up to its end.
#[derive(Serialize)]
pub(super) struct MarkedBlock<'a> {
    #[serde(flatten)]
    block: SentBlock<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<SentCacheControl>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentBlock<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Image {
        source: SentSource<'a>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: CallInput<'a>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<MarkedBlock<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentSource<'a> {
    Base64 { media_type: &'static str, data: &'a str },
}

/// The cache keeps what it has for five minutes: an hour has a price of its own.
#[derive(Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentCacheControl {
    Ephemeral,
}

impl SentCacheControl {
    /// The mark, if there is to be one.
    pub(super) fn of(is_marked: bool) -> Option<Self> {
        is_marked.then_some(Self::Ephemeral)
    }
}

impl<'a> From<SentBlock<'a>> for MarkedBlock<'a> {
    fn from(block: SentBlock<'a>) -> Self {
        Self { block, cache_control: None }
    }
}

impl<'a> MarkedBlock<'a> {
    /// A block of `text`, unless it is blank: the protocol takes none.
    pub(super) fn of_words(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        (!text.trim().is_empty()).then(|| SentBlock::Text { text }.into())
    }

    /// The protocol has no word for how closely the model looks.
    pub(super) fn of_image(image: &'a Image) -> Self {
        let Image { at: _, media_type, data, detail: _ } = image;
        SentBlock::Image { source: SentSource::Base64 { media_type: media_type.mime(), data } }.into()
    }

    /// Whether the block is the model's reasoning.
    pub(super) fn is_reasoning(&self) -> bool {
        matches!(self.block, SentBlock::Thinking { .. } | SentBlock::RedactedThinking { .. })
    }

    /// The block with a mark.
    fn marked(self) -> Self {
        Self { cache_control: SentCacheControl::of(true), ..self }
    }

    /// Marks the last of `blocks` that may have a mark: the model's reasoning may not.
    pub(super) fn mark_last(blocks: &mut [Self]) {
        if let Some(block) = blocks.iter_mut().rev().find(|block| !block.is_reasoning()) {
            block.cache_control = SentCacheControl::of(true);
        }
    }
}

/// A text that is written block by block, as its caller cut it.
#[derive(Clone, Copy)]
pub(super) struct CutText<'a> {
    text: &'a str,
    borders: &'a [BlockBorder],
    /// The byte up to which the text is written.
    written: usize,
    is_marked: bool,
}

impl<'a> CutText<'a> {
    /// A text of which nothing is written, with the marks of its borders if `is_marked`.
    pub(super) fn new(text: &'a str, borders: &'a [BlockBorder], is_marked: bool) -> Self {
        Self { text, borders, written: 0, is_marked }
    }

    /// Writes the next blocks, up to the byte `end` of the text.
    pub(super) fn up_to(&mut self, end: usize) -> Vec<MarkedBlock<'a>> {
        let end = self.text.floor_char_boundary(end).max(self.written);
        let mut blocks = Vec::new();
        while let Some(border) = self.borders.first().filter(|border| border.at <= end) {
            self.borders = &self.borders[1..];
            // The line break before the border belongs to no block.
            let block = MarkedBlock::of_words(self.cut(border.at.saturating_sub(1)));
            blocks.extend(block.map(|block| if border.is_cached && self.is_marked { block.marked() } else { block }));
            self.cut(border.at);
        }
        blocks.extend(MarkedBlock::of_words(self.cut(end)));
        blocks
    }

    /// The rest of the blocks.
    pub(super) fn rest(mut self) -> Vec<MarkedBlock<'a>> {
        self.up_to(self.text.len())
    }

    fn cut(&mut self, end: usize) -> &'a str {
        let begin = self.written;
        self.written = self.text.floor_char_boundary(end).max(begin);
        &self.text[begin..self.written]
    }
}
