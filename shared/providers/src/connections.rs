//! Connections to the providers of the catalogue.
//!
//! A connection is kept as long as the catalogue has its provider: a new version of the catalogue opens none to a server
//! that was there before.

#[cfg(any(feature = "bedrock", feature = "openai"))]
use std::collections::BTreeMap;
#[cfg(feature = "openai")]
use std::sync::Arc;
#[cfg(any(feature = "bedrock", feature = "openai"))]
use std::sync::{Mutex, PoisonError};
#[cfg(any(feature = "bedrock", feature = "openai"))]
use std::time::Duration;

#[cfg(feature = "openai")]
use crate::anthropic::Anthropic;
#[cfg(feature = "bedrock")]
use crate::bedrock::{self, Bedrock};
#[cfg(any(feature = "bedrock", feature = "openai"))]
use crate::catalogue::MAX_PROVIDERS;
use crate::catalogue::{CataloguedModel, Protocol, Provider, StreamPolicy};
use crate::dummy::Dummy;
use crate::misconfigured::Misconfigured;
use crate::model::Model;
use crate::offers::Connect;
#[cfg(feature = "openai")]
use crate::openai::{Embedder, OpenAi};
#[cfg(feature = "openai")]
use crate::provider_keys::ProviderKeys;
#[cfg(feature = "openai")]
use crate::responses::ResponsesModel;
use crate::settings::ModelSettings;
#[cfg(feature = "openai")]
use crate::wire::HttpClient;
use cloud::SecretSource;
use domain::cause::Cause;
use domain::setting::SettingError;

/// Connections to providers, and to the model of the settings.
#[derive(Debug)]
pub struct Connections {
    of_the_settings: Model,
    #[cfg(feature = "openai")]
    keys: Arc<ProviderKeys>,
    #[cfg(feature = "openai")]
    servers: KeptClients<Duration, HttpClient>,
    #[cfg(feature = "bedrock")]
    regions: KeptClients<(Option<String>, Duration), bedrock::RegionClient>,
}

impl Connections {
    /// Connects to the model that `settings` name, which is asked for streams if `streams`, and reads the secret of
    /// `keys` if it can be read at once. Both are done at the same time.
    ///
    /// # Errors
    /// [`SettingError`] for a model that is not built in (features `openai` and `bedrock`), or that cannot be reached
    /// with these settings.
    pub async fn start(
        settings: &ModelSettings,
        streams: bool,
        keys: Option<SecretSource>,
    ) -> Result<Self, SettingError> {
        // Boxed: the futures of the SDK are larger than a function's stack should hold.
        let model = Box::pin(Model::connect(settings));
        #[cfg(feature = "openai")]
        let (model, keys) = tokio::try_join!(model, Box::pin(ProviderKeys::connect(keys)))?;
        #[cfg(not(feature = "openai"))]
        let (model, _) = (model.await?, keys);
        Ok(Self {
            of_the_settings: model.streaming(if streams { StreamPolicy::Always } else { StreamPolicy::Never }),
            #[cfg(feature = "openai")]
            keys: Arc::new(keys),
            #[cfg(feature = "openai")]
            servers: KeptClients::default(),
            #[cfg(feature = "bedrock")]
            regions: KeptClients::default(),
        })
    }

    #[cfg(feature = "openai")]
    fn openai(&self, provider: &Provider, model: &CataloguedModel) -> Result<Model, Cause> {
        let timeout = provider.connect_timeout;
        let http = self.servers.get(timeout, || HttpClient::new(timeout))?;
        Ok(Model::new(OpenAi::catalogued(&http, provider, model, &self.keys)?))
    }

    #[cfg(feature = "openai")]
    fn embedder(&self, provider: &Provider, model: &CataloguedModel) -> Result<Model, Cause> {
        let timeout = provider.connect_timeout;
        let http = self.servers.get(timeout, || HttpClient::new(timeout))?;
        Ok(Model::new(Embedder::catalogued(&http, provider, model, &self.keys)?))
    }

    #[cfg(not(feature = "openai"))]
    #[expect(clippy::unused_self, reason = "the feature makes a client")]
    fn embedder(&self, _provider: &Provider, _model: &CataloguedModel) -> Result<Model, Cause> {
        Err(not_built_in())
    }

    #[cfg(feature = "openai")]
    fn anthropic(&self, provider: &Provider, model: &CataloguedModel) -> Result<Model, Cause> {
        let timeout = provider.connect_timeout;
        let http = self.servers.get(timeout, || HttpClient::new(timeout))?;
        Ok(Model::new(Anthropic::catalogued(&http, provider, model, &self.keys)?))
    }

    #[cfg(not(feature = "openai"))]
    #[expect(clippy::unused_self, reason = "the feature makes a client")]
    fn anthropic(&self, _provider: &Provider, _model: &CataloguedModel) -> Result<Model, Cause> {
        Err(not_built_in())
    }

    #[cfg(feature = "openai")]
    fn responses(&self, provider: &Provider, model: &CataloguedModel) -> Result<Model, Cause> {
        let timeout = provider.connect_timeout;
        let http = self.servers.get(timeout, || HttpClient::new(timeout))?;
        Ok(Model::new(ResponsesModel::catalogued(&http, provider, model, &self.keys)?))
    }

    #[cfg(not(feature = "openai"))]
    #[expect(clippy::unused_self, reason = "the feature makes a client")]
    fn responses(&self, _provider: &Provider, _model: &CataloguedModel) -> Result<Model, Cause> {
        Err(not_built_in())
    }

    #[cfg(not(feature = "openai"))]
    #[expect(clippy::unused_self, reason = "the feature makes a client")]
    fn openai(&self, _provider: &Provider, _model: &CataloguedModel) -> Result<Model, Cause> {
        Err(not_built_in())
    }

    #[cfg(feature = "bedrock")]
    fn bedrock(&self, provider: &Provider, model: &CataloguedModel) -> Result<Model, Cause> {
        let client = || bedrock::client(provider.region.as_deref(), provider.connect_timeout).map_err(Cause::new);
        let client = self.regions.get((provider.region.clone(), provider.connect_timeout), client)?;
        Ok(Model::new(Bedrock::catalogued(client, model)))
    }

    #[cfg(not(feature = "bedrock"))]
    #[expect(clippy::unused_self, reason = "the feature makes a client")]
    fn bedrock(&self, _provider: &Provider, _model: &CataloguedModel) -> Result<Model, Cause> {
        Err(not_built_in())
    }
}

#[cfg(not(all(feature = "bedrock", feature = "openai")))]
fn not_built_in() -> Cause {
    Cause::because("the protocol of the provider is not built into this function: build it with that feature")
}

impl Connect for Connections {
    /// The model of the settings as it was connected at the start, and any other by a client that providers share.
    fn connect(&self, provider: &Provider, model: &CataloguedModel) -> Model {
        if model.is_of_the_settings() {
            return self.of_the_settings.clone();
        }
        let connected = match provider.protocol {
            // OpenAI has vectors beside its Responses.
            Protocol::OpenAi | Protocol::OpenAiResponses if model.makes_embeddings() => self.embedder(provider, model),
            Protocol::OpenAi => self.openai(provider, model),
            Protocol::OpenAiResponses => self.responses(provider, model),
            Protocol::Anthropic => self.anthropic(provider, model),
            Protocol::Bedrock => self.bedrock(provider, model),
            Protocol::Dummy => Ok(Model::new(Dummy::default())),
        };
        let connected = connected.unwrap_or_else(|cause| {
            tracing::error!(%cause, model = model.id, provider = model.provider, "a model cannot be asked");
            Model::new(Misconfigured::because(&cause))
        });
        connected.streaming(model.streams).ending_within(provider.timeout)
    }
}

/// Clients that are made once. There are as many as a catalogue can have providers, or fewer.
#[cfg(any(feature = "bedrock", feature = "openai"))]
#[derive(Debug)]
struct KeptClients<K, C>(Mutex<BTreeMap<K, C>>);

#[cfg(any(feature = "bedrock", feature = "openai"))]
impl<K, C> Default for KeptClients<K, C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(any(feature = "bedrock", feature = "openai"))]
impl<K: Ord, C: Clone> KeptClients<K, C> {
    /// The client for `key`, made by `make` if there is none yet. Where there are too many, some of which no provider of
    /// today needs, all are made again when they are needed.
    fn get(&self, key: K, make: impl FnOnce() -> Result<C, Cause>) -> Result<C, Cause> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = kept.get(&key) {
            return Ok(client.clone());
        }
        let client = make()?;
        if kept.len() >= MAX_PROVIDERS {
            kept.clear();
        }
        kept.insert(key, client.clone());
        Ok(client)
    }
}

#[cfg(test)]
#[cfg(all(feature = "bedrock", feature = "openai"))]
mod tests;
