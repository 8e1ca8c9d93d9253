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
use aws_sdk_bedrockruntime::error::SdkError;
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
use crate::last_use::{LOOK_TIMEOUT, LastUse, MAX_LOOKS};
use crate::prompt::Prompt;
use crate::reply::{Reply, ReplyStream};
use crate::settings::BedrockSettings;
use cloud::Service;
use domain::cause::Cause;
use domain::setting::SettingError;
use domain::time::Clock;

pub(super) use aws_sdk_bedrockruntime::Client;

/// The first and one more.
const MAX_ATTEMPTS: u32 = 2;

/// One model of Amazon Bedrock.
#[derive(Debug)]
pub(super) struct Bedrock {
    region: RegionClient,
    model: AskedModel,
}

/// A client of Bedrock in one region, which the models there share.
#[derive(Clone, Debug)]
pub(super) struct RegionClient {
    client: Client,
    /// A stand-in for Bedrock without TLS is not worth a request before the first.
    is_opened_early: bool,
    last_use: LastUse,
}

impl Bedrock {
    /// The model that `settings` name, in the region and with the credentials of the environment.
    /// Nothing is sent before the first request.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub(super) fn connect(settings: &BedrockSettings) -> Result<Self, SettingError> {
        let model = AskedModel::of_the_settings(&settings.model_id);
        Ok(Self { region: client(None, Provider::CONNECT_TIMEOUT)?, model })
    }

    /// The `model` of the catalogue, asked in `region`.
    pub(super) fn catalogued(region: RegionClient, model: &CataloguedModel) -> Self {
        Self { region, model: AskedModel::new(model) }
    }
}

/// A client of Bedrock in `region`, or in the region of the environment, with the credentials of the environment.
///
/// # Errors
/// [`SettingError`] if AWS cannot be reached with what the environment says.
pub(super) fn client(region: Option<&str>, connect_timeout: Duration) -> Result<RegionClient, SettingError> {
    let configuration = cloud::configuration(Service::BedrockRuntime)?;
    let is_opened_early = configuration.endpoint_url().is_none_or(|url| url.starts_with("https://"));
    let configuration = match region {
        Some(region) => Builder::from(&configuration).region(Region::new(region.to_owned())),
        None => Builder::from(&configuration),
    };
    let client = client_of(configuration, connect_timeout);
    Ok(RegionClient { client, is_opened_early, last_use: LastUse::none_yet(Clock::system()) })
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

impl RegionClient {
    /// Leaves an open connection in the pool. A request that asks for nothing gets no answer but a refusal.
    async fn look(self, model_id: String) {
        for _ in 0..MAX_LOOKS {
            let request = self.client.converse().model_id(&model_id).customize();
            let answer = request.interceptor(UnaskedRequest).send();
            match tokio::time::timeout(LOOK_TIMEOUT, answer).await {
                Ok(Ok(_) | Err(SdkError::ServiceError(_) | SdkError::ResponseError(_))) => return self.last_use.note(),
                Ok(Err(SdkError::DispatchFailure(_))) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
        self.last_use.forget();
    }
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

    fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        let RegionClient { last_use, is_opened_early, .. } = &self.region;
        last_use.begin_look(*is_opened_early).then(|| self.region.clone().look(self.model.id.clone()).boxed())
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let body = Self::body(&ConverseRequest::new(&self.model, prompt, max_output_tokens)?)?;
            let request = self.region.client.converse().model_id(&self.model.id).customize().interceptor(body);
            let answer = request.send().await.map_err(|error| failure(&error))?;
            self.region.last_use.note();
            whole::reply(answer)
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
            let request = self.region.client.converse_stream().model_id(&self.model.id).customize().interceptor(body);
            let answer = request.send().await.map_err(|error| failure(&error))?;
            self.region.last_use.note();
            Ok(stream::pieces(answer.stream, self.region.last_use.clone()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
