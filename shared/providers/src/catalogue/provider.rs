//! Servers of models.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::converse::{ReasoningStyle, unsupported_for_reasoning};
use crate::prompt::{Image, Prompt, ResponseFormat, TOP_K};

/// The protocol that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OpenAI's chat completions.
    OpenAi,
    /// OpenAI's Responses.
    OpenAiResponses,
    /// Anthropic's Messages.
    Anthropic,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// None: the dummy answers.
    Dummy,
}

impl Protocol {
    /// The most stop sequences that OpenAI takes.
    const MAX_STOPS_OF_CHAT_COMPLETIONS: usize = 4;
    /// The most that Converse takes as a temperature.
    const MAX_TEMPERATURE_OF_CONVERSE: f32 = 1.0;
    /// The least that OpenAI takes as `max_output_tokens`.
    const LEAST_OUTPUT_TOKENS_OF_RESPONSES: u32 = 16;
    /// The most that Anthropic takes as a temperature.
    const MAX_TEMPERATURE_OF_MESSAGES: f32 = 1.0;
    /// The most characters of the name of a tool in OpenAI's protocols and in Converse.
    const MAX_CHARS_OF_A_TOOLS_NAME: usize = 64;
    /// The most images that Converse takes, by the description of its messages.
    const MAX_IMAGES_OF_CONVERSE: u32 = 20;
    /// The most bytes of an image for Converse: 3.75 MiB.
    const MAX_IMAGE_BYTES_OF_CONVERSE: usize = 3840 * 1024;

    /// The first parameter of `prompt` that the protocol cannot carry, by its name in OpenAI's protocol. The dummy reads
    /// no parameter, and takes those that bear on the choice of words.
    #[must_use]
    pub fn unsupported(self, prompt: &Prompt) -> Option<&'static str> {
        match self {
            Self::OpenAi => Self::beyond_chat_completions(prompt),
            Self::OpenAiResponses => Self::beyond_responses(prompt),
            Self::Anthropic => Self::beyond_messages(prompt),
            Self::Dummy => prompt.beyond_texts(),
            Self::Bedrock => Self::beyond_converse(prompt),
        }
    }

    /// The same for the model that the provider calls `provider_model`: also a parameter that the provider's other models may
    /// honour.
    #[must_use]
    pub fn unsupported_by(self, provider_model: &str, prompt: &Prompt) -> Option<&'static str> {
        let of_model = || match self {
            // Then the model is asked without what it cannot be told, or Anthropic judges it.
            Self::Bedrock | Self::Anthropic if prompt.reasoning_is_a_hint => None,
            Self::Bedrock => unsupported_for_reasoning(ReasoningStyle::of(provider_model), prompt),
            Self::Anthropic => unsupported_for_reasoning(ReasoningStyle::at_anthropic(provider_model), prompt),
            Self::OpenAi | Self::OpenAiResponses | Self::Dummy => None,
        };
        self.unsupported(prompt).or_else(of_model)
    }

    /// Whether the model that the provider calls `provider_model` can be told how much to reason.
    #[must_use]
    pub fn can_tell_an_effort(self, provider_model: &str) -> bool {
        match self {
            Self::OpenAi | Self::OpenAiResponses => true,
            Self::Anthropic => ReasoningStyle::at_anthropic(provider_model).is_some(),
            Self::Bedrock => ReasoningStyle::of(provider_model).is_some(),
            Self::Dummy => false,
        }
    }

    /// The first parameter that OpenAI's chat completions have no member for.
    fn beyond_chat_completions(prompt: &Prompt) -> Option<&'static str> {
        [
            ("input", prompt.inputs.is_some()),
            ("tools", has_a_long_name(prompt)),
            ("stop", prompt.sampling.stop.len() > Self::MAX_STOPS_OF_CHAT_COMPLETIONS),
            // The last, since a catalogue may list it.
            (TOP_K, prompt.sampling.top_k.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_unsupported)| is_unsupported.then_some(name))
    }

    /// The fewest tokens that a reply may be limited to.
    #[must_use]
    pub fn least_output_tokens(self) -> u32 {
        match self {
            Self::OpenAiResponses => Self::LEAST_OUTPUT_TOKENS_OF_RESPONSES,
            Self::OpenAi | Self::Anthropic | Self::Bedrock | Self::Dummy => 1,
        }
    }

    /// The first parameter that OpenAI's Responses have no member for.
    fn beyond_responses(prompt: &Prompt) -> Option<&'static str> {
        let Prompt { sampling, response_format, logprobs, logit_bias, .. } = prompt;
        let has_no_schema = |format: &ResponseFormat| matches!(format, ResponseFormat::JsonSchema { schema: None, .. });
        [
            ("input", prompt.inputs.is_some()),
            ("tools", has_a_long_name(prompt)),
            ("presence_penalty", sampling.presence_penalty.is_some()),
            ("frequency_penalty", sampling.frequency_penalty.is_some()),
            ("stop", !sampling.stop.is_empty()),
            ("seed", sampling.seed.is_some()),
            ("response_format", response_format.as_ref().is_some_and(has_no_schema)),
            ("n", prompt.choices() > 1),
            ("logprobs", logprobs.is_some()),
            ("logit_bias", !logit_bias.is_empty()),
            // The last, since a catalogue may list it.
            (TOP_K, sampling.top_k.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_unsupported)| is_unsupported.then_some(name))
    }

    /// The first parameter that Anthropic's Messages have no member for. One schema is the only form of a reply that they have.
    fn beyond_messages(prompt: &Prompt) -> Option<&'static str> {
        let Prompt { sampling, response_format, verbosity, logprobs, logit_bias, inputs, .. } = prompt;
        let is_too_hot = |temperature| temperature > Self::MAX_TEMPERATURE_OF_MESSAGES;
        [
            ("input", inputs.is_some()),
            ("temperature", sampling.temperature.is_some_and(is_too_hot)),
            ("presence_penalty", sampling.presence_penalty.is_some()),
            ("frequency_penalty", sampling.frequency_penalty.is_some()),
            ("seed", sampling.seed.is_some()),
            ("response_format", response_format.as_ref().is_some_and(has_no_schema)),
            ("verbosity", verbosity.is_some()),
            ("n", prompt.choices() > 1),
            ("logprobs", logprobs.is_some()),
            ("logit_bias", !logit_bias.is_empty()),
        ]
        .into_iter()
        .find_map(|(name, is_unsupported)| is_unsupported.then_some(name))
    }

    /// The first parameter that Converse has no member for. One schema is the only form of a reply that it has, and it
    /// cannot keep a model from calling several tools at once.
    fn beyond_converse(prompt: &Prompt) -> Option<&'static str> {
        let Prompt { turns, sampling, tools, response_format, verbosity, logprobs, logit_bias, .. } = prompt;
        let is_too_hot = |temperature| temperature > Self::MAX_TEMPERATURE_OF_CONVERSE;
        let mut images = turns.iter().flat_map(|turn| &turn.images);
        let is_too_large = |image: &Image| image.bytes() > Self::MAX_IMAGE_BYTES_OF_CONVERSE;
        [
            ("input", prompt.inputs.is_some()),
            ("tools", has_a_long_name(prompt)),
            ("temperature", sampling.temperature.is_some_and(is_too_hot)),
            (TOP_K, sampling.top_k.is_some()),
            ("presence_penalty", sampling.presence_penalty.is_some()),
            ("frequency_penalty", sampling.frequency_penalty.is_some()),
            ("seed", sampling.seed.is_some()),
            ("image_url", prompt.images() > Self::MAX_IMAGES_OF_CONVERSE || images.any(is_too_large)),
            ("parallel_tool_calls", tools.parallel == Some(false) && !tools.offered.is_empty()),
            ("response_format", response_format.as_ref().is_some_and(has_no_schema)),
            ("verbosity", verbosity.is_some()),
            ("n", prompt.choices() > 1),
            ("logprobs", logprobs.is_some()),
            ("logit_bias", !logit_bias.is_empty()),
        ]
        .into_iter()
        .find_map(|(name, is_unsupported)| is_unsupported.then_some(name))
    }
}

/// Whether a tool has a name that Anthropic alone takes.
fn has_a_long_name(prompt: &Prompt) -> bool {
    prompt.tools.offered.iter().any(|tool| tool.name.len() > Protocol::MAX_CHARS_OF_A_TOOLS_NAME)
}

fn has_no_schema(format: &ResponseFormat) -> bool {
    match format {
        ResponseFormat::JsonObject => true,
        ResponseFormat::JsonSchema { schema, .. } => schema.is_none(),
    }
}

/// A server of models. Two that are equal can share a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provider {
    /// The protocol.
    pub protocol: Protocol,
    /// The server's address, up to and with `/v1`, without a slash at its end. `None`: OpenAI's or Anthropic's own.
    pub base_url: Option<String>,
    /// Bedrock's region. `None`: the region of the function.
    pub region: Option<String>,
    /// The name of the API key in the secret of keys. `None`: the server asks for none.
    pub key: Option<String>,
    /// Headers of every request, with names in lower case. None of them is secret.
    pub headers: BTreeMap<String, String>,
    /// Timeout for opening a connection.
    pub connect_timeout: Duration,
    /// Longest time of a reply. `None`: the caller's deadline alone.
    pub timeout: Option<Duration>,
}

impl Provider {
    /// Timeout for opening a connection, if the catalogue gives none. A connection that is not there by then is not
    /// coming.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

    /// A provider that speaks `protocol`, with the default of everything else.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            base_url: None,
            region: None,
            key: None,
            headers: BTreeMap::new(),
            connect_timeout: Self::CONNECT_TIMEOUT,
            timeout: None,
        }
    }
}
