//! Texts of which a model makes vectors.

use std::fmt;

use serde::Serialize;

/// The inputs of a request for embeddings. They never print.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct EmbeddingInputs {
    /// The inputs, of which each becomes a vector.
    pub texts: Vec<Input>,
    /// The numbers of each vector. None means the model's own default.
    pub dimensions: Option<u32>,
    /// Whether the vectors are wanted in base64. They are not decoded here.
    pub base64: bool,
}

/// An input of a request for embeddings.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Input {
    /// A text.
    Text(String),
    /// A text as the tokens of the model.
    Tokens(Vec<u32>),
}

impl fmt::Debug for EmbeddingInputs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { texts, dimensions, base64 } = self;
        write!(formatter, "EmbeddingInputs({} inputs, {dimensions:?}, base64: {base64})", texts.len())
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::Tokens(tokens) => write!(formatter, "Tokens({})", tokens.len()),
        }
    }
}
