//! Models that are priced and never asked.

use domain::cause::Cause;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::catalogue::{CataloguedModel, Protocol, Provider};
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::model::Model;
use crate::offers::Connect;
use crate::prompt::Prompt;
use crate::reply::{Reply, ReplyStream};

/// Connects to no provider, for functions that say what a request costs. They link no client, because nothing here uses
/// one.
#[derive(Debug)]
pub struct Unconnected;

impl Connect for Unconnected {
    fn connect(&self, provider: &Provider, model: &CataloguedModel) -> Model {
        Model::new(PricedModel { protocol: provider.protocol, provider_model: model.provider_model.clone() })
    }
}

/// A model that knows which parameters it could honour.
#[derive(Debug)]
struct PricedModel {
    protocol: Protocol,
    provider_model: String,
}

fn never_asked() -> ModelError {
    ModelError::Misconfigured(Cause::because("this function is connected to no provider"))
}

impl ChatModel for PricedModel {
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        self.protocol.unsupported_by(&self.provider_model, prompt)
    }

    fn least_output_tokens(&self) -> u32 {
        self.protocol.least_output_tokens()
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async { Err(never_asked()) }.boxed()
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async { Err(never_asked()) }.boxed()
    }
}
