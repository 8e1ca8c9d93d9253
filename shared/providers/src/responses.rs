//! OpenAI's Responses, as a client: models of OpenAI, and of any server that speaks the protocol. Nothing is stored there.
//! <https://developers.openai.com/api/reference/resources/responses>

mod asked_responder;
mod events;
mod input;
mod received_item;
mod request;
mod usage;
mod whole;

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::catalogue::{CataloguedModel, Protocol, Provider};
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::prompt::Prompt;
use crate::provider_keys::ProviderKeys;
use crate::reply::{Reply, ReplyStream};
use crate::responses::asked_responder::AskedResponder;
use crate::responses::events::ResponseReader;
use crate::responses::received_item::ReceivedItems;
use crate::responses::request::SentResponsesRequest;
use crate::responses::whole::ReceivedResponse;
use crate::wire::{HttpClient, HttpProvider, KeyHeader, reply_stream};
use domain::cause::Cause;

/// The address of OpenAI.
const BASE_URL: &str = "https://api.openai.com/v1";
const PATH: &str = "/responses";

/// One model of a server that speaks the protocol.
pub(super) struct ResponsesModel {
    server: HttpProvider,
    model: AskedResponder,
}

impl ResponsesModel {
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
        let server = HttpProvider::catalogued(http, provider, BASE_URL, KeyHeader::Bearer, keys)?;
        Ok(Self { server, model: AskedResponder::new(model) })
    }
}

impl fmt::Debug for ResponsesModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponsesModel").field("model", &self.model).finish_non_exhaustive()
    }
}

impl ChatModel for ResponsesModel {
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        Protocol::OpenAiResponses.unsupported(prompt)
    }

    fn least_output_tokens(&self) -> u32 {
        Protocol::OpenAiResponses.least_output_tokens()
    }

    fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        self.server.opening()
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let request = SentResponsesRequest::new(&self.model, prompt, max_output_tokens);
            let response: ReceivedResponse = self.server.whole(PATH, &request).await?;
            response.into_reply(ReceivedItems::of(&self.model.provider))
        }
        .boxed()
    }

    fn stream<'a>(
        &'a self,
        prompt: &'a Prompt,
        max_output_tokens: u32,
    ) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move {
            let request = SentResponsesRequest::new(&self.model, prompt, max_output_tokens).streamed();
            Ok(reply_stream(self.server.events(PATH, &request).await?, ResponseReader::of(&self.model.provider)))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
