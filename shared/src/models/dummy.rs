//! The model for tests and first steps.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use crate::error::Cause;
use crate::models::{ChatModel, End, FinishReason, ModelError, Piece, Prompt, Reply, ReplyStream, Sampling};

const PIECES: [&str; 2] = ["Dummy", " Response"];

/// Answers `Dummy Response` to everything, as the Django app did, and can be told to be slow and to
/// fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dummy {
    /// How long it thinks before each of its two words.
    pub delay: Duration,
    /// How it fails, if it is to.
    pub failure: Option<DummyFailure>,
}

/// How the dummy fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DummyFailure {
    /// It says that it cannot.
    Error,
    /// It panics.
    Panic,
    /// It breaks off after its first word.
    Cut,
}

impl ChatModel for Dummy {
    fn id(&self) -> &'static str {
        "dummy"
    }

    fn reads_context(&self) -> bool {
        false
    }

    /// It says the same whatever the parameters are.
    fn unsupported(&self, _sampling: &Sampling) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let mut text = String::new();
            let mut pieces = self.stream(prompt, max_output_tokens).await?;
            while let Some(piece) = pieces.next().await {
                match piece? {
                    Piece::Text(piece) => text.push_str(&piece),
                    Piece::End(end) => return Ok(Reply { text, end }),
                }
            }
            Err(ModelError::Failed(Cause::because("the dummy was told to break off")))
        }
        .boxed()
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move {
            match self.failure {
                None | Some(DummyFailure::Cut) => Ok(self.pieces()),
                Some(DummyFailure::Error) => Err(ModelError::Failed(Cause::because("the dummy was told to fail"))),
                Some(DummyFailure::Panic) => panic!("the dummy was told to panic"),
            }
        }
        .boxed()
    }
}

impl Dummy {
    fn pieces(self) -> ReplyStream {
        let words = if self.failure == Some(DummyFailure::Cut) { 1 } else { PIECES.len() };
        let texts = stream::iter(PIECES).take(words).then(move |text| async move {
            tokio::time::sleep(self.delay).await;
            Piece::Text(text.to_owned())
        });
        let end = (words == PIECES.len()).then_some(Piece::End(End { finish_reason: FinishReason::Stop, usage: None }));
        texts.chain(stream::iter(end)).map(Ok).boxed()
    }
}
