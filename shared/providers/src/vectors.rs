//! Vectors on their way to a caller, who wants their numbers as JSON or as base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::error::ModelError;
use crate::prompt::EmbeddingInputs;
use crate::raw_array::RawArray;
use crate::reply::MAX_EMBEDDINGS_BYTES;
use domain::cause::Cause;

/// The bytes of a number in base64: little-endian, as OpenAI has it.
const NUMBER_BYTES: usize = size_of::<f32>();

/// The vectors of an answer, of which more and more are there. They are kept as the text that the caller gets, so that an
/// answer takes no more memory than its text.
#[derive(Debug)]
pub(crate) struct Vectors {
    /// A JSON array without its end.
    text: String,
    is_base64: bool,
}

impl Vectors {
    /// None yet, in the form that `inputs` want.
    pub(crate) fn wanted_by(inputs: &EmbeddingInputs) -> Self {
        Self { text: String::from("["), is_base64: inputs.base64 }
    }

    /// Adds the vector of these numbers.
    ///
    /// # Errors
    /// [`ModelError::Failed`] if there are no numbers, if one of them is none, or if the vectors are too long.
    pub(crate) fn add(&mut self, numbers: &[f32]) -> Result<(), ModelError> {
        if numbers.is_empty() || !numbers.iter().all(|number| number.is_finite()) {
            return Err(no_vector());
        }
        if self.is_base64 {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            self.push(&format!("\"{}\"", STANDARD.encode(bytes)))
        } else {
            self.push(&serde_json::to_string(numbers).map_err(|_| no_vector())?)
        }
    }

    /// Adds the vector that a server sent: an array of numbers, or a text in base64. One that has the wanted form is handed on
    /// unread. A server may send the other, because it knows only one.
    ///
    /// # Errors
    /// [`ModelError::Failed`] if it is no vector, or if the vectors are too long.
    pub(crate) fn add_sent(&mut self, vector: &RawValue) -> Result<(), ModelError> {
        let json = vector.get();
        match (json.as_bytes().first(), self.is_base64) {
            (Some(b'['), false) if json.len() > "[]".len() => self.push(json),
            (Some(b'"'), true) if json.len() > "\"\"".len() => self.push(json),
            (Some(b'['), true) => self.add(&serde_json::from_str::<Vec<f32>>(json).map_err(|_| no_vector())?),
            (Some(b'"'), false) => self.add(&decoded(json).ok_or_else(no_vector)?),
            _ => Err(no_vector()),
        }
    }

    /// All of them.
    pub(crate) fn into_array(mut self) -> RawArray {
        self.text.push(']');
        RawArray::of_written(self.text)
    }

    fn push(&mut self, vector: &str) -> Result<(), ModelError> {
        if self.text.len() > "[".len() {
            self.text.push(',');
        }
        if self.text.len() + vector.len() > MAX_EMBEDDINGS_BYTES {
            return Err(ModelError::Failed(Cause::because("the vectors are too long")));
        }
        self.text.push_str(vector);
        Ok(())
    }
}

/// The numbers in the JSON string `json`, which is base64.
fn decoded(json: &str) -> Option<Vec<f32>> {
    let text: String = serde_json::from_str(json).ok()?;
    let bytes = STANDARD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks::<NUMBER_BYTES>();
    rest.is_empty().then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn no_vector() -> ModelError {
    ModelError::Failed(Cause::because("the answer has something else than vectors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(base64: bool) -> Vectors {
        Vectors::wanted_by(&EmbeddingInputs { texts: Vec::new(), dimensions: None, base64 })
    }

    fn sent(base64: bool, vector: &str) -> Result<String, ModelError> {
        let mut vectors = wanted(base64);
        vectors.add_sent(serde_json::from_str(vector).unwrap())?;
        Ok(vectors.into_array().into_text())
    }

    #[test]
    fn a_vector_in_the_wanted_form_is_handed_on_unread_and_one_in_the_other_form_is_written_anew() {
        // 1, -0.5 and 0.1 as OpenAI writes them: 32 bits each, little-endian.
        let (numbers, base64) = ("[1.0,-0.5,0.1]", "\"AACAPwAAAL/NzMw9\"");
        assert_eq!(sent(false, numbers).unwrap(), format!("[{numbers}]"));
        assert_eq!(sent(true, base64).unwrap(), format!("[{base64}]"));
        assert_eq!(sent(false, base64).unwrap(), format!("[{numbers}]"));
        assert_eq!(sent(true, numbers).unwrap(), format!("[{base64}]"));
        assert_eq!(sent(false, "[0.012345678895711899, 1e-7]").unwrap(), "[[0.012345678895711899, 1e-7]]");
    }

    #[test]
    fn what_is_no_vector_is_a_failure() {
        for vector in ["null", "7", "{}", "[]", "\"\""] {
            assert!(sent(false, vector).is_err() && sent(true, vector).is_err(), "{vector}");
        }
        for numbers in ["[null]", "[\"1\"]", "[[1]]", "[1e39]"] {
            assert!(sent(true, numbers).is_err(), "{numbers}");
        }
        for base64 in ["\"AACAPw\"", "\"AACA\"", "\"no\"", "\"AADAfw==\""] {
            assert!(
                sent(false, base64).is_err(),
                "{base64}: shorter than it says, no whole number, no base64, not a number"
            );
        }
    }

    #[test]
    fn vectors_have_the_room_of_an_answer_and_no_more() {
        let mut vectors = wanted(true);
        let half: Box<RawValue> = serde_json::value::to_raw_value(&"A".repeat(MAX_EMBEDDINGS_BYTES / 2 - 4)).unwrap();
        vectors.add_sent(&half).unwrap();
        vectors.add_sent(&half).unwrap();
        assert!(vectors.add_sent(serde_json::from_str("\"AACAPw==\"").unwrap()).is_err());
    }

    #[test]
    fn several_vectors_are_one_array() {
        let mut vectors = wanted(false);
        vectors.add(&[1.0]).unwrap();
        vectors.add(&[0.5, 2.0]).unwrap();
        assert_eq!(vectors.into_array().into_text(), "[[1.0],[0.5,2.0]]");
    }
}
