//! The bound of what a model is asked.

use providers::prompt::Prompt;

use crate::error::ApiError;
use crate::till::hold::Till;

impl Till {
    /// Refuses a prompt of more than [`Till::max_input_tokens`], by the estimate. It reads nothing and holds nothing, so
    /// a prompt that is too long costs the operator nothing.
    ///
    /// The hold counts by an upper limit and not by this estimate, which is what the model will count of English text.
    /// By the upper limit, a prompt would have to be a quarter as long.
    ///
    /// # Errors
    /// [`ApiError::ContextTooLong`] with both numbers.
    pub fn check_input(&self, prompt: &Prompt) -> Result<(), ApiError> {
        let (estimated_tokens, max_tokens) = (prompt.estimated_input_tokens(), u64::from(self.max_input_tokens));
        if estimated_tokens > max_tokens {
            return Err(ApiError::ContextTooLong { estimated_tokens, max_tokens });
        }
        Ok(())
    }
}
