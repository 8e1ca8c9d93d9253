//! Answers on the wire. They are read leniently, as those of chat completions are.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::ModelError;
use crate::openai::usage::Counted;
use crate::prompt::EmbeddingInputs;
use crate::reply::{End, Reply, SaidChoice};
use crate::vectors::Vectors;
use crate::wire::{ErrorObject, parsed};
use domain::cause::Cause;
use domain::message::FinishReason;

#[derive(Deserialize)]
struct ReceivedEmbeddings<'a> {
    #[serde(borrow, default)]
    data: Option<Vec<ReceivedVector<'a>>>,
    #[serde(default)]
    usage: Counted,
    /// Some servers answer 200 and then say that they failed.
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ReceivedVector<'a> {
    #[serde(default)]
    index: Value,
    #[serde(borrow)]
    embedding: Option<&'a RawValue>,
}

/// The reply in the body `json`, which has a vector for each of `inputs`. The body is borrowed from: of megabytes, one copy
/// is enough.
pub(super) fn reply(json: &[u8], inputs: &EmbeddingInputs) -> Result<Reply, ModelError> {
    let ReceivedEmbeddings { data, usage, error } = parsed(json)?;
    if let Some(error) = error {
        return Err(error.into());
    }
    let received = in_order(data.unwrap_or_default());
    if received.len() != inputs.texts.len() {
        return Err(ModelError::Failed(Cause::because("the answer has not one vector for each input")));
    }
    let mut vectors = Vectors::wanted_by(inputs);
    for ReceivedVector { embedding, .. } in received {
        let missing = || ModelError::Failed(Cause::because("the answer lacks a vector"));
        vectors.add_sent(embedding.ok_or_else(missing)?)?;
    }
    let choice = SaidChoice { embeddings: Some(vectors.into_array()), ..SaidChoice::default() };
    Ok(Reply::of(choice, End::new(FinishReason::Stop, usage.usage())))
}

/// The vectors in the order of the inputs: by their numbers if each place is there once, and otherwise as they came.
fn in_order(mut received: Vec<ReceivedVector<'_>>) -> Vec<ReceivedVector<'_>> {
    let place = |vector: &ReceivedVector<'_>| vector.index.as_u64();
    let mut places: Vec<Option<u64>> = received.iter().map(place).collect();
    places.sort_unstable();
    if places.into_iter().eq((0..).map(Some).take(received.len())) {
        received.sort_by_key(place);
    }
    received
}
