//! Any model, with limits on the time and the length of its replies.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout_at};

#[cfg(feature = "bedrock")]
use crate::bedrock::Bedrock;
use crate::chat_model::ChatModel;
use crate::error::ModelError;
#[cfg(feature = "openai")]
use crate::openai::OpenAi;
use crate::prompt::{Prompt, Sampling};
use crate::reply::{End, MAX_REPLY_BYTES, Piece, Reply, ReplyStream};
use crate::settings::ModelSettings;
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::setting::SettingError;

/// Problem of a `MODEL` that this binary was built without.
#[cfg(not(all(feature = "bedrock", feature = "openai")))]
const NOT_BUILT_IN: &str = "names a model that is not built into this function: build it with that feature";

/// A model with limits: a reply comes in time and has at most [`MAX_REPLY_BYTES`], or the model has failed. A panic is
/// a failure too.
#[derive(Clone, Debug)]
pub struct Model(Arc<dyn ChatModel>);

impl Model {
    /// Puts limits on `model`.
    #[must_use]
    pub fn new(model: impl ChatModel + 'static) -> Self {
        Self(Arc::new(model))
    }

    /// Connects to the model that `settings` name.
    ///
    /// # Errors
    /// [`SettingError`] for a model that is not built in (features `openai` and `bedrock`), or that cannot be reached
    /// with these settings.
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
            _ => Err(SettingError::new("MODEL", NOT_BUILT_IN)),
        }
    }

    /// Whether the model reads the prompt. One that does not needs no earlier messages in it.
    #[must_use]
    pub fn reads_context(&self) -> bool {
        self.0.reads_context()
    }

    /// The model's name, for callers and for receipts.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// The first parameter of `sampling` that the model cannot honour, by its name in OpenAI's protocol.
    #[must_use]
    pub fn unsupported(&self, sampling: &Sampling) -> Option<&'static str> {
        self.0.unsupported(sampling)
    }

    /// The whole reply to `prompt`, if it comes within `limit`. A longer one than [`MAX_REPLY_BYTES`] is cut.
    ///
    /// # Errors
    /// [`ModelError::Failed`] if the model fails, panics, writes no text or takes longer; [`ModelError::Refused`] if it
    /// does not accept the request; [`ModelError::Unavailable`] if it is busy or cannot be reached.
    pub async fn reply(&self, prompt: &Prompt, max_output_tokens: u32, limit: Duration) -> Result<Reply, ModelError> {
        let reply = guard(Instant::now() + limit, self.0.reply(prompt, max_output_tokens)).await??;
        if reply.text.is_empty() {
            return Err(ModelError::Failed(said_nothing()));
        }
        Ok(shortened(reply))
    }

    /// The reply to `prompt` piece by piece, as far as it comes within `limit`.
    ///
    /// # Errors
    /// As [`Model::reply`].
    pub async fn stream(&self, prompt: &Prompt, max_output_tokens: u32, limit: Duration) -> Result<Pieces, ModelError> {
        let ends_at = Instant::now() + limit;
        let stream = guard(ends_at, self.0.stream(prompt, max_output_tokens)).await??;
        Ok(Pieces { stream, ends_at, bytes: 0, is_full: false })
    }
}

/// A reply that the model is still writing.
pub struct Pieces {
    stream: ReplyStream,
    ends_at: Instant,
    bytes: usize,
    is_full: bool,
}

impl Pieces {
    /// The next piece: at least one text, none of them empty, then the end.
    ///
    /// # Errors
    /// As [`Model::reply`]. After a text, an error means that the reply broke off.
    pub async fn next(&mut self) -> Result<Piece, ModelError> {
        loop {
            if self.is_full {
                // The rest of the reply is not read, so the model's count stays unknown.
                return Ok(Piece::End(End { finish_reason: FinishReason::Length, usage: None }));
            }
            // A timeout never ends a stream that always has a piece ready.
            if Instant::now() >= self.ends_at {
                return Err(took_too_long());
            }
            match guard(self.ends_at, self.stream.next()).await? {
                Some(Ok(Piece::Text(text))) => {
                    let text = self.cut(text);
                    if !text.is_empty() {
                        return Ok(Piece::Text(text));
                    }
                }
                Some(Ok(Piece::Refusal(text))) => {
                    let text = self.cut(text);
                    if !text.is_empty() {
                        return Ok(Piece::Refusal(text));
                    }
                }
                Some(Ok(Piece::End(_))) if self.bytes == 0 => return Err(ModelError::Failed(said_nothing())),
                Some(Ok(Piece::End(end))) => return Ok(Piece::End(end)),
                Some(Err(error)) => return Err(error),
                None => return Err(ModelError::Failed(Cause::because("the model broke off"))),
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

/// Ends `work` at `ends_at`. A timeout and a panic become failures of the model.
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
    use crate::dummy::{Dummy, DummyFailure};
    use domain::pricing::Usage;

    const LIMIT: Duration = Duration::from_secs(5);

    fn failing(delay: Duration, failure: Option<DummyFailure>) -> Model {
        Model::new(Dummy { delay, failure })
    }

    async fn streamed(model: &Model) -> (Vec<String>, Result<End, ModelError>) {
        let mut texts = Vec::new();
        let mut pieces = match model.stream(&Prompt::default(), 10, LIMIT).await {
            Ok(pieces) => pieces,
            Err(error) => return (texts, Err(error)),
        };
        loop {
            match pieces.next().await {
                Ok(Piece::Text(text) | Piece::Refusal(text)) => texts.push(text),
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
            async move { Ok(Reply { text: self.0.concat(), refusal: None, end: self.end() }) }.boxed()
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
            assert!(matches!(whole, Err(ModelError::Failed(_))));
            let (texts, end) = streamed(&model).await;
            assert!(texts.is_empty() && matches!(end, Err(ModelError::Failed(_))));
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
            assert!(matches!(whole, Err(ModelError::Failed(_))), "{failure:?}");
            let (texts, end) = streamed(&model).await;
            assert!(matches!(end, Err(ModelError::Failed(_))), "{failure:?}");
            assert_eq!(texts.len(), delivered, "{failure:?}");
        }
    }
}
