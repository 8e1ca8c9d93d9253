//! The door of embeddings: texts, and a vector of each.
//!
//! After <https://platform.openai.com/docs/api-reference/embeddings>. An answer comes whole, and its vectors are the text
//! that the provider's client made of them: nothing here reads a number.

mod door;
mod error_form;
mod request;
#[cfg(test)]
mod tests;
mod unstreamed;
mod whole;

pub use door::Embeddings;
pub use error_form::EmbeddingErrors;
pub use unstreamed::Unstreamed;
pub use whole::WholeEmbeddings;
