//! OpenAI's protocols as a server: requests, answers, chunks and errors as its clients know them.
//!
//! After <https://platform.openai.com/docs/api-reference>. Nothing here asks a model or touches the table: it reads and writes
//! JSON, for `POST /v1/chat/completions`, `POST /v1/completions`, `POST /v1/embeddings`, `POST /v1/quote` and
//! `GET /v1/models`. The clients of the protocols for chat completions and embeddings are providers.
//!
//! Begin with [`ChatCompletions`].

mod chat_completions;
mod choices;
mod chunks;
mod completion;
mod content;
mod delivery;
mod embeddings;
mod error_response;
mod messages;
mod models;
mod quote;
mod request;
mod response_format;
mod sampling;
mod text_completions;
mod tools;
mod unsupported;

pub use crate::door::{
    InvalidParameter, MAX_BODY_BYTES, MAX_BYTES_BESIDE_IMAGES, ParameterFault, ProtocolError, UnknownModel,
};
pub use chat_completions::ChatCompletions;
pub use chunks::Chunks;
pub use completion::WholeCompletion;
pub use delivery::ChunkForm;
pub use embeddings::{EmbeddingErrors, Embeddings, Unstreamed, WholeEmbeddings};
pub(crate) use error_response::ErrorBody;
pub use error_response::OpenAiErrors;
pub use models::{ModelItem, ModelList};
pub use quote::QuoteAnswer;
pub use request::CompletionRequest;
pub use text_completions::{TextChunks, TextCompletionErrors, TextCompletions, WholeTextCompletion};
