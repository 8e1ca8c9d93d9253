//! A model that can be asked, at the prices and within the limits of the catalogue.

use domain::pricing::{OutputLimits, Quote};

use crate::catalogue::{Ability, CataloguedModel};
use crate::model::Model;
use crate::prompt::{Prompt, ResponseFormat, TOP_K, most_tokens_of_member};

/// A model of the catalogue with the connection to its provider.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The model's entry of the catalogue.
    pub terms: CataloguedModel,
    /// The connection to the model.
    pub model: Model,
}

impl Offer {
    /// The model's name, for callers and for ledger entries. Its provider may call it otherwise.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.terms.id
    }

    /// Whether the model reads the prompt. One that does not needs no earlier messages in it.
    #[must_use]
    pub fn reads_context(&self) -> bool {
        self.model.reads_context()
    }

    /// The first parameter of `prompt` that the model cannot honour, by its name in OpenAI's protocol: one for which the
    /// catalogue does not list the ability, or that the model's provider does not know.
    #[must_use]
    pub fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        if let Some(name) = self.asked_for_the_other_kind(prompt) {
            return Some(name);
        }
        let has_schema = matches!(prompt.response_format, Some(ResponseFormat::JsonSchema { .. }));
        [
            ("image_url", prompt.images() > 0, Ability::Images),
            ("tools", prompt.needs_tools(), Ability::Tools),
            ("response_format", has_schema, Ability::JsonSchema),
            ("reasoning_effort", prompt.demands_reasoning(), Ability::Reasoning),
        ]
        .into_iter()
        .find_map(|(name, is_there, ability)| (is_there && !self.terms.takes.contains(&ability)).then_some(name))
        .or_else(|| self.model.unsupported(prompt).filter(|name| !self.takes_by_name(name)))
        .or_else(|| self.asks_too_much_at_once(prompt).then_some("logprobs"))
    }

    /// The parameter that asks a model of conversations for vectors, or a model of vectors for a reply.
    fn asked_for_the_other_kind(&self, prompt: &Prompt) -> Option<&'static str> {
        match (&prompt.inputs, self.terms.makes_embeddings()) {
            (Some(_), false) => Some("input"),
            (None, true) => Some("messages"),
            (Some(_), true) | (None, false) => None,
        }
    }

    /// Whether the model takes the parameter `name` of another protocol than its provider's, because the catalogue lists it.
    fn takes_by_name(&self, name: &str) -> bool {
        name == TOP_K && self.terms.extra_parameters.contains(name)
    }

    /// Whether a whole answer to `prompt` may be longer than a client reads, and be lost. Log probabilities of many tokens are
    /// read as a stream alone.
    fn asks_too_much_at_once(&self, prompt: &Prompt) -> bool {
        prompt.logprobs.is_some() && !self.terms.streams.streams(prompt)
    }

    /// The limits on the length of a reply, in tokens: at most what the model can write or what is `wanted`, whichever
    /// is less, and at least `least_output_tokens` where that is not more. Neither is less than the provider takes.
    #[must_use]
    pub fn limits(&self, wanted: Option<u32>, least_output_tokens: u32) -> OutputLimits {
        let taken = self.model.least_output_tokens();
        let most = self.terms.max_output_tokens.max(taken);
        let own = OutputLimits { most, least: least_output_tokens.max(taken).min(most) };
        own.at_most(wanted.unwrap_or(u32::MAX).max(taken))
    }

    /// Whether `prompt` is short enough for the model, by the [estimate](Offer::estimated_context_tokens).
    #[must_use]
    pub fn has_room_for(&self, prompt: &Prompt) -> bool {
        self.estimated_context_tokens(prompt) <= self.terms.context_tokens.into()
    }

    /// Estimated tokens that must be in the model's context window at once.
    #[must_use]
    pub fn estimated_context_tokens(&self, prompt: &Prompt) -> u64 {
        prompt.estimated_context_tokens(self.image_tokens())
    }

    /// An upper limit of the tokens that the model reads of `prompt`, members of the request among them that the catalogue
    /// lists for the model.
    #[must_use]
    pub fn most_input_tokens(&self, prompt: &Prompt) -> u64 {
        let listed = prompt.extra.iter().filter(|(name, _)| self.terms.extra_parameters.contains(*name));
        let extra: u64 = listed.map(|(name, value)| most_tokens_of_member(name, value.get())).sum();
        // Servers put an instruction for vectors before each text.
        let times = prompt.inputs.as_ref().map_or(1, |inputs| inputs.texts.len().max(1) as u64);
        prompt.most_input_tokens(self.image_tokens()).saturating_add(extra.saturating_mul(times))
    }

    /// Estimated tokens that the model reads of `prompt`.
    #[must_use]
    pub fn estimated_input_tokens(&self, prompt: &Prompt) -> u64 {
        prompt.estimated_input_tokens(self.image_tokens())
    }

    /// A model that takes no images is shown none.
    fn image_tokens(&self) -> u32 {
        self.terms.image_tokens.unwrap_or(0)
    }

    /// The quote for a reply to `prompt`, of which each choice stays within `limits`, at the model's prices.
    #[must_use]
    pub fn quote(&self, prompt: &Prompt, limits: OutputLimits) -> Quote {
        // A vector is no output that anybody counts.
        let limits = if prompt.inputs.is_some() { OutputLimits { most: 0, least: 0 } } else { limits };
        let quote = self.terms.prices.quote(self.most_input_tokens(prompt), prompt.images(), limits);
        quote.for_choices(prompt.choices())
    }
}
