//! Models and the providers that serve them: the dummy, OpenAI's and Anthropic's protocols as a client, Amazon
//! Bedrock.
//!
//! A prompt goes in; a reply comes out, whole or in pieces, or an [`error::ModelError`]. The [`catalogue`] says which
//! models there are and at which prices; nothing here charges them, or knows balances or callers. Prompts and providers'
//! error texts are never logged.
//!
//! Begin with [`model::Model`], which puts limits on any [`chat_model::ChatModel`].

pub mod catalogue;
pub mod catalogues;
pub mod stored_catalogue;

pub mod connections;
pub mod offers;
#[cfg(feature = "openai")]
pub mod provider_keys;
pub mod unconnected;

pub mod model;
pub mod prompt;
pub mod raw_array;
pub mod raw_json;
pub mod reply;

pub mod chat_model;
pub mod error;
pub mod settings;

#[cfg(any(test, feature = "test-util"))]
pub mod testing;

#[cfg(feature = "openai")]
mod anthropic;
#[cfg(feature = "bedrock")]
mod bedrock;
#[cfg(any(feature = "bedrock", feature = "openai"))]
mod called_tool;
#[cfg(any(feature = "bedrock", feature = "openai"))]
mod claude_reasoning;
mod converse;
pub mod dummy;
#[cfg(any(feature = "bedrock", feature = "openai"))]
mod last_use;
mod misconfigured;
#[cfg(feature = "openai")]
mod openai;
#[cfg(feature = "openai")]
mod renewable_secret;
#[cfg(feature = "openai")]
mod responses;
#[cfg(any(feature = "bedrock", feature = "openai"))]
mod retry_after;
mod vectors;
mod whole_number;
#[cfg(feature = "openai")]
mod wire;
mod written;
