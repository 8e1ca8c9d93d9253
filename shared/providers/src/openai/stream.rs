//! A reply that is read chunk by chunk.

use std::collections::VecDeque;

use async_openai::error::OpenAIError;
use async_openai::types::stream::StreamResponse;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::error::ModelError;
use crate::openai::calls::CallReader;
use crate::openai::failure::failure;
use crate::openai::protocol::ServerAnswer;
use crate::openai::usage::latest;
use crate::reply::{COUNT_TIMEOUT, End, Piece, ReplyStream};
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

struct ChunkReader {
    chunks: StreamResponse<ServerAnswer>,
    /// Pieces of a chunk that was read.
    ready: VecDeque<Piece>,
    calls: CallReader,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    is_over: bool,
}

/// The pieces of the reply in `chunks`. Dropping them cancels the request.
pub(super) fn pieces(chunks: StreamResponse<ServerAnswer>) -> ReplyStream {
    let reader = ChunkReader {
        chunks,
        ready: VecDeque::new(),
        calls: CallReader::default(),
        finish_reason: None,
        usage: None,
        is_over: false,
    };
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
            match chunk.map_err(failure).and_then(|chunk| chunk.into_news(&mut self.calls)) {
                Ok(news) => {
                    self.ready.extend(news.pieces);
                    self.finish_reason = news.finish_reason.or(self.finish_reason);
                    // It may come after the finish reason, in a chunk without choices.
                    self.usage = latest(self.usage, news.usage);
                }
                // After the finish reason, only the count can be missing.
                Err(error) if self.finish_reason.is_some() => return self.end(error),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next chunk. After the finish reason it is not waited for long: only the count can be missing.
    async fn next_chunk(&mut self) -> Option<Result<ServerAnswer, OpenAIError>> {
        if self.finish_reason.is_none() {
            return self.chunks.next().await;
        }
        timeout(COUNT_TIMEOUT, self.chunks.next()).await.unwrap_or(None)
    }

    /// The end of the reply, or `error` if it has none.
    fn end(&self, error: ModelError) -> Result<Piece, ModelError> {
        End::of(self.finish_reason, self.usage).map(Piece::End).ok_or(error)
    }
}
