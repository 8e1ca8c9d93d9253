//! The form of an answer.

/// What the form of an answer takes from the request.
#[derive(Clone, Copy, Debug)]
pub struct MessageForm {
    /// Whether the words of the model's reasoning are shown.
    pub shows_thinking: bool,
}
