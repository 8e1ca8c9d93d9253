//! OpenAI's chat completions, as a client: models of any server that speaks the protocol.

mod calls;
mod failure;
mod protocol;
mod provider;
mod request;
mod stream;
mod usage;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_openai::Client;
use async_openai::traits::RequestOptionsBuilder;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};

use crate::catalogue::{CataloguedModel, Protocol, Provider};
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::openai::failure::failure;
use crate::openai::protocol::{AnswerReader, ServerAnswer};
use crate::openai::provider::Address;
use crate::openai::request::SentRequest;
use crate::prompt::Prompt;
use crate::provider_keys::ProviderKeys;
use crate::reply::{Reply, ReplyStream};
use crate::settings::OpenAiSettings;
use crate::wire::{Authorization, EVENT_STREAM, Server};
use domain::cause::Cause;
use domain::setting::SettingError;

pub(crate) use provider::http_client;

/// One model of a server that speaks `OpenAI`'s protocol.
pub(super) struct OpenAi {
    client: Client<Address>,
    http: reqwest::Client,
    model_id: String,
    /// The members of a request that the catalogue lists for this model.
    extra_parameters: BTreeSet<String>,
}

impl OpenAi {
    /// The model that `settings` name, its API key read if it can be.
    ///
    /// # Errors
    /// [`SettingError`] for an address that is none, and where TLS cannot be set up.
    pub(super) async fn connect(settings: &OpenAiSettings) -> Result<Self, SettingError> {
        let http = http_client(Provider::CONNECT_TIMEOUT)
            .map_err(|cause| SettingError::new("MODEL", format!("cannot be reached: {cause}")))?;
        let authorization = Authorization::of_the_settings(settings.api_key.clone()).await?;
        let server = Server { headers: HeaderMap::new(), authorization };
        let client = provider::client(http.clone(), settings.base_url.as_deref(), server)
            .map_err(|cause| SettingError::new("OPENAI_BASE_URL", cause.to_string()))?;
        Ok(Self { client, http, model_id: settings.model_id.clone(), extra_parameters: BTreeSet::new() })
    }

    /// The `model` of a `provider` of the catalogue, whose key is one of `keys`.
    ///
    /// # Errors
    /// [`Cause`] for an address or a header that is none.
    pub(super) fn catalogued(
        http: reqwest::Client,
        provider: &Provider,
        model: &CataloguedModel,
        keys: &Arc<ProviderKeys>,
    ) -> Result<Self, Cause> {
        let authorization = match &provider.key {
            Some(name) => Authorization::Named { keys: Arc::clone(keys), name: name.clone() },
            None => Authorization::None,
        };
        let server = Server { headers: headers(&provider.headers)?, authorization };
        let client = provider::client(http.clone(), provider.base_url.as_deref(), server)?;
        let (model_id, extra_parameters) = (model.provider_model.clone(), model.extra_parameters.clone());
        Ok(Self { client, http, model_id, extra_parameters })
    }

    fn request<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> SentRequest<'a> {
        let server = self.client.config();
        let length = server.length(max_output_tokens);
        let request = SentRequest::new(&self.model_id, prompt, length, server.reads_reasoning());
        request.passing_on(&prompt.extra, &self.extra_parameters)
    }
}

fn headers(of_provider: &BTreeMap<String, String>) -> Result<HeaderMap, Cause> {
    let mut headers = HeaderMap::new();
    for (name, value) in of_provider {
        let name = HeaderName::try_from(name).map_err(Cause::new)?;
        headers.insert(name, HeaderValue::try_from(value).map_err(Cause::new)?);
    }
    Ok(headers)
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenAi").field("model_id", &self.model_id).finish_non_exhaustive()
    }
}

impl ChatModel for OpenAi {
    /// The protocol has them all; a model that lacks one refuses it itself or lets it pass.
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        Protocol::OpenAi.unsupported(prompt)
    }

    fn open_connection(&self) -> BoxFuture<'_, ()> {
        provider::open_connection(&self.http, self.client.config()).boxed()
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let request = self.request(prompt, max_output_tokens);
            let answer: Result<ServerAnswer, _> = self.client.chat().create_byot(request).await;
            whole::reply(answer.map_err(failure)?, AnswerReader::of(prompt))
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
            Ok(stream::pieces(chunks.map_err(failure)?, AnswerReader::of(prompt)))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
