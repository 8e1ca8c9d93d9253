//! The model of a provider that cannot be asked.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::prompt::Prompt;
use crate::reply::{Reply, ReplyStream};
use domain::cause::Cause;

/// A model that turns every request away, since the operator alone can mend its provider.
#[derive(Debug)]
pub(crate) struct Misconfigured {
    cause: String,
}

impl Misconfigured {
    pub(crate) fn because(cause: &Cause) -> Self {
        Self { cause: cause.as_str().to_owned() }
    }

    fn error(&self) -> ModelError {
        ModelError::Misconfigured(Cause::because(&self.cause))
    }
}

impl ChatModel for Misconfigured {
    fn unsupported(&self, _prompt: &Prompt) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async { Err(self.error()) }.boxed()
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async { Err(self.error()) }.boxed()
    }
}
