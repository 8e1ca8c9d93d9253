//! The requests that are sent to Bedrock a second time.

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::config::interceptors::InterceptorContext;
use aws_sdk_bedrockruntime::config::retry::{ClassifyRetry, RetryAction};

/// Answers that turn a request away before a model has begun: throttled or not ready (429), not
/// available (503).
const TURNED_AWAY: [u16; 2] = [429, 503];

/// The SDK repeats what Bedrock turned away, and also what failed inside (500, 502, 504), got no answer
/// in time or was cut off. The latter is forbidden here, since the model may be at work and would be paid
/// for twice; and what one classifier forbids, no other allows.
#[derive(Debug)]
pub(super) struct OnlyIfTurnedAway;

impl ClassifyRetry for OnlyIfTurnedAway {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let status = context.response().map(HttpResponse::status);
        if status.is_some_and(|status| TURNED_AWAY.contains(&status.as_u16())) {
            RetryAction::NoActionIndicated
        } else {
            RetryAction::RetryForbidden
        }
    }

    fn name(&self) -> &'static str {
        "only if turned away"
    }
}
