//! OpenAI's chat completions, as a client: models of any server that speaks the protocol.

mod answer_body;
mod failure;
mod finish_reason;
mod lenient;
mod protocol;
mod provider;
mod rejection;
mod server_key;
mod stream;
mod usage;
mod whole;

use std::fmt;

use async_openai::Client;
use async_openai::traits::RequestOptionsBuilder;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};

use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::openai::failure::failure;
use crate::openai::protocol::{SentRequest, ServerAnswer};
use crate::openai::provider::{Address, EVENT_STREAM};
use crate::prompt::{Prompt, Sampling};
use crate::reply::{Reply, ReplyStream};
use crate::settings::OpenAiSettings;
use domain::setting::SettingError;

/// One model of a server that speaks `OpenAI`'s protocol.
pub(super) struct OpenAi {
    client: Client<Address>,
    model_id: String,
}

impl OpenAi {
    /// The model that `settings` name, its API key read if it can be.
    ///
    /// # Errors
    /// [`SettingError`] for an address that is none, and where TLS cannot be set up.
    pub(super) async fn connect(settings: &OpenAiSettings) -> Result<Self, SettingError> {
        Ok(Self { client: provider::connect(settings).await?, model_id: settings.model_id.clone() })
    }

    fn request<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> SentRequest<'a> {
        SentRequest::new(&self.model_id, prompt, self.client.config().length(max_output_tokens))
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenAi").field("model_id", &self.model_id).finish_non_exhaustive()
    }
}

impl ChatModel for OpenAi {
    /// The protocol has them all; a model that lacks one refuses it itself or lets it pass.
    fn unsupported(&self, _sampling: &Sampling) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let request = self.request(prompt, max_output_tokens);
            let answer: Result<ServerAnswer, _> = self.client.chat().create_byot(request).await;
            whole::reply(answer.map_err(failure)?)
        }
        .boxed()
    }

    fn stream<'a>(
        &'a self,
        prompt: &'a Prompt,
        max_output_tokens: u32,
    ) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move {
            let request = self.request(prompt, max_output_tokens).streamed();
            let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(EVENT_STREAM))]);
            let chunks = self.client.chat().headers(accept).create_stream_byot::<_, ServerAnswer>(request).await;
            Ok(stream::pieces(chunks.map_err(failure)?))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
