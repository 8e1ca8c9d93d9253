//! A reply that is read chunk by chunk.

use std::collections::VecDeque;

use async_openai::error::OpenAIError;
use async_openai::types::stream::StreamResponse;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::error::ModelError;
use crate::openai::failure::failure;
use crate::openai::protocol::{AnswerReader, ServerAnswer};
use crate::openai::usage::latest;
use crate::reply::{COUNT_TIMEOUT, End, Piece, ReplyStream};
use domain::cause::Cause;
use domain::pricing::Usage;

struct ChunkReader {
    chunks: StreamResponse<ServerAnswer>,
    /// Pieces of a chunk that was read.
    ready: VecDeque<Piece>,
    answer: AnswerReader,
    usage: Option<Usage>,
    /// Whether a choice has begun, perhaps without words: then the model works, and its provider bills.
    has_begun: bool,
    is_over: bool,
}

/// The pieces of the reply in `chunks`, which `answer` reads. Dropping them cancels the request.
pub(super) fn pieces(chunks: StreamResponse<ServerAnswer>, answer: AnswerReader) -> ReplyStream {
    let reader = ChunkReader { chunks, ready: VecDeque::new(), answer, usage: None, has_begun: false, is_over: false };
    stream::unfold(reader, |mut reader| async move {
        if reader.is_over {
            return None;
        }
        let piece = reader.next().await;
        reader.is_over = matches!(piece, Ok(Piece::End(_)) | Err(_));
        Some((piece, reader))
    })
    .boxed()
}

impl ChunkReader {
    async fn next(&mut self) -> Result<Piece, ModelError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(piece);
            }
            let Some(chunk) = self.next_chunk().await else {
                return self.end(ModelError::Failed(Cause::because("the stream ended before the reply did")));
            };
            match chunk.map_err(failure).and_then(|chunk| chunk.into_news(&mut self.answer)) {
                Ok(news) => {
                    self.has_begun |= news.has_choice;
                    self.ready.extend(news.pieces);
                    // It may come after the finish reasons, in a chunk without choices.
                    self.usage = latest(self.usage, news.usage);
                }
                // After the finish reasons of all choices, only the count can be missing.
                Err(error) if self.answer.has_ended() => return self.end(error),
                // Whatever it says: a provider that turns a request away has not begun to answer it.
                Err(error) if self.has_begun => return Err(ModelError::Failed(error.into_cause())),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next chunk. After the finish reasons of all choices it is not waited for long: only the count can be missing. A
    /// server that writes fewer choices than were asked for has the time that it takes to say that it is done.
    async fn next_chunk(&mut self) -> Option<Result<ServerAnswer, OpenAIError>> {
        if !self.answer.has_ended() {
            return self.chunks.next().await;
        }
        timeout(COUNT_TIMEOUT, self.chunks.next()).await.unwrap_or(None)
    }

    /// The end of the reply, or `error` if it has none.
    fn end(&self, error: ModelError) -> Result<Piece, ModelError> {
        End::of(self.answer.finish_reason(), self.usage).map(Piece::End).ok_or(error)
    }
}
