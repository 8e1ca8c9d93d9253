//! `POST /v1/responses`: OpenAI's Responses, whole and streamed. Each answer is charged exactly once, as at
//! `POST /chatView/`.

use shared::door::DoorEndpoint;
use shared::endpoint::{Error, serve};
use shared::responses::Responses;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<DoorEndpoint<Responses>>().await
}
