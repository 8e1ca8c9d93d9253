//! Any model, with limits on the time and the length of its replies.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

#[cfg(feature = "bedrock")]
use crate::bedrock::Bedrock;
use crate::catalogue::StreamPolicy;
use crate::chat_model::ChatModel;
use crate::error::ModelError;
#[cfg(feature = "openai")]
use crate::openai::OpenAi;
use crate::prompt::Prompt;
use crate::reply::{End, MAX_REPLY_BYTES, MAX_TOOL_CALLS, Piece, Reply, ReplyStream, ToolCallDelta};
use crate::settings::ModelSettings;
use crate::written::Written;
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;
use domain::setting::SettingError;

/// Problem of a `MODEL` that this binary was built without.
#[cfg(not(all(feature = "bedrock", feature = "openai")))]
const NOT_BUILT_IN: &str = "names a model that is not built into this function: build it with that feature";

/// A model with limits: a reply comes in time and has at most [`MAX_REPLY_BYTES`], or the model has failed. A panic is
/// a failure too.
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

    /// The reply to `prompt` piece by piece, as far as it comes within `limit`.
    ///
    /// # Errors
    /// As [`Pieces::next`].
    pub async fn stream(&self, prompt: &Prompt, max_output_tokens: u32, limit: Duration) -> Result<Pieces, ModelError> {
        let ends_at = Instant::now() + self.timeout.map_or(limit, |timeout| timeout.min(limit));
        let streams = match self.streams {
            StreamPolicy::Always => true,
            StreamPolicy::TextOnly => prompt.tools.offered.is_empty(),
            StreamPolicy::Never => false,
        };
        let stream = if streams {
            guard(ends_at, self.unlimited.stream(prompt, max_output_tokens)).await??
        } else {
            in_one_piece(guard(ends_at, self.unlimited.reply(prompt, max_output_tokens)).await??)
        };
        let written = Written::in_reply_to(prompt, self.image_tokens);
        Ok(Pieces { stream, ends_at, written, shown_bytes: 0, is_full: false })
    }
}

/// A part of a reply, as it is handed out.
#[derive(Debug, PartialEq, Eq)]
pub enum ShownPiece {
    /// The next part of the text, not empty.
    Text(String),
    /// The next part of the refusal, not empty.
    Refusal(String),
    /// The next part of the reasoning, not empty.
    Reasoning(String),
    /// The next part of a call of a tool. Only a call that was cut lacks something.
    ToolCall(ToolCallDelta),
    /// The reply is complete.
    End {
        /// Why the reply ended.
        finish_reason: FinishReason,
        /// The provider's count of tokens, or our estimate.
        usage: Usage,
    },
}

/// A reply that the model is still writing.
pub struct Pieces {
    stream: ReplyStream,
    ends_at: Instant,
    written: Written,
    /// The bytes of texts and calls that were handed out.
    shown_bytes: usize,
    is_full: bool,
}

impl Pieces {
    /// The next piece: any number of texts, refusals, reasoning and parts of calls, then the end. A reply that is too long
    /// or has too many calls, or whose time is up after its first words, ends with [`FinishReason::Length`].
    ///
    /// # Errors
    /// [`ModelError::Failed`] if the model fails, panics, or has written nothing when its time is up. Before the model
    /// has written anything: [`ModelError::Refused`] if it does not accept the request, [`ModelError::Throttled`],
    /// [`ModelError::Misconfigured`] and [`ModelError::Unavailable`] if the provider turns it away. After its first
    /// words, an error means that the reply broke off.
    pub async fn next(&mut self) -> Result<ShownPiece, ModelError> {
        loop {
            if self.is_full {
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
                Ok(Some(Err(error))) => return Err(self.failure(error)),
                Ok(None) => return Err(broke_off()),
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
            Piece::Text(text) => self.cut(text).map(ShownPiece::Text),
            Piece::Refusal(text) => self.cut(text).map(ShownPiece::Refusal),
            Piece::Reasoning(text) => self.cut(text).map(ShownPiece::Reasoning),
            Piece::ToolCall(delta) => self.cut_call(delta).map(ShownPiece::ToolCall),
            Piece::Hidden { bytes } => {
                self.written.add(bytes);
                None
            }
            Piece::End(End { finish_reason: FinishReason::BrokenOff, .. }) => return Err(broke_off()),
            Piece::End(End { finish_reason, usage }) => {
                Some(ShownPiece::End { finish_reason, usage: self.written.corrected(usage) })
            }
        })
    }

    /// `text` as far as there is room for it, unless nothing is left of it.
    fn cut(&mut self, text: String) -> Option<String> {
        self.written.add(text.len());
        Some(self.fitting(text)).filter(|text| !text.is_empty())
    }

    /// `delta` with as much of its arguments as there is room for. There is nothing left of it if its id and its name
    /// do not fit, or if it begins one call too many.
    fn cut_call(&mut self, mut delta: ToolCallDelta) -> Option<ToolCallDelta> {
        self.written.add(delta.bytes());
        let names_bytes = delta.names_bytes();
        let is_one_too_many = usize::try_from(delta.index).is_ok_and(|index| index >= MAX_TOOL_CALLS);
        if is_one_too_many || names_bytes > self.room() {
            self.is_full = true;
            return None;
        }
        self.shown_bytes += names_bytes;
        delta.arguments = self.fitting(delta.arguments);
        (delta.bytes() > 0).then_some(delta)
    }

    /// The beginning of `text` for which there is room. It counts as handed out.
    fn fitting(&mut self, mut text: String) -> String {
        let room = self.room();
        if text.len() > room {
            text.truncate(text.floor_char_boundary(room));
            self.is_full = true;
        }
        self.shown_bytes += text.len();
        text
    }

    fn room(&self) -> usize {
        MAX_REPLY_BYTES - self.shown_bytes
    }

    /// The end of a reply whose rest is not read, so that the provider's count stays unknown.
    fn cut_short(&self) -> ShownPiece {
        ShownPiece::End { finish_reason: FinishReason::Length, usage: self.written.usage() }
    }

    fn time_is_up(&self) -> Result<ShownPiece, ModelError> {
        // Words that are not handed out are billed too.
        if self.written.is_something() { Ok(self.cut_short()) } else { Err(Interruption::TimeIsUp.into()) }
    }

    /// A provider that has begun to write has accepted the request, whatever its error says.
    fn failure(&self, error: ModelError) -> ModelError {
        if self.written.is_something() { ModelError::Failed(error.into_cause()) } else { error }
    }
}

/// The pieces of a reply that came whole.
fn in_one_piece(reply: Reply) -> ReplyStream {
    let Reply { text, refusal, reasoning, calls, end } = reply;
    let words = [reasoning.map(Piece::Reasoning), Some(Piece::Text(text)), refusal.map(Piece::Refusal)];
    let calls = calls.into_iter().enumerate().map(|(index, call)| Piece::ToolCall(ToolCallDelta::whole(index, call)));
    stream::iter(words.into_iter().flatten().chain(calls).chain([Piece::End(end)])).map(Ok).boxed()
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

fn broke_off() -> ModelError {
    ModelError::Failed(Cause::because("the model broke off"))
}

#[cfg(test)]
mod tests;
