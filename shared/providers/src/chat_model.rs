//! The trait that every provider's model implements.

use std::fmt;

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

    /// The opening of a connection to the provider, so that the next request finds one, or a look at the one that is open,
    /// if it has rested for so long that the provider may have closed it. Nothing is asked, and no key is sent. A failure is
    /// the request's to meet. `None` if there is nothing to do.
    fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// The fewest tokens that a reply may be limited to.
    fn least_output_tokens(&self) -> u32 {
        1
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
