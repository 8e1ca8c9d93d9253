//! Requests on the wire.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::prompt::{EmbeddingInputs, Input, Prompt};
use crate::raw_json::RawJson;

/// A request: the inputs, and how their vectors are wanted.
#[derive(Serialize)]
pub(super) struct SentEmbeddings<'a> {
    model: &'a str,
    input: &'a [Input],
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
    /// Left out for numbers, which every server sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<&'static str>,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a RawJson>,
}

impl<'a> SentEmbeddings<'a> {
    /// The request for the vectors of `inputs`, with the members of `prompt` that are `listed` for the model.
    pub(super) fn new(
        model: &'a str,
        prompt: &'a Prompt,
        inputs: &'a EmbeddingInputs,
        listed: &BTreeSet<String>,
    ) -> Self {
        let EmbeddingInputs { texts, dimensions, base64 } = inputs;
        let extra = prompt.extra.iter().filter(|(name, _)| listed.contains(*name));
        Self {
            model,
            input: texts,
            dimensions: *dimensions,
            encoding_format: base64.then_some("base64"),
            extra: extra.map(|(name, value)| (name.as_str(), value)).collect(),
        }
    }
}
