//! `POST /v1/completions`: OpenAI's older protocol, whole and streamed. Each answer is charged exactly once, as at
//! `POST /chatView/`.

use shared::door::DoorEndpoint;
use shared::endpoint::{Error, serve};
use shared::openai::TextCompletions;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<DoorEndpoint<TextCompletions>>().await
}
