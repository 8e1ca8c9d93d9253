//! OpenAI's embeddings, as a client: models that make vectors of texts, of any server that speaks the protocol.
//! <https://platform.openai.com/docs/api-reference/embeddings>

mod answer;
mod request;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use crate::catalogue::{CataloguedModel, Provider};
use crate::chat_model::ChatModel;
use crate::error::{ModelError, Refusal};
use crate::openai::embeddings::answer::reply;
use crate::openai::embeddings::request::SentEmbeddings;
use crate::prompt::{EmbeddingInputs, Prompt};
use crate::provider_keys::ProviderKeys;
use crate::reply::{Reply, ReplyStream};
use crate::wire::{HttpClient, HttpProvider, KeyHeader};
use domain::cause::Cause;

/// The address of OpenAI.
const BASE_URL: &str = "https://api.openai.com/v1";
const PATH: &str = "/embeddings";

/// One model of a server that speaks the protocol.
pub(crate) struct Embedder {
    server: HttpProvider,
    model_id: String,
    /// The members of a request that the catalogue lists for this model.
    extra_parameters: BTreeSet<String>,
}

impl Embedder {
    /// The `model` of a `provider` of the catalogue, whose key is one of `keys`.
    ///
    /// # Errors
    /// [`Cause`] for an address or a header that is none.
    pub(crate) fn catalogued(
        http: &HttpClient,
        provider: &Provider,
        model: &CataloguedModel,
        keys: &Arc<ProviderKeys>,
    ) -> Result<Self, Cause> {
        let server = HttpProvider::catalogued(http, provider, BASE_URL, KeyHeader::Bearer, keys)?;
        let (model_id, extra_parameters) = (model.provider_model.clone(), model.extra_parameters.clone());
        Ok(Self { server, model_id, extra_parameters })
    }

    async fn embed(&self, prompt: &Prompt, inputs: &EmbeddingInputs) -> Result<Reply, ModelError> {
        let request = SentEmbeddings::new(&self.model_id, prompt, inputs, &self.extra_parameters);
        self.server.whole_by(PATH, &request, |json| reply(json, inputs)).await
    }
}

impl fmt::Debug for Embedder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Embedder").field("model_id", &self.model_id).finish_non_exhaustive()
    }
}

impl ChatModel for Embedder {
    fn reads_context(&self) -> bool {
        false
    }

    /// It continues no conversation.
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        prompt.inputs.is_none().then_some("messages")
    }

    fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        self.server.opening()
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let refused = || ModelError::Refused {
                refusal: Refusal::Parameter("messages"),
                cause: Cause::because("the model makes vectors alone"),
            };
            self.embed(prompt, prompt.inputs.as_ref().ok_or_else(refused)?).await
        }
        .boxed()
    }

    /// The protocol has no stream of vectors.
    fn stream<'a>(&'a self, prompt: &'a Prompt, limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move { Ok(stream::iter(self.reply(prompt, limit).await?.into_pieces()).map(Ok).boxed()) }.boxed()
    }
}

#[cfg(test)]
mod tests;
