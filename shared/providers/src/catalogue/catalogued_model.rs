//! Models as a catalogue lists them.

use std::collections::BTreeSet;

use domain::pricing::Prices;

use crate::prompt::Prompt;

/// How a model is asked, where its reply can be streamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamPolicy {
    /// For a stream, also where a whole reply is wanted, so that a deadline ends the reply and does not lose it.
    #[default]
    Always,
    /// For a stream of texts. A reply for which tools are offered is asked for whole.
    TextOnly,
    /// For whole replies alone.
    Never,
}

impl StreamPolicy {
    /// Whether the model is asked for a stream in reply to `prompt`.
    #[must_use]
    pub fn streams(self, prompt: &Prompt) -> bool {
        match self {
            // Vectors come whole.
            _ if prompt.inputs.is_some() => false,
            Self::Always => true,
            Self::TextOnly => prompt.tools.offered.is_empty(),
            Self::Never => false,
        }
    }
}

/// Something that a model takes beside texts, or does beside writing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ability {
    /// It calls tools.
    Tools,
    /// It replies in JSON of a schema.
    JsonSchema,
    /// It reads images.
    Images,
    /// It can be told how much to reason.
    Reasoning,
    /// It makes vectors of texts, and nothing else.
    Embeddings,
}

/// A guardrail of Amazon Bedrock, which reads prompts and replies and withholds those that it is configured against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrail {
    /// The id, or the ARN.
    pub id: String,
    /// The number of the version, or `DRAFT`.
    pub version: String,
}

/// A model that a provider serves, at its prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CataloguedModel {
    /// The name at the API and in the ledger's entries.
    pub id: String,
    /// The name of the provider in the catalogue.
    pub provider: String,
    /// The provider's own name for the model. Callers never see it.
    pub provider_model: String,
    /// The prices.
    pub prices: Prices,
    /// The model's context window: the most tokens of a prompt.
    pub context_tokens: u32,
    /// The most tokens of a reply.
    pub max_output_tokens: u32,
    /// The most tokens that one image counts, with the words around it. It is there if the model takes images.
    pub image_tokens: Option<u32>,
    /// The abilities of the model.
    pub takes: BTreeSet<Ability>,
    /// How the model is asked.
    pub streams: StreamPolicy,
    /// Members of a request that are passed on although OpenAI's protocol does not have them.
    pub extra_parameters: BTreeSet<String>,
    /// The guardrail of each request, for a model of Amazon Bedrock.
    pub guardrail: Option<Guardrail>,
    /// Other names of the model at the API.
    pub aliases: Vec<String>,
    /// Ids or aliases of the models that are asked if this one turns a request away, in this order.
    pub fallbacks: Vec<String>,
    /// Whether lists of models leave it out. It can still be asked by name.
    pub hidden: bool,
    /// A sentence about the model, for callers.
    pub description: Option<String>,
}

impl CataloguedModel {
    /// The name of the provider that the settings describe. No catalogue can use it, because the names of its providers
    /// have no capitals.
    pub const PROVIDER_OF_THE_SETTINGS: &str = "MODEL";

    /// The model that the settings name: `id` at the API and at its provider, with the default of everything else.
    #[must_use]
    pub fn of_the_settings(id: &str, prices: Prices, context_tokens: u32, max_output_tokens: u32) -> Self {
        Self {
            id: id.to_owned(),
            provider: Self::PROVIDER_OF_THE_SETTINGS.to_owned(),
            provider_model: id.to_owned(),
            prices,
            context_tokens,
            max_output_tokens,
            image_tokens: None,
            takes: BTreeSet::new(),
            streams: StreamPolicy::default(),
            extra_parameters: BTreeSet::new(),
            guardrail: None,
            aliases: Vec::new(),
            fallbacks: Vec::new(),
            hidden: false,
            description: None,
        }
    }

    /// Whether the settings name the model, and no catalogue does.
    #[must_use]
    pub fn is_of_the_settings(&self) -> bool {
        self.provider == Self::PROVIDER_OF_THE_SETTINGS
    }

    /// Whether the model makes vectors of texts. Such a model continues no conversation.
    #[must_use]
    pub fn makes_embeddings(&self) -> bool {
        self.takes.contains(&Ability::Embeddings)
    }

    /// Whether tokens of the provider's cache cost something else than other tokens of input.
    #[must_use]
    pub fn prices_its_cache(&self) -> bool {
        let Prices { input, cached_input, cache_write, .. } = self.prices;
        cached_input != input || cache_write != input
    }

    /// The id and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.aliases).map(String::as_str)
    }
}
