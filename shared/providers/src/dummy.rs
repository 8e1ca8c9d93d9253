//! The model for tests and first steps.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use crate::catalogue::Protocol;
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::prompt::{EmbeddingInputs, Input, Prompt, estimated_tokens};
use crate::reply::{End, Piece, Reply, ReplyStream, SaidChoice, SaidChoices};
use crate::vectors::Vectors;
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

const PIECES: [&str; 2] = ["Dummy", " Response"];
/// The numbers of a vector, unless the caller wants another number of them.
const DIMENSIONS: u32 = 8;

/// A model that answers `Dummy Response` to every prompt, as the Django app did, and makes the same vector of the same text.
/// It can be made slow, and made to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dummy {
    /// Wait before each of the two words.
    pub delay: Duration,
    /// The failure that every request ends in, if any.
    pub failure: Option<DummyFailure>,
}

/// A failure of the dummy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DummyFailure {
    /// The request is answered with an error.
    Error,
    /// The model panics.
    Panic,
    /// The reply breaks off after its first word.
    Cut,
}

impl ChatModel for Dummy {
    fn reads_context(&self) -> bool {
        false
    }

    /// The dummy accepts all parameters of sampling and ignores them.
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        Protocol::Dummy.unsupported(prompt)
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            if let Some(inputs) = &prompt.inputs {
                return self.embed(inputs).await;
            }
            let mut choices = SaidChoices::default();
            let mut pieces = self.stream(prompt, max_output_tokens).await?;
            while let Some(piece) = pieces.next().await {
                match piece? {
                    Piece::End(end) => return Ok(Reply { choices: choices.into_vec(), end }),
                    Piece::Part { choice, part } => choices.add(choice, &part),
                    Piece::Finished { .. } | Piece::Hidden { .. } | Piece::Counted(_) => {}
                }
            }
            Err(ModelError::Failed(Cause::because("the dummy was told to break off")))
        }
        .boxed()
    }

    fn stream<'a>(&'a self, prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move {
            self.fail()?;
            Ok(self.pieces(usage(prompt)))
        }
        .boxed()
    }
}

impl Dummy {
    fn fail(self) -> Result<(), ModelError> {
        match self.failure {
            None | Some(DummyFailure::Cut) => Ok(()),
            Some(DummyFailure::Error) => Err(ModelError::Failed(Cause::because("the dummy was told to fail"))),
            Some(DummyFailure::Panic) => panic!("the dummy was told to panic"),
        }
    }

    /// A vector of each input. It breaks off by sending none.
    async fn embed(self, inputs: &EmbeddingInputs) -> Result<Reply, ModelError> {
        self.fail()?;
        tokio::time::sleep(self.delay).await;
        if self.failure == Some(DummyFailure::Cut) {
            return Err(ModelError::Failed(Cause::because("the dummy was told to break off")));
        }
        let mut vectors = Vectors::wanted_by(inputs);
        for input in &inputs.texts {
            vectors.add(&vector(input, inputs.dimensions.unwrap_or(DIMENSIONS)))?;
        }
        let input_tokens = inputs.texts.iter().map(tokens).sum::<u64>().max(1);
        let choice = SaidChoice { embeddings: Some(vectors.into_array()), ..SaidChoice::default() };
        Ok(Reply::of(choice, End::new(FinishReason::Stop, Some(Usage::estimated(input_tokens, 0)))))
    }

    fn pieces(self, usage: Usage) -> ReplyStream {
        let words = if self.failure == Some(DummyFailure::Cut) { 1 } else { PIECES.len() };
        let texts = stream::iter(PIECES).take(words).then(move |text| async move {
            tokio::time::sleep(self.delay).await;
            Piece::text(text)
        });
        let end = Piece::End(End { finish_reason: FinishReason::Stop, usage: Some(usage) });
        texts.chain(stream::iter((words == PIECES.len()).then_some(end))).map(Ok).boxed()
    }
}

/// The dummy has no tokenizer and no chat template, so it counts a token for every four bytes.
fn usage(prompt: &Prompt) -> Usage {
    let input_tokens = prompt.turns.iter().map(|turn| estimated_tokens(&turn.text)).sum::<u64>().max(1);
    Usage::estimated(input_tokens, estimated_tokens(&PIECES.concat()))
}

fn tokens(input: &Input) -> u64 {
    match input {
        Input::Text(text) => estimated_tokens(text),
        Input::Tokens(tokens) => tokens.len() as u64,
    }
}

/// As many numbers from -1 to 1, which a hash of `input` makes (FNV-1a, then xorshift).
fn vector(input: &Input, dimensions: u32) -> Vec<f32> {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x100_0000_01b3;
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    let mut state = match input {
        Input::Text(text) => text.bytes().fold(BASIS, hash),
        Input::Tokens(tokens) => tokens.iter().flat_map(|token| token.to_le_bytes()).fold(BASIS, hash),
    } | 1;
    let number = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [low, high, ..] = state.to_le_bytes();
        f32::from(i16::from_le_bytes([low, high])) / 32_768.0
    };
    (0..dimensions).map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(texts: &[&str], dimensions: Option<u32>) -> Prompt {
        let texts = texts.iter().map(|text| Input::Text((*text).to_owned())).collect();
        Prompt { inputs: Some(EmbeddingInputs { texts, dimensions, base64: false }), ..Prompt::default() }
    }

    async fn vectors(prompt: &Prompt) -> Vec<Vec<f32>> {
        let reply = Dummy::default().reply(prompt, 0).await.unwrap();
        serde_json::from_str(reply.choices[0].embeddings.as_ref().unwrap().as_str()).unwrap()
    }

    #[tokio::test]
    async fn the_same_text_has_the_same_vector_and_another_text_another() {
        let made = vectors(&request(&["a", "b", "a"], None)).await;
        assert_eq!((made.len(), made[0].len()), (3, 8));
        assert!(made[0] == made[2] && made[0] != made[1]);
        let longer = vectors(&request(&["a"], Some(300))).await;
        assert_eq!((longer[0].len(), &longer[0][..8]), (300, &made[0][..]));
        assert!(longer[0].iter().all(|number| (-1.0..=1.0).contains(number)));
    }

    #[tokio::test]
    async fn tokens_are_an_input_too_and_count_as_many() {
        let texts = vec![Input::Tokens(vec![1, 2, 3]), Input::Text("Hello".to_owned())];
        let inputs = EmbeddingInputs { texts, dimensions: None, base64: true };
        let reply = Dummy::default().reply(&Prompt { inputs: Some(inputs), ..Prompt::default() }, 0).await.unwrap();
        assert_eq!(reply.end.usage, Some(Usage::estimated(5, 0)));
        let vectors: Vec<String> =
            serde_json::from_str(reply.choices[0].embeddings.as_ref().unwrap().as_str()).unwrap();
        assert!(vectors.len() == 2 && vectors[0] != vectors[1]);
    }
}
