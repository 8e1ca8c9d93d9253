//! The times at the end of a request that a model does not get.

use std::time::Duration;

use ledger::{CAPTURE_RESERVE, TEXT_TIME};

/// Time reserved after the capture, for the answer to leave before Lambda ends the process.
pub(super) const ANSWER_TIME: Duration = Duration::from_millis(500);
/// Time reserved after the model's reply: to put its text, to capture, and to settle an unknown outcome. The shortest
/// request that the settings allow has more than this time.
pub(super) const REPLY_RESERVE: Duration = TEXT_TIME.saturating_add(CAPTURE_RESERVE);
