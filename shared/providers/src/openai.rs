//! OpenAI's chat completions, as a client: models of any server that speaks the protocol.

mod calls;
mod embeddings;
mod failure;
mod protocol;
mod provider;
mod request;
mod stream;
mod usage;
mod whole;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_openai::Client;
use async_openai::traits::RequestOptionsBuilder;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};

use crate::catalogue::{Ability, CataloguedModel, Protocol, Provider};
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
use crate::wire::{Authorization, Connection, EVENT_STREAM, HttpClient, KeyHeader, Server};
use domain::cause::Cause;
use domain::setting::SettingError;

pub(super) use embeddings::Embedder;

/// One model of a server that speaks `OpenAI`'s protocol.
pub(super) struct OpenAi {
    client: Client<Address>,
    connection: Connection,
    model_id: String,
    /// The members of a request that the catalogue lists for this model.
    extra_parameters: BTreeSet<String>,
    /// Whether the catalogue says that the model can be told how much to reason.
    takes_reasoning: bool,
}

impl OpenAi {
    /// The model that `settings` name, its API key read if it can be.
    ///
    /// # Errors
    /// [`SettingError`] for an address that is none, and where TLS cannot be set up.
    pub(super) async fn connect(settings: &OpenAiSettings) -> Result<Self, SettingError> {
        let http = HttpClient::new(Provider::CONNECT_TIMEOUT)
            .map_err(|cause| SettingError::new("MODEL", format!("cannot be reached: {cause}")))?;
        let authorization = Authorization::of_the_settings(settings.api_key.clone()).await?;
        Self::new(&http, settings.base_url.as_deref(), authorization, &settings.model_id)
            .map_err(|cause| SettingError::new("OPENAI_BASE_URL", cause.to_string()))
    }

    /// The `model` of a `provider` of the catalogue, whose key is one of `keys`.
    ///
    /// # Errors
    /// [`Cause`] for an address or a header that is none.
    pub(super) fn catalogued(
        http: &HttpClient,
        provider: &Provider,
        model: &CataloguedModel,
        keys: &Arc<ProviderKeys>,
    ) -> Result<Self, Cause> {
        let address = Address::new(provider.base_url.as_deref());
        let server = Server::catalogued(http.connection_to(&address.parsed()?), provider, KeyHeader::Bearer, keys)?;
        let asked = Self::at(address, server, &model.provider_model);
        let takes_reasoning = model.takes.contains(&Ability::Reasoning);
        Ok(Self { extra_parameters: model.extra_parameters.clone(), takes_reasoning, ..asked })
    }

    /// The model `model_id` of the server at `base_url`, or of OpenAI's own.
    ///
    /// # Errors
    /// [`Cause`] for an address that is none.
    pub(super) fn new(
        http: &HttpClient,
        base_url: Option<&str>,
        authorization: Authorization,
        model_id: &str,
    ) -> Result<Self, Cause> {
        let address = Address::new(base_url);
        let connection = http.connection_to(&address.parsed()?);
        let (headers, key_header) = (HeaderMap::new(), KeyHeader::Bearer);
        Ok(Self::at(address, Server { connection, headers, key_header, authorization }, model_id))
    }

    fn at(address: Address, server: Server, model_id: &str) -> Self {
        let connection = server.connection.clone();
        let client = provider::client(address, server);
        let (model_id, extra_parameters) = (model_id.to_owned(), BTreeSet::new());
        Self { client, connection, model_id, extra_parameters, takes_reasoning: false }
    }

    fn request<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> SentRequest<'a> {
        let server = self.client.config();
        let length = server.length(max_output_tokens);
        let request = SentRequest::new(&self.model_id, prompt, length, server.reads_reasoning());
        let request = request.passing_on(prompt, &self.extra_parameters);
        if prompt.reasoning_is_a_hint && !self.takes_reasoning { request.without_effort() } else { request }
    }
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

    fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        self.connection.opening()
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
