//! Anthropic's Messages, as a client: models of Anthropic, and of any server that speaks the protocol.
//! <https://platform.claude.com/docs/en/api/messages>

mod asked_claude;
mod events;
mod messages;
mod received_block;
mod request;
mod sent_block;
mod thinking;
mod tools;
mod usage;
mod whole;

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderValue;

use crate::anthropic::asked_claude::AskedClaude;
use crate::anthropic::events::ClaudeReader;
use crate::anthropic::received_block::ReceivedBlocks;
use crate::anthropic::request::ClaudeRequest;
use crate::anthropic::whole::ClaudeAnswer;
use crate::catalogue::{CataloguedModel, Protocol, Provider};
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::prompt::Prompt;
use crate::provider_keys::ProviderKeys;
use crate::reply::{Reply, ReplyStream};
use crate::wire::{HttpClient, HttpProvider, KeyHeader, reply_stream};
use domain::cause::Cause;

/// The address of Anthropic.
const BASE_URL: &str = "https://api.anthropic.com/v1";
const PATH: &str = "/messages";
/// The version of the protocol that is spoken here. A provider of the catalogue may have another among its headers.
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// One model of a server that speaks Anthropic's protocol.
pub(super) struct Anthropic {
    server: HttpProvider,
    model: AskedClaude,
}

impl Anthropic {
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
        let (name, version) = VERSION;
        let server = HttpProvider::catalogued(http, provider, BASE_URL, KeyHeader::ApiKey, keys)?;
        let server = server.with_default_header(name, HeaderValue::from_static(version));
        Ok(Self { server, model: AskedClaude::new(model) })
    }
}

impl fmt::Debug for Anthropic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Anthropic").field("model", &self.model).finish_non_exhaustive()
    }
}

impl ChatModel for Anthropic {
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        Protocol::Anthropic.unsupported_by(&self.model.id, prompt)
    }

    fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        self.server.opening()
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let request = ClaudeRequest::new(&self.model, prompt, max_output_tokens)?;
            let message: ClaudeAnswer = self.server.whole(PATH, &request).await?;
            message.into_reply(ReceivedBlocks::of(&self.model.provider))
        }
        .boxed()
    }

    fn stream<'a>(
        &'a self,
        prompt: &'a Prompt,
        max_output_tokens: u32,
    ) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move {
            let request = ClaudeRequest::new(&self.model, prompt, max_output_tokens)?.streamed();
            Ok(reply_stream(self.server.events(PATH, &request).await?, ClaudeReader::of(&self.model.provider)))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
