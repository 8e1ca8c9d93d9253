//! A reply that is read chunk by chunk.

use async_openai::types::stream::StreamResponse;
use futures_util::{StreamExt, stream};

use crate::error::ModelError;
use crate::openai::failure::failure;
use crate::openai::protocol::Chunk;
use crate::reply::{End, Piece, ReplyStream};
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

struct ChunkReader {
    chunks: StreamResponse<Chunk>,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    is_over: bool,
}

/// The pieces of the reply in `chunks`. Dropping them cancels the request.
pub(super) fn pieces(chunks: StreamResponse<Chunk>) -> ReplyStream {
    let reader = ChunkReader { chunks, finish_reason: None, usage: None, is_over: false };
    stream::unfold(reader, |mut reader| async move {
        if reader.is_over {
            return None;
        }
        let piece = reader.next().await;
        reader.is_over = !matches!(piece, Ok(Piece::Text(_)));
        Some((piece, reader))
    })
    .boxed()
}

impl ChunkReader {
    async fn next(&mut self) -> Result<Piece, ModelError> {
        while let Some(chunk) = self.chunks.next().await {
            let news = chunk.map_err(failure)?.into_news()?;
            self.finish_reason = news.finish_reason.or(self.finish_reason);
            // It may come after the finish reason, in a chunk without choices.
            self.usage = news.usage.or(self.usage);
            if let Some(text) = news.text {
                return Ok(Piece::Text(text));
            }
        }
        match self.finish_reason {
            Some(finish_reason) => Ok(Piece::End(End { finish_reason, usage: self.usage })),
            None => Err(ModelError::Failed(Cause::because("the stream ended before the reply did"))),
        }
    }
}
