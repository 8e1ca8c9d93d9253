//! Models that follow the script of the process that asks them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use providers::catalogue::{CataloguedModel, Provider};
use providers::chat_model::ChatModel;
use providers::error::ModelError;
use providers::model::Model;
use providers::offers::Connect;
use providers::prompt::Prompt;
use providers::raw_array::RawArray;
use providers::reply::{End, Part, Piece, Reply, ReplyStream, SaidChoice};
use shared::domain::cause::Cause;
use shared::domain::message::FinishReason;
use shared::domain::pricing::Usage;

use super::chat::{counted, response, vectors};
use crate::request::{Chat, ModelFailure};
use crate::sabotage::Sabotage;
use crate::world::{AnsweringModel, AskedModel, World};

/// The connection of an instance to all models. It stays while processes follow each other, and each has its own script.
#[derive(Clone, Debug, Default)]
pub(super) struct ScriptedConnection(Arc<Mutex<Option<Arc<Script>>>>);

impl ScriptedConnection {
    /// Lets all models follow `script` from now on.
    pub(super) fn follow(&self, script: Script) {
        *self.0.lock().unwrap() = Some(Arc::new(script));
    }
}

impl Connect for ScriptedConnection {
    fn connect(&self, _provider: &Provider, model: &CataloguedModel) -> Model {
        Model::new(Scripted { terms: model.clone(), connection: self.clone() })
    }
}

/// The script of all models of a process.
#[derive(Debug)]
pub(super) struct Script {
    number: usize,
    chat: Chat,
    /// Whether the extra parameter goes to models that do not list it too.
    passes_everything_on: bool,
    question: AskedModel,
    /// How many models were asked.
    asks: AtomicUsize,
    asked: Arc<Mutex<Vec<AskedModel>>>,
    answered: Arc<Mutex<HashMap<usize, AnsweringModel>>>,
}

impl Script {
    pub(super) fn of(world: &World, number: usize, chat: &Chat) -> Self {
        Self {
            number,
            chat: chat.clone(),
            passes_everything_on: world.sabotage == Some(Sabotage::ExtraToEveryModel),
            question: AskedModel { process: number, user_id: chat.access.user_id() },
            asks: AtomicUsize::new(0),
            asked: Arc::clone(&world.asked),
            answered: Arc::clone(&world.answered),
        }
    }

    fn response(&self) -> String {
        response(self.number, self.chat.is_long)
    }
}

/// A model of the catalogue.
#[derive(Debug)]
struct Scripted {
    terms: CataloguedModel,
    connection: ScriptedConnection,
}

impl Scripted {
    fn script(&self) -> Arc<Script> {
        self.connection.0.lock().unwrap().clone().unwrap()
    }

    fn has_extra(&self, script: &Script) -> bool {
        let is_given = script.passes_everything_on && script.chat.extra_bytes > 0;
        is_given || script.chat.gives_extra_to(&self.terms)
    }

    fn counted(&self, script: &Script) -> Usage {
        counted(&script.chat, self.has_extra(script))
    }

    /// Notes that the model is asked, unless it turns the question away, and waits while it thinks.
    async fn think(&self, script: &Script) -> Result<(), ModelError> {
        let is_first = script.asks.fetch_add(1, Ordering::SeqCst) == 0;
        let error = match script.chat.failure {
            Some(ModelFailure::Fails) => Some(failed()),
            Some(ModelFailure::TurnsAway) => Some(turned_away()),
            Some(ModelFailure::FirstTurnsAway) if is_first => Some(turned_away()),
            _ => None,
        };
        if error.as_ref().is_none_or(ModelError::may_have_worked) {
            script.asked.lock().unwrap().push(script.question);
        }
        tokio::time::sleep(script.chat.thinks).await;
        if let Some(error) = error {
            return Err(error);
        }
        let answering = AnsweringModel { id: self.terms.id.clone(), has_extra: self.has_extra(script) };
        script.answered.lock().unwrap().insert(script.number, answering);
        Ok(())
    }
}

impl ChatModel for Scripted {
    fn unsupported(&self, _prompt: &Prompt) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async {
            let script = self.script();
            self.think(&script).await?;
            let end = End { finish_reason: FinishReason::Stop, usage: Some(self.counted(&script)) };
            if script.chat.is_for_vectors() {
                let embeddings = RawArray::parse(&vectors(script.number, &script.chat));
                return Ok(Reply::of(SaidChoice { embeddings, ..SaidChoice::default() }, end));
            }
            let choice = SaidChoice::text(script.response());
            Ok(Reply { choices: vec![choice; script.chat.choices.into()], end })
        }
        .boxed()
    }

    /// The whole text of each choice. In a stream the end comes after the same time again.
    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async {
            let script = self.script();
            self.think(&script).await?;
            let end = End { finish_reason: FinishReason::Stop, usage: Some(self.counted(&script)) };
            let end = if script.chat.breaks_off { Err(failed()) } else { Ok(Piece::End(end)) };
            let (response, choices) = (script.response(), script.chat.choices);
            let text = stream::iter(0..choices)
                .map(move |choice| Ok(Piece::Part { choice, part: Part::Text(response.clone()) }));
            let goes_on = if script.chat.is_streamed { script.chat.thinks } else { Duration::ZERO };
            let last = stream::once(async move {
                tokio::time::sleep(goes_on).await;
                end
            });
            Ok(text.chain(last).boxed())
        }
        .boxed()
    }
}

fn failed() -> ModelError {
    ModelError::Failed(Cause::because("the model was to fail"))
}

fn turned_away() -> ModelError {
    ModelError::Unavailable { retry_after: None, cause: Cause::because("the model was to turn the request away") }
}
