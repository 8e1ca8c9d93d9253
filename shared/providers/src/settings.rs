//! The settings of a model: plain values, which the crate above reads.

use std::collections::BTreeSet;

use cloud::SecretSource;
use domain::pricing::Prices;

use crate::catalogue::{Ability, CataloguedModel, Protocol, Provider};
use crate::dummy::Dummy;

/// The model that answers, and the settings of its provider.
#[derive(Clone, Debug)]
pub enum ModelSettings {
    /// The dummy.
    Dummy(Dummy),
    /// A server that speaks OpenAI's protocol.
    OpenAi(OpenAiSettings),
    /// Amazon Bedrock.
    Bedrock(BedrockSettings),
}

impl ModelSettings {
    /// The model's name, without a connection to its provider.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Dummy(_) => "dummy",
            Self::OpenAi(settings) => &settings.model_id,
            Self::Bedrock(settings) => &settings.model_id,
        }
    }

    /// The model as a catalogue would list it, and its provider. The key of the provider and the dummy's delay are not in
    /// them: `Connections` has them from these settings.
    #[must_use]
    pub fn catalogued(
        &self,
        prices: Prices,
        context_tokens: u32,
        max_output_tokens: u32,
    ) -> (Provider, CataloguedModel) {
        let provider = match self {
            Self::Dummy(_) => Provider::new(Protocol::Dummy),
            Self::OpenAi(settings) => {
                Provider { base_url: settings.base_url.clone(), ..Provider::new(Protocol::OpenAi) }
            }
            Self::Bedrock(_) => Provider::new(Protocol::Bedrock),
        };
        let model = CataloguedModel::of_the_settings(self.id(), prices, context_tokens, max_output_tokens);
        (provider, CataloguedModel { takes: self.takes(), ..model })
    }

    /// The abilities of the model, of which no setting tells. Its provider judges itself what the model can do.
    fn takes(&self) -> BTreeSet<Ability> {
        match self {
            Self::OpenAi(_) | Self::Bedrock(_) => {
                BTreeSet::from([Ability::Tools, Ability::JsonSchema, Ability::Reasoning])
            }
            Self::Dummy(_) => BTreeSet::new(),
        }
    }
}

/// A model of a server that speaks OpenAI's protocol.
#[derive(Clone, Debug)]
pub struct OpenAiSettings {
    /// The server's address, up to and with `/v1`. `None`: OpenAI's own.
    pub base_url: Option<String>,
    /// The server's name for the model.
    pub model_id: String,
    /// The API key. `None`: the server asks for none.
    pub api_key: Option<SecretSource>,
}

/// A model of Amazon Bedrock.
#[derive(Clone, Debug)]
pub struct BedrockSettings {
    /// The id of a model or of an inference profile.
    pub model_id: String,
}
