//! Amazon Bedrock, as a client. Its operations Converse and `ConverseStream` are the same for all of its models.

mod attempts;
mod conversation;
mod end;
mod failure;
mod stream;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::config::{Builder, Region};
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput as Answer;
use aws_sdk_bedrockruntime::types::{ContentBlock, ConverseOutput};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::bedrock::attempts::OnlyIfTurnedAway;
use crate::bedrock::conversation::Conversation;
use crate::bedrock::end::{finish_reason, usage};
use crate::bedrock::failure::failure;
use crate::catalogue::{Protocol, Provider};
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::prompt::Prompt;
use crate::reply::{End, Reply, ReplyStream};
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
    model_id: String,
}

impl Bedrock {
    /// The model that `settings` name, in the region and with the credentials of the environment.
    /// Nothing is sent before the first request.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub(super) fn connect(settings: &BedrockSettings) -> Result<Self, SettingError> {
        Ok(Self::new(client(None, Provider::CONNECT_TIMEOUT)?, &settings.model_id))
    }

    /// The model `model_id` of `client`.
    pub(super) fn new(client: Client, model_id: &str) -> Self {
        Self { client, model_id: model_id.to_owned() }
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

impl ChatModel for Bedrock {
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        Protocol::Bedrock.unsupported(prompt)
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let Conversation { system, messages, inference } = Conversation::new(prompt, max_output_tokens)?;
            let request = self.client.converse().model_id(&self.model_id).inference_config(inference);
            let answer = request.set_system(system).set_messages(Some(messages)).send().await;
            reply(answer.map_err(|error| failure(&error))?)
        }
        .boxed()
    }

    fn stream<'a>(
        &'a self,
        prompt: &'a Prompt,
        max_output_tokens: u32,
    ) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move {
            let Conversation { system, messages, inference } = Conversation::new(prompt, max_output_tokens)?;
            let request = self.client.converse_stream().model_id(&self.model_id).inference_config(inference);
            let answer = request.set_system(system).set_messages(Some(messages)).send().await;
            Ok(stream::pieces(answer.map_err(|error| failure(&error))?.stream))
        }
        .boxed()
    }
}

fn reply(answer: Answer) -> Result<Reply, ModelError> {
    let end = End::of(finish_reason(&answer.stop_reason), answer.usage.as_ref().and_then(usage));
    let content = match answer.output {
        Some(ConverseOutput::Message(message)) => message.content,
        _ => Vec::new(),
    };
    // Beside its text a model may show its reasoning.
    let texts = content.iter().filter_map(|block| match block {
        ContentBlock::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let text: String = texts.collect();
    match end {
        None if text.is_empty() => Err(ModelError::Failed(Cause::because("the answer is no reply"))),
        end => Ok(Reply::text(text, end.unwrap_or_else(End::broken_off))),
    }
}

#[cfg(test)]
mod tests;
