//! The endpoint of a door: the steps of every request for a reply of a model.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use domain::setting::SettingError;
use domain::time::{Clock, Timestamp};
use futures_util::{Stream, StreamExt, stream};
use identity::accounts::Accounts;
use identity::callers::Callers;

use crate::door::door_error::DoorError;
use crate::door::error::ProtocolError;
use crate::door::error_parts::ErrorParts;
use crate::door::request::DoorRequest;
use crate::door::writer::Writer;
use crate::door::{Door, ErrorForm};
use crate::endpoint::{Endpoint, Resources};
use crate::error::ApiError;
use crate::http::{Answer, BrokenStream, EventStream, Method, Request, Streamable};
use crate::settings::{ChatSettings, Settings};
use crate::till::{HeldOrReplay, HeldQuestion, PaidReply, ReplyPiece, Till};

/// Timeout for whole replies. API Gateway ends a response after five minutes without a byte, and the bytes of a whole
/// reply come at its end: a reply that arrives too late must not be charged.
const WHOLE_REPLY_TIMEOUT: Duration = Duration::from_secs(295);

/// The endpoint of the door `D`.
pub struct DoorEndpoint<D> {
    callers: Callers,
    accounts: Accounts,
    till: Arc<Till>,
    stream_timeout: Duration,
    clock: Clock,
    door: PhantomData<D>,
}

impl<D: Door> Endpoint for DoorEndpoint<D> {
    type Answer = Streamable<DoorError<D::Errors>>;
    type Error = DoorError<D::Errors>;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let chat = ChatSettings::from_environment()?;
        let (callers, till) = resources.callers_and_till(&chat).await?;
        let (accounts, till, clock) = (resources.accounts(), Arc::new(till), resources.clock.clone());
        Ok(Self { callers, accounts, till, stream_timeout: chat.stream_timeout, clock, door: PhantomData })
    }

    fn timeout(&self, _settings: &Settings) -> Duration {
        self.stream_timeout
    }

    async fn answer(&self, request: Request) -> Result<Self::Answer, Self::Error> {
        let caller = self.callers.caller(request.bearer()?).await?;
        let key = request.idempotency_key()?;
        let asked = D::read(&request)?;
        let latest = request.deadline();
        // Images have megabytes. From here on they are in the prompt alone.
        drop(request);
        let remembered = key.map(|key| asked.remembered(key)).transpose()?;
        let (form, is_streamed) = (asked.form.clone(), asked.is_streamed);
        let deadline = self.deadline(latest, is_streamed);
        let held = self.till.admit_and_hold(caller, remembered, |offers| asked.question(offers, deadline)).await?;
        match held {
            HeldOrReplay::Question(question) if is_streamed => self.streamed(question, &form).await,
            HeldOrReplay::Question(question) => Ok(whole::<D>(&self.till.reply(question).await?, &form)?.into()),
            HeldOrReplay::Replay(paid) if is_streamed => Ok(streamed_again::<D>(&paid, &form)),
            HeldOrReplay::Replay(paid) => Ok(whole::<D>(&paid, &form)?.replayed().into()),
        }
    }
}

impl<D: Door> DoorEndpoint<D> {
    /// The tokens of the prompt of `request`, by the estimate that is compared with the model's context window. Nothing is
    /// held, and no model is asked.
    ///
    /// # Errors
    /// Those of a request for a reply, but for those of the hold and of the reply.
    pub async fn estimated_input_tokens(
        &self,
        request: &Request,
        read: impl FnOnce(&Request) -> Result<DoorRequest<D>, ProtocolError> + Send,
    ) -> Result<u64, DoorError<D::Errors>> {
        let caller = self.callers.caller(request.bearer()?).await?;
        let asked = read(request)?;
        // A valid token may have been revoked: only the account tells.
        let limits = self.accounts.confirm(caller).await?;
        let offers = self.till.offers(Some(&limits)).await?;
        let candidates = asked.candidates(&offers)?;
        asked.check(&candidates.first)?;
        Ok(candidates.first.estimated_input_tokens(&asked.prompt))
    }

    /// The deadline of an answer, `latest` or earlier.
    fn deadline(&self, latest: Timestamp, is_streamed: bool) -> Timestamp {
        if is_streamed { latest } else { latest.min(self.clock.now().plus(WHOLE_REPLY_TIMEOUT)) }
    }

    async fn streamed(
        &self,
        question: HeldQuestion,
        form: &D::Form,
    ) -> Result<Streamable<DoorError<D::Errors>>, DoorError<D::Errors>> {
        let mut writer = D::writer(question.id(), form);
        let beginning = Answer::event_stream().message_id(question.id()).rate_limit(question.room());
        let events = match self.till.stream(question).await {
            Ok(stream) => {
                let pieces = stream::unfold(stream, |mut stream| async move { Some((stream.next().await?, stream)) });
                events::<D::Errors>(pieces, writer)
            }
            Err(error) if D::TELLS_FINAL_FAILURES_IN_EVENTS && error.forbids_repetition() => {
                let failure = broken(&mut writer, error);
                stream::once(async { Err(failure) }).boxed()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Streamable::Events(beginning, events))
    }
}

fn whole<D: Door>(paid: &PaidReply, form: &D::Form) -> Result<Answer, ApiError> {
    Ok(D::whole(paid, form)?.message_id(paid.id).charge(paid.charge).rate_limit(paid.room))
}

/// The events of a reply that an earlier request with the same idempotency key got.
fn streamed_again<D: Door>(paid: &PaidReply, form: &D::Form) -> Streamable<DoorError<D::Errors>> {
    let events = D::writer(paid.id, form).replayed(paid);
    let beginning = Answer::event_stream().message_id(paid.id).rate_limit(paid.room).replayed();
    Streamable::Events(beginning, stream::iter(events).map(Ok).boxed())
}

/// The events of a reply that the model is writing. The till captures before it hands out the end.
fn events<F: ErrorForm>(
    pieces: impl Stream<Item = Result<ReplyPiece, ApiError>> + Send + 'static,
    writer: impl Writer,
) -> EventStream<DoorError<F>> {
    let pieces = Box::pin(pieces);
    let events = stream::unfold((pieces, writer), |(mut pieces, mut writer)| async move {
        loop {
            let written = match pieces.next().await? {
                Ok(piece) => written(&mut writer, piece),
                Err(error) => return Some((Err(broken(&mut writer, error)), (pieces, writer))),
            };
            // A text that sends nothing is a part of the silence that keep-alives fill.
            if !written.is_empty() {
                return Some((Ok(written), (pieces, writer)));
            }
        }
    });
    events.boxed()
}

fn written(writer: &mut impl Writer, piece: ReplyPiece) -> String {
    match piece {
        ReplyPiece::Begins { model_id, estimated_input_tokens } => writer.beginning(&model_id, estimated_input_tokens),
        ReplyPiece::Part { choice, part } => writer.part(choice, &part),
        ReplyPiece::Paid(paid) => writer.end(&paid),
    }
}

fn broken<F: ErrorForm>(writer: &mut impl Writer, error: ApiError) -> BrokenStream<DoorError<F>> {
    let error = ProtocolError::Api(error);
    let event = writer.error(&ErrorParts::of::<F>(&error));
    BrokenStream { error: error.into(), event }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::cause::Cause;
    use providers::reply::Part;

    use crate::door::Door;
    use crate::openai::ChatCompletions;

    type Errors = <ChatCompletions as Door>::Errors;

    /// A writer that keeps all parts until the end.
    #[derive(Default)]
    struct Patient(String);

    impl Writer for Patient {
        fn beginning(&mut self, _model_id: &str, _estimated_input_tokens: u64) -> String {
            "begins".to_owned()
        }

        fn part(&mut self, _choice: u8, part: &Part) -> String {
            if let Part::Text(text) = part {
                self.0.push_str(text);
            }
            String::new()
        }

        fn end(&mut self, _paid: &PaidReply) -> String {
            std::mem::take(&mut self.0)
        }

        fn error(&mut self, error: &ErrorParts<'_>) -> String {
            format!("{} {}", self.0, error.code)
        }
    }

    fn says(text: &str) -> ReplyPiece {
        ReplyPiece::Part { choice: 0, part: Part::Text(text.to_owned()) }
    }

    #[tokio::test(start_paused = true)]
    async fn parts_that_a_writer_keeps_are_silence_and_come_with_the_error() {
        let begins = ReplyPiece::Begins { model_id: "m".to_owned(), estimated_input_tokens: 1 };
        let fails = Err(ApiError::ModelFailed(Cause::because("it failed")));
        let pieces = stream::iter([Ok(begins), Ok(says("a")), Ok(says("b")), fails]).then(|piece| async move {
            tokio::time::sleep(Duration::from_secs(40)).await;
            piece
        });
        let mut events = events::<Errors>(pieces, Patient::default());
        assert_eq!(events.next().await.unwrap().unwrap(), "begins");
        for _ in 0..7 {
            assert!(tokio::time::timeout(Duration::from_secs(15), events.next()).await.is_err());
        }
        let broken = events.next().await.unwrap().unwrap_err();
        assert_eq!(broken.event, "ab model_failed");
        assert!(events.next().await.is_none());
    }
}
