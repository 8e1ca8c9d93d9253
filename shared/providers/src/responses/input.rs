//! A conversation as the protocol takes it: items, of which a turn may have several.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::prompt::{Detail, ERROR_MARK, Image, ReplyPart, Role, Segment, Turn};
use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentItem<'a> {
    Message {
        role: &'static str,
        content: Vec<SentItemContent<'a>>,
    },
    Reasoning {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        summary: Vec<SentSummary<'a>>,
        encrypted_content: &'a str,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: SentOutput<'a>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentItemContent<'a> {
    InputText {
        text: &'a str,
    },
    OutputText {
        text: &'a str,
    },
    InputImage {
        #[serde(rename = "image_url", serialize_with = "data_url")]
        image: &'a Image,
        detail: Detail,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct SentSummary<'a> {
    text: &'a str,
}

/// A text where there is no image: not every server knows parts.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum SentOutput<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<SentItemContent<'a>>),
}

/// The image's `data:` URL, written piece by piece: an image may have megabytes.
fn data_url<S: Serializer>(image: &Image, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("data:{};base64,{}", image.media_type.mime(), image.data))
}

/// The items of `turn`. Reasoning has a proof, if `takes_proof` says that the model takes it, or is left out.
pub(super) fn items(turn: &Turn, takes_proof: impl Fn(&Proof) -> bool) -> Vec<SentItem<'_>> {
    match (turn.role, turn.answers.as_deref()) {
        (Role::System, _) => message("developer", turn).into_iter().collect(),
        (Role::Assistant, _) => reply(turn, takes_proof),
        (Role::Tool, Some(call_id)) => vec![SentItem::FunctionCallOutput { call_id, output: SentOutput::of(turn) }],
        // A result that is of no call, which the protocol cannot say.
        (Role::User | Role::Tool, _) => message("user", turn).into_iter().collect(),
    }
}

/// The message of `turn`, unless it says and shows nothing.
fn message<'a>(role: &'static str, turn: &'a Turn) -> Option<SentItem<'a>> {
    let content: Vec<_> = turn.segments().map(SentItemContent::from).collect();
    (!content.is_empty()).then_some(SentItem::Message { role, content })
}

fn reply<'a>(turn: &'a Turn, takes_proof: impl Fn(&Proof) -> bool) -> Vec<SentItem<'a>> {
    let item = |part: ReplyPart<'a>| match part {
        ReplyPart::Words(words) => {
            let text = &turn.text[words];
            let content = vec![SentItemContent::OutputText { text }];
            (!text.is_empty()).then_some(SentItem::Message { role: "assistant", content })
        }
        ReplyPart::Call(ToolCall { id, name, arguments }) => {
            Some(SentItem::FunctionCall { call_id: id, name, arguments })
        }
        ReplyPart::Reasoning { words, proof } => takes_proof(proof).then(|| SentItem::Reasoning {
            id: proof.id.as_deref(),
            summary: Some(words)
                .filter(|words| !words.is_empty())
                .map(|text| SentSummary { text })
                .into_iter()
                .collect(),
            encrypted_content: &proof.data,
        }),
    };
    turn.reply_parts().into_iter().filter_map(item).collect()
}

/// Whether `proof` may be sent to `provider`: another one cannot read it.
pub(super) fn is_for(provider: &str, proof: &Proof) -> bool {
    proof.kind == ProofKind::Encrypted && proof.provider.as_deref().is_none_or(|name| name == provider)
}

impl<'a> From<Segment<'a>> for SentItemContent<'a> {
    fn from(segment: Segment<'a>) -> Self {
        match segment {
            Segment::Text(text) => Self::InputText { text },
            Segment::Image(image) => Self::InputImage { image, detail: image.detail.unwrap_or(Detail::Auto) },
        }
    }
}

impl<'a> SentOutput<'a> {
    /// The protocol has no word for a result that is a failure.
    fn of(turn: &'a Turn) -> Self {
        if turn.images.is_empty() {
            let text = turn.text.as_str();
            return Self::Text(if turn.is_error { format!("{ERROR_MARK}{text}").into() } else { text.into() });
        }
        let mark = turn.is_error.then_some(SentItemContent::InputText { text: ERROR_MARK });
        Self::Parts(mark.into_iter().chain(turn.segments().map(SentItemContent::from)).collect())
    }
}
