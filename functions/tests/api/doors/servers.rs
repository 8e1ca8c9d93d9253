//! The protocols of providers.

mod bedrock;
mod openai;

use std::sync::Arc;

use crate::doors::server::Server;

/// All of them.
pub fn all() -> Vec<Arc<dyn Server>> {
    vec![Arc::new(openai::OpenAi), Arc::new(bedrock::Bedrock)]
}
