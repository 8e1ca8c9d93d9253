//! What is sent to Bedrock a second time.

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::config::interceptors::InterceptorContext;
use aws_sdk_bedrockruntime::config::retry::{ClassifyRetry, RetryAction};

/// The SDK repeats what Bedrock says was throttled or not ready, and also what got no answer in time
/// or was cut off. That is forbidden here, since the model may be at work and would be paid for twice;
/// and what one classifier forbids, no other allows.
#[derive(Debug)]
pub(super) struct OnlyAfterAnAnswer;

impl ClassifyRetry for OnlyAfterAnAnswer {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let status = context.response().map(HttpResponse::status);
        if status.is_some_and(|status| !status.is_success()) {
            RetryAction::NoActionIndicated
        } else {
            RetryAction::RetryForbidden
        }
    }

    fn name(&self) -> &'static str {
        "only after an answer"
    }
}
