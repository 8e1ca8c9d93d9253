//! `POST /v1/embeddings`: vectors of texts, in OpenAI's protocol. Each answer is charged exactly once, as at
//! `POST /chatView/`.

use shared::door::DoorEndpoint;
use shared::endpoint::{Error, serve};
use shared::openai::Embeddings;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<DoorEndpoint<Embeddings>>().await
}
