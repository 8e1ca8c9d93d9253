//! The model for tests and first steps.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use crate::catalogue::Protocol;
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::prompt::{Prompt, estimated_tokens};
use crate::reply::{End, Piece, Reply, ReplyStream, SaidChoices};
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

const PIECES: [&str; 2] = ["Dummy", " Response"];

/// A model that answers `Dummy Response` to every prompt, as the Django app did. It can be made slow, and made to fail.
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
            match self.failure {
                None | Some(DummyFailure::Cut) => Ok(self.pieces(usage(prompt))),
                Some(DummyFailure::Error) => Err(ModelError::Failed(Cause::because("the dummy was told to fail"))),
                Some(DummyFailure::Panic) => panic!("the dummy was told to panic"),
            }
        }
        .boxed()
    }
}

impl Dummy {
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
