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

/// The bytes of a number such as `-0.0123456`, and of a comma. Servers write between eight and twelve.
const USUAL_BYTES_OF_A_NUMBER: usize = 11;

/// An input of a request for embeddings.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Input {
    /// A text.
    Text(String),
    /// A text as the tokens of the model.
    Tokens(Vec<u32>),
}

impl EmbeddingInputs {
    /// The bytes that their vectors have, as an answer writes them, if the caller says how many numbers they have. A provider
    /// works, and bills, before anybody sees that an answer is too long, so numbers count as many bytes as most of them have.
    #[must_use]
    pub fn expected_answer_bytes(&self) -> usize {
        let numbers = self.dimensions.map_or(1, |dimensions| usize::try_from(dimensions).unwrap_or(usize::MAX));
        let vector = if self.base64 {
            // With its quotation marks and a comma.
            numbers.saturating_mul(size_of::<f32>()).div_ceil(3).saturating_mul(4).saturating_add(3)
        } else {
            numbers.saturating_mul(USUAL_BYTES_OF_A_NUMBER).saturating_add(1)
        };
        vector.saturating_mul(self.texts.len())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_its_numbers_usually_are() {
        let bytes = |count: usize, dimensions: Option<u32>, base64: bool| {
            let texts = vec![Input::Text("a".to_owned()); count];
            EmbeddingInputs { texts, dimensions, base64 }.expected_answer_bytes()
        };
        assert_eq!(bytes(2, Some(1536), true), 2 * (8192 + 3));
        assert_eq!(bytes(2, Some(1536), false), 2 * (11 * 1536 + 1));
        assert_eq!((bytes(1, None, true), bytes(1, None, false)), (11, 12));
        assert!(bytes(2048, Some(u32::MAX), true) > 1 << 40);
    }
}
