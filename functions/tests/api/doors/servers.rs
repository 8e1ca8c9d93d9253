//! The protocols of providers.

mod anthropic;
mod bedrock;
mod openai;
mod responses;

use std::sync::Arc;

use crate::doors::server::Server;

/// All of them.
pub fn all() -> Vec<Arc<dyn Server>> {
    vec![
        Arc::new(openai::OpenAi),
        Arc::new(responses::Responses),
        Arc::new(anthropic::Anthropic),
        Arc::new(bedrock::Bedrock),
    ]
}
