//! Prompts made at random, for properties.

use std::collections::BTreeMap;
use std::num::NonZeroU8;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::prompt::{
    BlockBorder, Detail, EmbeddingInputs, Image, ImageType, Input, Prompt, ResponseFormat, Role, Sampling, Thinking,
    Tool, ToolChoice, Tools, Turn,
};
use crate::raw_json::RawJson;
use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind, ReasoningProof};

/// Any prompt. Its turns come in any order, and its numbers are exact in JSON.
pub(crate) fn any_prompt() -> impl Strategy<Value = Prompt> {
    (
        (prop::collection::vec(any_turn(), 0..6), any_sampling(), any_tools(), prop::option::of(any_format())),
        (any_reasoning(), prop::option::of(any_word())),
        (prop::option::of(1..=8_u8), prop::option::of(0..=20_u8)),
        prop::collection::btree_map(any::<u32>(), any_number(-100, 100), 0..3),
        prop::collection::btree_map("x_[a-z]{1,6}", any_raw_json().prop_map(RawJson::from), 0..3),
    )
        .prop_map(|(parts, (reasoning, verbosity), (n, logprobs), logit_bias, extra)| {
            let (turns, sampling, tools, response_format) = parts;
            let n = n.and_then(NonZeroU8::new);
            Prompt { turns, sampling, tools, response_format, verbosity, n, logprobs, logit_bias, extra, ..reasoning }
        })
}

/// Any request for embeddings.
pub(crate) fn any_request_for_embeddings() -> impl Strategy<Value = Prompt> {
    let tokens = prop::collection::vec(any::<u32>(), 0..9).prop_map(Input::Tokens);
    let input = prop_oneof![any_word().prop_map(Input::Text), tokens];
    (prop::collection::vec(input, 0..5), any::<Option<u32>>(), any::<bool>()).prop_map(|(texts, dimensions, base64)| {
        Prompt { inputs: Some(EmbeddingInputs { texts, dimensions, base64 }), ..Prompt::default() }
    })
}

/// A prompt of what it says about reasoning, and nothing else.
fn any_reasoning() -> impl Strategy<Value = Prompt> {
    let thinking =
        prop_oneof![Just(Thinking::Off), Just(Thinking::Adaptive), (1024..100_000_u32).prop_map(Thinking::Budget),];
    let summary = prop::option::of(prop::sample::select(vec!["auto", "concise"]));
    (prop::option::of(any_effort()), prop::option::of(thinking), any::<Option<bool>>(), any::<bool>(), summary)
        .prop_map(|(reasoning_effort, thinking, thinking_is_shown, reasoning_is_a_hint, summary)| Prompt {
            reasoning_effort,
            thinking,
            thinking_is_shown,
            reasoning_is_a_hint,
            reasoning_summary: summary.map(str::to_owned),
            ..Prompt::default()
        })
}

/// Any JSON but fractions, which may be written in several ways.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4).prop_map(object),
        ]
    })
}

fn object(members: BTreeMap<String, Value>) -> Value {
    Value::Object(members.into_iter().collect())
}

fn any_raw_json() -> impl Strategy<Value = Box<RawValue>> {
    any_json().prop_map(|json| to_raw_value(&json).unwrap())
}

fn any_word() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", ".{0,12}"]
}

/// The words that models know, and some other.
fn any_effort() -> impl Strategy<Value = String> {
    let known = ["none", "minimal", "low", "medium", "high", "xhigh", "max"].map(str::to_owned);
    prop_oneof![3 => prop::sample::select(known.to_vec()), 1 => any_word()]
}

/// A number that a float has without rounding.
fn any_number(least: i16, most: i16) -> impl Strategy<Value = f32> {
    (64 * i32::from(least)..=64 * i32::from(most)).prop_map(|number| {
        let number = i16::try_from(number).unwrap();
        f32::from(number) / 64.0
    })
}

fn any_sampling() -> impl Strategy<Value = Sampling> {
    let penalty = || prop::option::of(any_number(-2, 2));
    let stop = prop::collection::vec(any_word(), 0..3);
    let (seed, top_k) = (prop::option::of(any::<i64>()), prop::option::of(any::<u32>()));
    (prop::option::of(any_number(0, 2)), prop::option::of(any_number(0, 1)), [penalty(), penalty()], stop, seed, top_k)
        .prop_map(|(temperature, top_p, [presence_penalty, frequency_penalty], stop, seed, top_k)| Sampling {
            temperature,
            top_p,
            top_k,
            presence_penalty,
            frequency_penalty,
            stop,
            seed,
        })
}

/// Calls and results have the same few ids, so that some results are of calls.
fn any_id() -> impl Strategy<Value = String> {
    prop_oneof![3 => prop::sample::select(vec!["a".to_owned(), "b/1".to_owned()]), 1 => any_word()]
}

fn any_call() -> impl Strategy<Value = ToolCall> {
    let arguments = prop_oneof![any_json().prop_map(|json| json.to_string()), any_word()];
    (any_id(), any_word(), arguments).prop_map(|(id, name, arguments)| ToolCall { id, name, arguments })
}

/// Images at any places of `text`, in their order.
fn any_images(text: String) -> impl Strategy<Value = Vec<Image>> {
    let media_type = prop::sample::select(vec![ImageType::Png, ImageType::Jpeg, ImageType::Gif, ImageType::Webp]);
    let data = prop::sample::select(vec!["AAEC", "/+8=", "AA==", "iVBORw0KGgo="]);
    let detail = prop::option::of(prop::sample::select(vec![Detail::Low, Detail::High, Detail::Auto]));
    let place = 0..=text.len();
    let image = (place, media_type, data, detail).prop_map(move |(place, media_type, data, detail)| Image {
        at: text.floor_char_boundary(place),
        media_type,
        data: data.to_owned(),
        detail,
    });
    let count = prop_oneof![3 => Just(0), 1 => 1..4_usize];
    count.prop_flat_map(move |count| prop::collection::vec(image.clone(), count)).prop_map(|mut images| {
        images.sort_by_key(|image| image.at);
        images
    })
}

fn any_turn() -> impl Strategy<Value = Turn> {
    let role = prop::sample::select(vec![Role::System, Role::User, Role::Assistant, Role::Tool]);
    let said = any_word().prop_flat_map(|text| (any_images(text.clone()), Just(text)));
    let words = (prop::option::of(any_id()), prop::option::of(any_word()), prop::option::of(any_word()));
    let beside = (prop::collection::vec(any_proof(), 0..3), any::<[bool; 3]>());
    (role, said, prop::collection::vec(any_call(), 0..3), words, beside).prop_map(
        |(role, (images, text), calls, (answers, name, reasoning), (proofs, [is_cached, is_error, has_blocks]))| {
            let of_assistant = role == Role::Assistant;
            Turn {
                role,
                images: if matches!(role, Role::User | Role::Tool) { images } else { Vec::new() },
                calls: if of_assistant { calls } else { Vec::new() },
                answers,
                name,
                proofs: if of_assistant { placed(proofs, &text, reasoning.as_deref()) } else { Vec::new() },
                borders: if has_blocks { borders(&text) } else { Vec::new() },
                is_cached,
                is_error: is_error && role == Role::Tool,
                reasoning,
                text,
            }
        },
    )
}

fn any_proof() -> impl Strategy<Value = ReasoningProof> {
    let kind = prop::sample::select(vec![ProofKind::Signature, ProofKind::Redacted, ProofKind::Encrypted]);
    (kind, "[a-z+/=]{1,20}", any::<u32>()).prop_map(|(kind, data, after)| {
        let id = (kind == ProofKind::Encrypted).then(|| "rs_1".to_owned());
        ReasoningProof { proof: Proof { kind, provider: None, id, data }, after, text_before: 0, calls_before: 0 }
    })
}

/// `proofs` at places of the turn's reasoning, in their order.
fn placed(mut proofs: Vec<ReasoningProof>, text: &str, reasoning: Option<&str>) -> Vec<ReasoningProof> {
    let reasoning = reasoning.unwrap_or_default();
    for proof in &mut proofs {
        let after = proof.after as usize % (reasoning.len() + 1);
        proof.after = u32::try_from(reasoning.floor_char_boundary(after)).unwrap();
    }
    proofs.sort_by_key(|proof| proof.after);
    if let Some(last) = proofs.last_mut() {
        last.text_before = u32::try_from(text.len()).unwrap();
    }
    proofs
}

/// A border behind each line break of `text`.
fn borders(text: &str) -> Vec<BlockBorder> {
    text.match_indices('\n').map(|(at, _)| BlockBorder { at: at + 1, is_cached: at % 2 == 0 }).collect()
}

fn any_tool() -> impl Strategy<Value = Tool> {
    let schema = prop::option::of(any_raw_json());
    (any_word(), prop::option::of(any_word()), schema, any::<Option<bool>>(), any::<bool>()).prop_map(
        |(name, description, parameters, strict, is_cached)| Tool { name, description, parameters, strict, is_cached },
    )
}

fn any_tools() -> impl Strategy<Value = Tools> {
    let choice = prop_oneof![
        Just(ToolChoice::None),
        Just(ToolChoice::Auto),
        Just(ToolChoice::Required),
        any_word().prop_map(ToolChoice::Function),
    ];
    (prop::collection::vec(any_tool(), 0..4), prop::option::of(choice), any::<Option<bool>>())
        .prop_map(|(offered, choice, parallel)| Tools { offered, choice, parallel })
}

fn any_format() -> impl Strategy<Value = ResponseFormat> {
    let schema = prop::option::of(any_raw_json());
    let of_schema = (any_word(), prop::option::of(any_word()), schema, any::<Option<bool>>()).prop_map(
        |(name, description, schema, strict)| ResponseFormat::JsonSchema { name, description, schema, strict },
    );
    prop_oneof![1 => Just(ResponseFormat::JsonObject), 3 => of_schema]
}
