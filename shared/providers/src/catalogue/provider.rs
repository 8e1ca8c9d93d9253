//! Servers of models.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::prompt::Prompt;

/// The protocol that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OpenAI's chat completions.
    OpenAi,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// None: the dummy answers.
    Dummy,
}

impl Protocol {
    /// The most that Converse takes as a temperature.
    const MAX_TEMPERATURE_OF_CONVERSE: f32 = 1.0;

    /// The first parameter of `prompt` that the protocol cannot carry, by its name in OpenAI's protocol. The dummy reads
    /// no parameter, and takes those that bear on the choice of words.
    #[must_use]
    pub fn unsupported(self, prompt: &Prompt) -> Option<&'static str> {
        match self {
            Self::OpenAi => None,
            Self::Dummy => prompt.beyond_texts(),
            Self::Bedrock => {
                let sampling = &prompt.sampling;
                let is_too_hot = |temperature| temperature > Self::MAX_TEMPERATURE_OF_CONVERSE;
                [
                    ("temperature", sampling.temperature.is_some_and(is_too_hot)),
                    ("presence_penalty", sampling.presence_penalty.is_some()),
                    ("frequency_penalty", sampling.frequency_penalty.is_some()),
                    ("seed", sampling.seed.is_some()),
                ]
                .into_iter()
                .find_map(|(name, is_unsupported)| is_unsupported.then_some(name))
                .or_else(|| prompt.beyond_texts())
            }
        }
    }
}

/// A server of models. Two that are equal can share a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provider {
    /// The protocol.
    pub protocol: Protocol,
    /// The server's address, up to and with `/v1`, without a slash at its end. `None`: OpenAI's own.
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
