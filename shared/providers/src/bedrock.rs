//! Amazon Bedrock, as a client. Its operations Converse and `ConverseStream` are the same for all of its models.

mod asked_model;
mod attempts;
mod cache_points;
mod document;
mod end;
mod failure;
mod messages;
mod opening;
mod reasoning;
mod request;
mod request_body;
mod stream;
mod tools;
mod whole;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::config::{Builder, Region};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::bedrock::asked_model::AskedModel;
use crate::bedrock::attempts::OnlyIfTurnedAway;
use crate::bedrock::failure::failure;
use crate::bedrock::opening::UnaskedRequest;
use crate::bedrock::request::ConverseRequest;
use crate::bedrock::request_body::RequestBody;
use crate::catalogue::{CataloguedModel, Protocol, Provider};
use crate::chat_model::ChatModel;
use crate::error::{ModelError, Refusal};
use crate::prompt::Prompt;
use crate::reply::{Reply, ReplyStream};
use crate::settings::BedrockSettings;
use cloud::Service;
use domain::cause::Cause;
use domain::setting::SettingError;

pub(super) use aws_sdk_bedrockruntime::Client;

/// The first and one more.
const MAX_ATTEMPTS: u32 = 2;

/// One model of Amazon Bedrock.
#[derive(Debug)]
pub(super) struct Bedrock {
    client: Client,
    model: AskedModel,
}

impl Bedrock {
    /// The model that `settings` name, in the region and with the credentials of the environment.
    /// Nothing is sent before the first request.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub(super) fn connect(settings: &BedrockSettings) -> Result<Self, SettingError> {
        let model = AskedModel::of_the_settings(&settings.model_id);
        Ok(Self { client: client(None, Provider::CONNECT_TIMEOUT)?, model })
    }

    /// The `model` of the catalogue, asked by `client`.
    pub(super) fn catalogued(client: Client, model: &CataloguedModel) -> Self {
        Self { client, model: AskedModel::new(model) }
    }
}

/// A client of Bedrock in `region`, or in the region of the environment, with the credentials of the environment.
///
/// # Errors
/// [`SettingError`] if AWS cannot be reached with what the environment says.
pub(super) fn client(region: Option<&str>, connect_timeout: Duration) -> Result<Client, SettingError> {
    let configuration = Builder::from(&cloud::configuration(Service::BedrockRuntime)?);
    Ok(client_of(
        match region {
            Some(region) => configuration.region(Region::new(region.to_owned())),
            None => configuration,
        },
        connect_timeout,
    ))
}

fn client_of(configuration: Builder, connect_timeout: Duration) -> Client {
    let configuration = configuration
        .timeout_config(timeout_configuration(connect_timeout))
        // A model may think for longer than a download may stall.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .retry_classifier(OnlyIfTurnedAway)
        .build();
    Client::from_conf(configuration)
}

/// None but for connecting: whoever asks has a limit around all of it.
fn timeout_configuration(connect_timeout: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(connect_timeout)
        .disable_read_timeout()
        .disable_operation_attempt_timeout()
        .disable_operation_timeout()
        .build()
}

impl Bedrock {
    /// The body of the request, which the SDK is given when it has made its own.
    fn body(request: &ConverseRequest<'_>) -> Result<RequestBody, ModelError> {
        let unwritable = |error| ModelError::Refused { refusal: Refusal::Unsaid, cause: Cause::new(error) };
        serde_json::to_vec(request).map(RequestBody::new).map_err(unwritable)
    }
}

impl ChatModel for Bedrock {
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        Protocol::Bedrock.unsupported_by(&self.model.id, prompt)
    }

    fn open_connection(&self) -> BoxFuture<'_, ()> {
        async move {
            let request = self.client.converse().model_id(&self.model.id).customize().interceptor(UnaskedRequest);
            // It asks for nothing, so there is no answer but a refusal. A connection that could not be opened is the first
            // request's to meet.
            drop(request.send().await);
        }
        .boxed()
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let body = Self::body(&ConverseRequest::new(&self.model, prompt, max_output_tokens)?)?;
            let request = self.client.converse().model_id(&self.model.id).customize().interceptor(body);
            whole::reply(request.send().await.map_err(|error| failure(&error))?)
        }
        .boxed()
    }

    fn stream<'a>(
        &'a self,
        prompt: &'a Prompt,
        max_output_tokens: u32,
    ) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move {
            let body = Self::body(&ConverseRequest::new(&self.model, prompt, max_output_tokens)?.streamed())?;
            let request = self.client.converse_stream().model_id(&self.model.id).customize().interceptor(body);
            Ok(stream::pieces(request.send().await.map_err(|error| failure(&error))?.stream))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
