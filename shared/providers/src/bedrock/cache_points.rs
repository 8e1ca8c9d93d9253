//! The parts of a request that a model's cache keeps.

use serde::Serialize;

use crate::converse::claude_version;

/// Where a request says up to where the model's cache keeps it. Bedrock refuses a cache point in any other place.
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CachePoints {
    /// Nowhere: the model has no cache, or one that keeps what it likes.
    None,
    /// After the instructions.
    System,
    /// After the instructions, and after the last message of the user's side.
    SystemAndMessages,
}

impl CachePoints {
    /// The places for the model that Bedrock calls `provider_model`. The tools, which come before the instructions, are kept
    /// with them.
    pub(super) fn of(provider_model: &str) -> Self {
        const NOVAS: [&str; 5] = ["nova-micro-", "nova-lite-", "nova-pro-", "nova-premier-", "nova-2-lite-"];
        let is_late_claude = claude_version(provider_model).is_some_and(|version| version >= (3, 7));
        if is_late_claude || provider_model.contains("anthropic.claude-3-5-haiku-") {
            return Self::SystemAndMessages;
        }
        let nova = provider_model.split_once("amazon.").map(|(_, name)| name);
        let is_nova = nova.is_some_and(|name| NOVAS.iter().any(|nova| name.starts_with(nova)));
        if is_nova { Self::System } else { Self::None }
    }
}

/// The end of what the model's cache keeps. It is kept for five minutes: a longer time has a price of its own.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CachePoint {
    Default,
}
