//! `POST /v1/messages`: Anthropic's protocol, whole and streamed. Each answer is charged exactly once, as at
//! `POST /chatView/`. `POST /v1/messages/count_tokens` estimates the length of a prompt, and is free.

use std::time::Duration;

use shared::anthropic::{AnthropicErrors, Messages, TokenCount};
use shared::domain::setting::SettingError;
use shared::door::{DoorEndpoint, DoorError};
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::http::{Answer, Method, Request, StatusCode, Streamable};
use shared::settings::Settings;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AnthropicMessagesEndpoint>().await
}

struct AnthropicMessagesEndpoint {
    door: DoorEndpoint<Messages>,
}

/// The paths of this function.
enum MessagePath {
    Messages,
    CountTokens,
}

impl MessagePath {
    fn of(request: &Request) -> Self {
        if request.path().trim_end_matches('/').ends_with("/count_tokens") { Self::CountTokens } else { Self::Messages }
    }
}

impl Endpoint for AnthropicMessagesEndpoint {
    type Answer = Streamable<DoorError<AnthropicErrors>>;
    type Error = DoorError<AnthropicErrors>;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { door: DoorEndpoint::start(resources).await? })
    }

    fn timeout(&self, settings: &Settings) -> Duration {
        self.door.timeout(settings)
    }

    async fn answer(&self, request: Request) -> Result<Self::Answer, Self::Error> {
        match MessagePath::of(&request) {
            // A large future, which this one would be as large as.
            MessagePath::Messages => Box::pin(self.door.answer(request)).await,
            MessagePath::CountTokens => {
                let input_tokens = self.door.estimated_input_tokens(&request, Messages::read_to_count).await?;
                Ok(Answer::private(StatusCode::OK, &TokenCount { input_tokens })?.into())
            }
        }
    }
}
