//! Messages, and who answers them.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::error::{ApiError, Cause};
use crate::text::{InvalidField, check_text};

/// What a user asks: not blank, at most 64 KiB, kept exactly as written. It never prints.
#[derive(Clone)]
pub struct Message(String);

impl Message {
    /// The most bytes of a message, far below what one DynamoDB item holds (400 KB).
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Message({} bytes)", self.0.len())
    }
}

impl TryFrom<String> for Message {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        check_text(&text)?;
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidField::new(format!("Ensure this field has no more than {} bytes.", Self::MAX_BYTES)));
        }
        Ok(Self(text))
    }
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// Answers `Dummy Response` to everything, as the Django app did.
    Dummy(Dummy),
}

/// A model for tests and first steps, which can be told to be slow and to fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dummy {
    /// How long it thinks.
    pub delay: Duration,
    /// How it fails, if it is to.
    pub failure: Option<DummyFailure>,
}

/// How the dummy fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DummyFailure {
    /// It says that it cannot.
    Error,
    /// It panics.
    Panic,
}

impl Model {
    /// The reply to `message`, if it comes within `limit`.
    ///
    /// # Errors
    /// [`ApiError::ModelFailed`] if the model fails, panics or takes longer.
    pub async fn reply(&self, message: &Message, limit: Duration) -> Result<String, ApiError> {
        let Self::Dummy(dummy) = self;
        // A panic is the model's failure like any other: what was held is released.
        let reply = AssertUnwindSafe(dummy.reply(message)).catch_unwind();
        match tokio::time::timeout(limit, reply).await {
            Ok(Ok(reply)) => reply.map_err(ApiError::ModelFailed),
            Ok(Err(_)) => Err(ApiError::ModelFailed(Cause::because("the model panicked"))),
            Err(_) => Err(ApiError::ModelFailed(Cause::because("the model took too long"))),
        }
    }
}

impl Dummy {
    async fn reply(&self, _message: &Message) -> Result<String, Cause> {
        tokio::time::sleep(self.delay).await;
        match self.failure {
            None => Ok("Dummy Response".to_owned()),
            Some(DummyFailure::Error) => Err(Cause::because("the dummy was told to fail")),
            Some(DummyFailure::Panic) => panic!("the dummy was told to panic"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_kept_as_it_was_written() {
        let text = "  Hello,\n\t\u{1F600} ";
        assert_eq!(Message::try_from(text.to_owned()).unwrap().as_str(), text);
    }

    #[test]
    fn a_message_of_nothing_but_white_space_is_refused() {
        for text in ["", " ", "\n\t ", "\u{2003}", "a\0b"] {
            assert!(Message::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_message_has_a_limit() {
        assert!(Message::try_from("x".repeat(Message::MAX_BYTES)).is_ok());
        assert!(Message::try_from("x".repeat(Message::MAX_BYTES + 1)).is_err());
    }

    async fn reply(delay: Duration, failure: Option<DummyFailure>) -> Result<String, ApiError> {
        let message = Message::try_from("Hello".to_owned()).unwrap();
        Model::Dummy(Dummy { delay, failure }).reply(&message, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn the_dummy_answers_as_the_django_app_did() {
        assert_eq!(reply(Duration::ZERO, None).await.unwrap(), "Dummy Response");
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_fails_panics_or_takes_too_long_has_failed() {
        for (delay, failure) in [
            (Duration::ZERO, Some(DummyFailure::Error)),
            (Duration::ZERO, Some(DummyFailure::Panic)),
            (Duration::from_secs(6), None),
        ] {
            assert!(matches!(reply(delay, failure).await, Err(ApiError::ModelFailed(_))), "{failure:?}");
        }
    }
}
