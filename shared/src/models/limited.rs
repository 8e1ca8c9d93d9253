//! Any model, with limits.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::error::{ApiError, Cause};
#[cfg(feature = "bedrock")]
use crate::models::bedrock::Bedrock;
#[cfg(feature = "openai")]
use crate::models::openai::OpenAi;
use crate::models::{
    ChatModel, End, FinishReason, MAX_REPLY_BYTES, ModelError, Piece, Prompt, Reply, ReplyStream, Sampling,
};
use crate::settings::{ModelSettings, SettingError};

/// A model that answers in time, at most [`MAX_REPLY_BYTES`], or fails.
#[derive(Clone, Debug)]
pub struct Model(Arc<dyn ChatModel>);

impl Model {
    /// `model`, with limits.
    #[must_use]
    pub fn new(model: impl ChatModel + 'static) -> Self {
        Self(Arc::new(model))
    }

    /// The model that `settings` name.
    ///
    /// # Errors
    /// [`SettingError`] for one that is not built into this function (features `openai` and
    /// `bedrock`), or that cannot be reached as the settings say.
    #[cfg_attr(
        not(any(feature = "bedrock", feature = "openai")),
        expect(clippy::unused_async, reason = "other models connect")
    )]
    pub async fn connect(settings: &ModelSettings) -> Result<Self, SettingError> {
        match settings {
            ModelSettings::Dummy(dummy) => Ok(Self::new(*dummy)),
            #[cfg(feature = "openai")]
            ModelSettings::OpenAi(settings) => Ok(Self::new(OpenAi::connect(settings).await?)),
            #[cfg(feature = "bedrock")]
            ModelSettings::Bedrock(settings) => Ok(Self::new(Bedrock::connect(settings)?)),
            #[cfg(not(all(feature = "bedrock", feature = "openai")))]
            _ => Err(SettingError::not_built_in()),
        }
    }

    /// Whether it reads what it is asked. One that does not needs no context.
    #[must_use]
    pub fn reads_context(&self) -> bool {
        self.0.reads_context()
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// The first parameter of `sampling` that it cannot honour, by its name in OpenAI's protocol.
    #[must_use]
    pub fn unsupported(&self, sampling: &Sampling) -> Option<&'static str> {
        self.0.unsupported(sampling)
    }

    /// The whole reply to `prompt`, if it comes within `limit`.
    ///
    /// # Errors
    /// [`ApiError::ModelFailed`] if the model fails, panics, says nothing or takes longer;
    /// [`ApiError::ModelRefused`] if it does not take what it was asked; [`ApiError::ModelUnavailable`] if
    /// it is busy or out of reach.
    pub async fn reply(&self, prompt: &Prompt, max_output_tokens: u32, limit: Duration) -> Result<Reply, ApiError> {
        let reply = guard(Instant::now() + limit, self.0.reply(prompt, max_output_tokens)).await??;
        if reply.text.is_empty() {
            return Err(ApiError::ModelFailed(said_nothing()));
        }
        Ok(shortened(reply))
    }

    /// The reply to `prompt` as it is written, as far as it comes within `limit`.
    ///
    /// # Errors
    /// As [`Model::reply`].
    pub async fn stream(&self, prompt: &Prompt, max_output_tokens: u32, limit: Duration) -> Result<Pieces, ApiError> {
        let ends_at = Instant::now() + limit;
        let stream = guard(ends_at, self.0.stream(prompt, max_output_tokens)).await??;
        Ok(Pieces { stream, ends_at, bytes: 0, is_full: false })
    }
}

/// A reply in the making.
pub struct Pieces {
    stream: ReplyStream,
    ends_at: Instant,
    bytes: usize,
    is_full: bool,
}

impl Pieces {
    /// What comes next: texts, none of them empty and one at least, then the end.
    ///
    /// # Errors
    /// As [`Model::reply`]; the reply broke off.
    pub async fn next(&mut self) -> Result<Piece, ApiError> {
        loop {
            if self.is_full {
                // What the model would count is not known: we hang up.
                return Ok(Piece::End(End { finish_reason: FinishReason::Length, usage: None }));
            }
            // A stream that always has something ready would never let the time run out.
            if Instant::now() >= self.ends_at {
                return Err(took_too_long().into());
            }
            match guard(self.ends_at, self.stream.next()).await? {
                Some(Ok(Piece::Text(text))) => {
                    let text = self.cut(text);
                    if !text.is_empty() {
                        return Ok(Piece::Text(text));
                    }
                }
                Some(Ok(Piece::End(_))) if self.bytes == 0 => return Err(ApiError::ModelFailed(said_nothing())),
                Some(Ok(Piece::End(end))) => return Ok(Piece::End(end)),
                Some(Err(error)) => return Err(error.into()),
                None => return Err(ApiError::ModelFailed(Cause::because("the model broke off"))),
            }
        }
    }

    fn cut(&mut self, mut text: String) -> String {
        let room = MAX_REPLY_BYTES - self.bytes;
        if text.len() > room {
            text.truncate(text.floor_char_boundary(room));
            self.is_full = true;
        }
        self.bytes += text.len();
        text
    }
}

/// A panic is the model's failure like any other: what was held is released.
async fn guard<T>(ends_at: Instant, work: impl Future<Output = T>) -> Result<T, ModelError> {
    match timeout_at(ends_at, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err(ModelError::Failed(Cause::because("the model panicked"))),
        Err(_) => Err(took_too_long()),
    }
}

fn took_too_long() -> ModelError {
    ModelError::Failed(Cause::because("the model took too long"))
}

fn said_nothing() -> Cause {
    Cause::because("the model said nothing")
}

fn shortened(mut reply: Reply) -> Reply {
    if reply.text.len() > MAX_REPLY_BYTES {
        reply.text.truncate(reply.text.floor_char_boundary(MAX_REPLY_BYTES));
        reply.end.finish_reason = FinishReason::Length;
    }
    reply
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use futures_util::stream;

    use super::*;
    use crate::models::{Dummy, DummyFailure, Usage};

    const LIMIT: Duration = Duration::from_secs(5);

    fn failing(delay: Duration, failure: Option<DummyFailure>) -> Model {
        Model::new(Dummy { delay, failure })
    }

    async fn streamed(model: &Model) -> (Vec<String>, Result<End, ApiError>) {
        let mut texts = Vec::new();
        let mut pieces = match model.stream(&Prompt::default(), 10, LIMIT).await {
            Ok(pieces) => pieces,
            Err(error) => return (texts, Err(error)),
        };
        loop {
            match pieces.next().await {
                Ok(Piece::Text(text)) => texts.push(text),
                Ok(Piece::End(end)) => return (texts, Ok(end)),
                Err(error) => return (texts, Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn the_dummy_answers_as_the_django_app_did_whole_and_streamed() {
        let model = failing(Duration::ZERO, None);
        assert_eq!(model.reply(&Prompt::default(), 10, LIMIT).await.unwrap().text, "Dummy Response");
        let (texts, end) = streamed(&model).await;
        assert_eq!(texts, ["Dummy", " Response"]);
        assert_eq!(end.unwrap().finish_reason, FinishReason::Stop);
    }

    /// Says these texts, whole or one by one, and counts as many tokens.
    #[derive(Debug)]
    struct Recited(Vec<String>);

    impl Recited {
        fn end(&self) -> End {
            let usage = Usage { input_tokens: 1, output_tokens: self.0.len() as u64, estimated: false };
            End { finish_reason: FinishReason::Stop, usage: Some(usage) }
        }
    }

    impl ChatModel for Recited {
        fn id(&self) -> &'static str {
            "recited"
        }

        fn unsupported(&self, _sampling: &Sampling) -> Option<&'static str> {
            None
        }

        fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
            async move { Ok(Reply { text: self.0.concat(), end: self.end() }) }.boxed()
        }

        fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
            let pieces: Vec<_> = self.0.iter().cloned().map(Piece::Text).chain([Piece::End(self.end())]).collect();
            async move { Ok(stream::iter(pieces).map(Ok).boxed()) }.boxed()
        }
    }

    #[tokio::test]
    async fn a_reply_of_the_most_bytes_is_whole() {
        let model = Recited(vec!["x".repeat(MAX_REPLY_BYTES - 1), "y".to_owned()]);
        let (end, model) = (model.end(), Model::new(model));
        let whole = model.reply(&Prompt::default(), 10, LIMIT).await.unwrap();
        assert_eq!((whole.text.len(), whole.end), (MAX_REPLY_BYTES, end));
        let (texts, streamed_end) = streamed(&model).await;
        assert_eq!((texts.concat(), streamed_end.unwrap()), (whole.text, end));
    }

    /// Each letter has two bytes, and the limit is in the middle of one.
    #[tokio::test]
    async fn a_longer_reply_is_cut_before_a_character_that_no_longer_fits() {
        for texts in [
            vec![format!("x{}", "\u{fc}".repeat(MAX_REPLY_BYTES))],
            vec!["x".to_owned(), "\u{fc}".repeat(MAX_REPLY_BYTES / 2 - 1), "\u{fc}".to_owned(), "z".to_owned()],
        ] {
            let expected = format!("x{}", "\u{fc}".repeat(MAX_REPLY_BYTES / 2 - 1));
            let model = Model::new(Recited(texts));
            let whole = model.reply(&Prompt::default(), 10, LIMIT).await.unwrap();
            assert!(whole.text == expected, "{} bytes", whole.text.len());
            assert_eq!(whole.end.finish_reason, FinishReason::Length);
            let (texts, end) = streamed(&model).await;
            assert!(texts.concat() == expected, "{} bytes", texts.concat().len());
            assert!(texts.iter().all(|text| !text.is_empty()));
            assert_eq!(end.unwrap(), End { finish_reason: FinishReason::Length, usage: None });
        }
    }

    #[tokio::test]
    async fn a_model_that_says_nothing_has_failed() {
        for texts in [vec![], vec![String::new(), String::new()]] {
            let model = Model::new(Recited(texts));
            let whole = model.reply(&Prompt::default(), 10, LIMIT).await;
            assert!(matches!(whole, Err(ApiError::ModelFailed(_))));
            let (texts, end) = streamed(&model).await;
            assert!(texts.is_empty() && matches!(end, Err(ApiError::ModelFailed(_))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_fails_panics_breaks_off_or_takes_too_long_has_failed() {
        for (delay, failure, delivered) in [
            (Duration::ZERO, Some(DummyFailure::Error), 0),
            (Duration::ZERO, Some(DummyFailure::Panic), 0),
            (Duration::ZERO, Some(DummyFailure::Cut), 1),
            (Duration::from_secs(3), None, 1),
            (Duration::from_secs(6), None, 0),
        ] {
            let model = failing(delay, failure);
            let whole = model.reply(&Prompt::default(), 10, LIMIT).await;
            assert!(matches!(whole, Err(ApiError::ModelFailed(_))), "{failure:?}");
            let (texts, end) = streamed(&model).await;
            assert!(matches!(end, Err(ApiError::ModelFailed(_))), "{failure:?}");
            assert_eq!(texts.len(), delivered, "{failure:?}");
        }
    }
}
