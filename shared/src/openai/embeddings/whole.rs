//! Answers, which come in one piece.

use domain::cause::Cause;
use domain::credits::Credits;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::till::PaidReply;

/// An answer: OpenAI's `list` of embeddings.
#[derive(Serialize)]
pub struct WholeEmbeddings<'a> {
    object: &'static str,
    data: Vec<VectorItem<'a>>,
    model: &'a str,
    usage: InputCounts,
}

/// A vector, at the place of its input.
#[derive(Serialize)]
struct VectorItem<'a> {
    object: &'static str,
    index: usize,
    embedding: &'a RawValue,
}

/// OpenAI's `usage` of embeddings, and the cost in credits beside it.
#[derive(Clone, Copy, Debug, Serialize)]
struct InputCounts {
    prompt_tokens: u64,
    total_tokens: u64,
    cost: Credits,
}

impl<'a> WholeEmbeddings<'a> {
    /// The answer that `paid` is.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if it has no vectors.
    pub fn of(paid: &'a PaidReply) -> Result<Self, ApiError> {
        let PaidReply { reply, charge, .. } = paid;
        let none = || ApiError::Internal(Cause::because("the reply has no vectors"));
        let vectors: Vec<&RawValue> = match &reply.embeddings {
            Some(array) => serde_json::from_str(array).map_err(|_| none())?,
            None => return Err(none()),
        };
        let embedding = |(index, embedding)| VectorItem { object: "embedding", index, embedding };
        let tokens = reply.usage.input_tokens;
        Ok(Self {
            object: "list",
            data: vectors.into_iter().enumerate().map(embedding).collect(),
            model: &reply.model,
            usage: InputCounts { prompt_tokens: tokens, total_tokens: tokens, cost: charge.cost },
        })
    }
}

impl std::fmt::Debug for WholeEmbeddings<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "WholeEmbeddings({} vectors, {:?})", self.data.len(), self.usage)
    }
}
