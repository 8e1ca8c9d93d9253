//! Any model, with limits on the time and the length of its replies.

mod ended_choices;
mod reply_room;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

#[cfg(feature = "bedrock")]
use crate::bedrock::Bedrock;
use crate::catalogue::StreamPolicy;
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::model::ended_choices::EndedChoices;
use crate::model::reply_room::ReplyRoom;
#[cfg(feature = "openai")]
use crate::openai::OpenAi;
use crate::prompt::Prompt;
use crate::reply::{End, MAX_EMBEDDINGS_BYTES, Part, Piece, ReplyStream};
use crate::settings::ModelSettings;
use crate::written::Written;
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;
use domain::setting::SettingError;

/// Problem of a `MODEL` that this binary was built without.
#[cfg(not(all(feature = "bedrock", feature = "openai")))]
const NOT_BUILT_IN: &str = "names a model that is not built into this function: build it with that feature";

/// A model with limits: a reply comes in time, and has at most [`MAX_REPLY_BYTES`](crate::reply::MAX_REPLY_BYTES) of words,
/// or the model has failed. A panic is a failure too.
#[derive(Clone, Debug)]
pub struct Model {
    unlimited: Arc<dyn ChatModel>,
    streams: StreamPolicy,
    timeout: Option<Duration>,
    image_tokens: u32,
}

impl Model {
    /// Puts limits on `model`, which is asked for streams.
    #[must_use]
    pub fn new(model: impl ChatModel + 'static) -> Self {
        Self { unlimited: Arc::new(model), streams: StreamPolicy::Always, timeout: None, image_tokens: 0 }
    }

    /// The same model. It is asked for streams as `streams` says, and otherwise for whole replies, of which nothing is there
    /// if they are not complete in time.
    #[must_use]
    pub fn streaming(self, streams: StreamPolicy) -> Self {
        Self { streams, ..self }
    }

    /// The same model, whose replies end within `timeout` also where the caller would wait for longer.
    #[must_use]
    pub fn ending_within(self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self }
    }

    /// The same model, whose usage is estimated with `image_tokens` for each image.
    #[must_use]
    pub fn counting_images(self, image_tokens: u32) -> Self {
        Self { image_tokens, ..self }
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

    /// The opening of a connection to the provider, or a look at the one that is open, as [`ChatModel::opening`] says.
    #[must_use]
    pub fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        self.unlimited.opening()
    }

    /// Whether the model reads the prompt. One that does not needs no earlier messages in it.
    #[must_use]
    pub fn reads_context(&self) -> bool {
        self.unlimited.reads_context()
    }

    /// The first parameter of `prompt` that the model cannot honour, by its name in OpenAI's protocol.
    #[must_use]
    pub fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        self.unlimited.unsupported(prompt)
    }

    /// The fewest tokens that a reply may be limited to.
    #[must_use]
    pub fn least_output_tokens(&self) -> u32 {
        self.unlimited.least_output_tokens()
    }

    /// The reply to `prompt` piece by piece, as far as it comes within `limit`.
    ///
    /// # Errors
    /// As [`Pieces::next`].
    pub async fn stream(&self, prompt: &Prompt, max_output_tokens: u32, limit: Duration) -> Result<Pieces, ModelError> {
        let ends_at = Instant::now() + self.timeout.map_or(limit, |timeout| timeout.min(limit));
        let is_whole = !self.streams.streams(prompt);
        let stream = if is_whole {
            let reply = guard(ends_at, self.unlimited.reply(prompt, max_output_tokens)).await??;
            stream::iter(reply.into_pieces()).map(Ok).boxed()
        } else {
            guard(ends_at, self.unlimited.stream(prompt, max_output_tokens)).await??
        };
        let written = Written::in_reply_to(prompt, self.image_tokens);
        let (choices, ended, room) = (prompt.choices(), EndedChoices::default(), ReplyRoom::default());
        Ok(Pieces { stream, ends_at, is_whole, choices, written, ended, room })
    }
}

/// A part of a reply, as it is handed out.
#[derive(Debug, PartialEq, Eq)]
pub enum ShownPiece {
    /// The next part of a choice, which is not empty. Of calls of tools, only one that was cut lacks something.
    Part {
        /// The place of the choice, from 0.
        choice: u8,
        /// The part.
        part: Part,
    },
    /// The reply is complete, with all its choices.
    End {
        /// Why each choice ended, by its place. There is at least one.
        finish_reasons: Vec<FinishReason>,
        /// The provider's count of tokens, or our estimate.
        usage: Usage,
    },
}

/// A reply that the model is still writing.
pub struct Pieces {
    stream: ReplyStream,
    ends_at: Instant,
    /// Whether the reply came whole. Then its end is there too, also if there is no room for all of the reply.
    is_whole: bool,
    /// The choices that were asked for. Parts of others are not handed out.
    choices: u8,
    written: Written,
    ended: EndedChoices,
    room: ReplyRoom,
}

impl Pieces {
    /// The next piece: any number of parts, then the end. A reply that is too long or has too many calls, or whose time is
    /// up after its first words, ends with [`FinishReason::Length`].
    ///
    /// # Errors
    /// [`ModelError::Failed`] if the model fails, panics, or has written nothing when its time is up. Before the model
    /// has written anything: [`ModelError::Refused`] if it does not accept the request, [`ModelError::Throttled`],
    /// [`ModelError::Misconfigured`] and [`ModelError::Unavailable`] if the provider turns it away. After its first
    /// words, an error means that the reply broke off.
    pub async fn next(&mut self) -> Result<ShownPiece, ModelError> {
        loop {
            if self.room.is_full && !self.is_whole {
                return Ok(self.cut_short());
            }
            // A timeout never ends a stream that always has a piece ready.
            if Instant::now() >= self.ends_at {
                return self.time_is_up();
            }
            match guard(self.ends_at, self.stream.next()).await {
                Ok(Some(Ok(piece))) => {
                    if let Some(piece) = self.shown(piece)? {
                        return Ok(piece);
                    }
                }
                Ok(Some(Err(error))) => return self.broke_off(error),
                Ok(None) => return self.broke_off(without_an_end()),
                Err(Interruption::TimeIsUp) => return self.time_is_up(),
                Err(panic @ Interruption::Panic) => return Err(panic.into()),
            }
        }
    }

    /// Our estimate of the tokens that the reply took so far.
    #[must_use]
    pub fn estimated_usage(&self) -> Usage {
        self.written.usage()
    }

    /// The part of `piece` that is handed out, if there is one.
    fn shown(&mut self, piece: Piece) -> Result<Option<ShownPiece>, ModelError> {
        Ok(match piece {
            Piece::Part { part: Part::Embeddings(array), .. } if array.bytes() > MAX_EMBEDDINGS_BYTES => {
                return Err(ModelError::Failed(Cause::because("the vectors are too long")));
            }
            Piece::Counted(usage) => {
                self.written.count_input(&usage);
                None
            }
            Piece::Part { choice, part } => self.shown_part(choice, part),
            Piece::Finished { choice, reason } => {
                if choice < self.choices {
                    // After the last words for which there was room, a choice lacks some.
                    self.ended.finish(choice, if self.room.is_full { FinishReason::Length } else { reason });
                }
                None
            }
            Piece::Hidden { bytes } => {
                self.written.add(bytes);
                None
            }
            Piece::End(End { finish_reason: FinishReason::BrokenOff, .. }) => {
                return self.broke_off(without_an_end()).map(Some);
            }
            Piece::End(End { finish_reason, usage }) => {
                let finish_reason = if self.room.is_full { FinishReason::Length } else { finish_reason };
                let usage = self.written.corrected(usage);
                Some(ShownPiece::End { finish_reasons: self.finish_reasons(finish_reason), usage })
            }
        })
    }

    fn shown_part(&mut self, choice: u8, part: Part) -> Option<ShownPiece> {
        self.written.add_part(&part);
        if choice >= self.choices || self.room.is_full {
            return None;
        }
        let part = self.room.fitting(part)?;
        self.ended.begin(choice);
        Some(ShownPiece::Part { choice, part })
    }

    /// Why each choice ended, in a reply that ended because of `reason`.
    #[must_use]
    pub fn finish_reasons(&self, reason: FinishReason) -> Vec<FinishReason> {
        self.ended.reasons(reason)
    }

    /// The end of a reply whose rest is not read, so that the provider's count stays unknown.
    fn cut_short(&self) -> ShownPiece {
        self.ended_because_of(FinishReason::Length)
    }

    fn ended_because_of(&self, reason: FinishReason) -> ShownPiece {
        ShownPiece::End { finish_reasons: self.finish_reasons(reason), usage: self.written.usage() }
    }

    /// The end of a reply whose model failed with `error`. A choice that ended before is a reply, and is billed.
    fn broke_off(&self, error: ModelError) -> Result<ShownPiece, ModelError> {
        if self.room.is_full {
            return Ok(self.cut_short());
        }
        if self.ended.has_ended_one() {
            tracing::warn!(cause = %error, "the model broke off after it had ended a choice");
            return Ok(self.ended_because_of(FinishReason::BrokenOff));
        }
        Err(self.failure(error))
    }

    fn time_is_up(&self) -> Result<ShownPiece, ModelError> {
        if self.has_begun() { Ok(self.cut_short()) } else { Err(Interruption::TimeIsUp.into()) }
    }

    /// Whether there is something that the provider bills: words, also if they are not handed out, or a choice that ended
    /// without any.
    fn has_begun(&self) -> bool {
        self.written.has_begun() || self.ended.has_ended_one()
    }

    /// A provider that has begun to write has accepted the request, whatever its error says.
    fn failure(&self, error: ModelError) -> ModelError {
        if self.has_begun() { ModelError::Failed(error.into_cause()) } else { error }
    }
}

/// The reason why work for a model has no result.
#[derive(Clone, Copy, Debug)]
enum Interruption {
    TimeIsUp,
    Panic,
}

impl From<Interruption> for ModelError {
    fn from(interruption: Interruption) -> Self {
        Self::Failed(Cause::because(match interruption {
            Interruption::TimeIsUp => "the model took too long",
            Interruption::Panic => "the model panicked",
        }))
    }
}

/// Ends `work` at `ends_at`, and keeps a panic in it.
async fn guard<T>(ends_at: Instant, work: impl Future<Output = T>) -> Result<T, Interruption> {
    match timeout_at(ends_at, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err(Interruption::Panic),
        Err(_) => Err(Interruption::TimeIsUp),
    }
}

fn without_an_end() -> ModelError {
    ModelError::Failed(Cause::because("the model broke off"))
}

#[cfg(test)]
mod tests;
