//! The trait that every provider's model implements.

use std::fmt;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::error::ModelError;
use crate::prompt::Prompt;
use crate::reply::{Reply, ReplyStream};

/// A model that continues conversations.
pub trait ChatModel: fmt::Debug + Send + Sync {
    /// Whether the model reads the prompt. One that does not needs no earlier messages in it.
    fn reads_context(&self) -> bool {
        true
    }

    /// The first parameter of `prompt` that the model cannot honour, by its name in OpenAI's protocol.
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str>;

    /// Opens a connection to the provider, so that the first request finds one. Nothing is asked, and no key is sent. A
    /// failure is the first request's to meet.
    fn open_connection(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    /// The whole reply, of at most `max_output_tokens` tokens. Dropping the future cancels the request.
    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>>;

    /// The reply piece by piece, as the model writes it. Dropping the future or the stream cancels the request.
    fn stream<'a>(
        &'a self,
        prompt: &'a Prompt,
        max_output_tokens: u32,
    ) -> BoxFuture<'a, Result<ReplyStream, ModelError>>;
}
