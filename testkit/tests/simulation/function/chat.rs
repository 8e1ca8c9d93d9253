//! The function `chat`, with the prices of the catalogue.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use providers::catalogue::{Catalogue, CataloguedModel, Protocol, Provider};
use providers::dummy::Dummy;
use providers::model::Model;
use providers::offers::{Offer, Offers};
use providers::prompt::{EmbeddingInputs, Image, ImageType, Input, Prompt, Role, Turn, estimated_tokens};
use serde_json::value::to_raw_value;
use shared::domain::cause::Cause;
use shared::domain::credits::Credits;
use shared::domain::ids::ConversationId;
use shared::domain::message::{FinishReason, Message};
use shared::domain::pricing::{OutputLimits, Prices, Quote, Usage};
use shared::domain::reasoning_proof::{Proof, ProofKind, ReasoningProof};
use shared::error::ApiError;
use shared::identity::callers::Caller;
use shared::ledger::idempotency::{Fingerprint, IdempotencyKey, Remembered};
use shared::till::{Admitted, CallerLimits, HeldOrReplay, HeldQuestion, PaidReply, Question, ReplyPiece, Till};

use super::instance::Instance;
use super::{FUNCTION_TIMEOUT, STREAM_TIMEOUT};
use crate::request::{Chat, Program, Told};
use crate::sabotage::Sabotage;
use crate::world::World;

/// The extra parameter that half of the models list. Its value is a text.
pub(crate) const EXTRA: &str = "note";
/// The most bytes of its text.
pub(crate) const MOST_EXTRA_BYTES: usize = 120;

/// The most bytes of a proof of reasoning.
pub(crate) const MOST_PROOF_BYTES: usize = 200;

/// The text of which a vector is made.
const INPUT: &str = "a text of 24 characters.";

/// Vectors of at least as many bytes are not kept.
const MOST_KEPT_VECTORS: usize = 320 * 1024;

/// The time after which a stream is handed out without words.
const SILENCE: Duration = Duration::from_secs(15);

/// The reply of the model in a process. It differs for each process. A long one has no room in a message item.
pub(crate) fn response(number: usize, is_long: bool) -> String {
    let padding = if is_long { "x".repeat(1200) } else { String::new() };
    format!("Reply {number}{padding}")
}

/// The vectors that the model makes in a process, as a JSON array: the reply in place of each, which is as good as numbers. They
/// may be short, have no room in an item beside others, or be too long to be kept.
pub(crate) fn vectors(number: usize, chat: &Chat) -> String {
    let padding = if chat.breaks_off { "x".repeat(MOST_KEPT_VECTORS) } else { String::new() };
    let vector = format!("\"{}{padding}\"", response(number, chat.is_long));
    let vectors = vec![vector; usize::try_from(chat.inputs).unwrap()];
    format!("[{}]", vectors.join(","))
}

/// Whether the model in the process of this number wrote `text`, or made the vectors that it is.
pub(crate) fn is_response(number: usize, text: &str) -> bool {
    let is_text = [true, false].into_iter().any(|is_long| response(number, is_long) == text);
    let vectors: Option<Vec<String>> = text.strip_prefix('[').and_then(|_| serde_json::from_str(text).ok());
    is_text || vectors.is_some_and(|vectors| !vectors.is_empty() && vectors.iter().all(|one| is_response(number, one)))
}

/// The catalogue of the settings: one model, whose output costs a credit a token.
pub(crate) fn catalogue_of_settings() -> Catalogue {
    let prices = Prices::per_token(Credits::ZERO, Credits::new(1_000_000).unwrap());
    let terms = CataloguedModel::of_the_settings("settings", prices, 1000, 1000);
    Catalogue::of_one(Provider::new(Protocol::Dummy), terms)
}

/// A prompt with so many images and a proof of so many bytes, and without words.
pub(crate) fn wordless_prompt(images: u32, proof_bytes: usize) -> Prompt {
    let image = || Image { at: 0, media_type: ImageType::Png, data: String::new(), detail: None };
    let turn = Turn { images: (0..images).map(|_| image()).collect(), ..Turn::text(Role::User, "") };
    let data = "x".repeat(proof_bytes);
    let proof = Proof { kind: ProofKind::Encrypted, provider: None, id: None, data };
    let proof = ReasoningProof { proof, after: 0, text_before: 0, calls_before: 0 };
    let reasoned = (proof_bytes > 0).then(|| Turn { proofs: vec![proof], ..Turn::text(Role::Assistant, "") });
    Prompt { turns: reasoned.into_iter().chain([turn]).collect(), ..Prompt::default() }
}

/// The prompt of `chat`, for a function that breaks a rule or none.
fn prompt(chat: &Chat, sabotage: Option<Sabotage>) -> Prompt {
    let inputs = chat.is_for_vectors().then(|| inputs(chat, sabotage));
    let n = NonZeroU8::new(chat.choices).filter(|_| sabotage != Some(Sabotage::ChoicesForgotten));
    let has_extra = chat.extra_bytes > 0 && sabotage != Some(Sabotage::ExtraNotCounted);
    let extra = has_extra.then(|| (EXTRA.to_owned(), to_raw_value(&"x".repeat(chat.extra_bytes)).unwrap().into()));
    let proof_bytes = if sabotage == Some(Sabotage::ProofsNotCounted) { 0 } else { chat.proof_bytes };
    let extra = BTreeMap::from_iter(extra);
    match inputs {
        Some(inputs) => Prompt { inputs: Some(inputs), extra, ..Prompt::default() },
        None => Prompt { n, extra, ..wordless_prompt(chat.images, proof_bytes) },
    }
}

/// The texts of which `chat` wants vectors. Tokens are held by their number, as a careless function might hold texts.
fn inputs(chat: &Chat, sabotage: Option<Sabotage>) -> EmbeddingInputs {
    let input = match sabotage {
        Some(Sabotage::EmbeddingHeldByItsEstimate) => {
            Input::Tokens(vec![0; usize::try_from(estimated_tokens(INPUT)).unwrap()])
        }
        _ => Input::Text(INPUT.to_owned()),
    };
    EmbeddingInputs { texts: vec![input; usize::try_from(chat.inputs).unwrap()], dimensions: None, base64: true }
}

/// The estimate of the tokens of `chat` with a model that takes an image for so many.
pub(crate) fn estimated_input(image_tokens: u32, chat: &Chat) -> u64 {
    prompt(chat, None).estimated_input_tokens(image_tokens)
}

/// The most input tokens of `chat` with this model, by the rule of the functions. Whether the rule is right shows in the
/// charges: they have what the models count.
pub(crate) fn most_input(model: &CataloguedModel, chat: &Chat) -> u64 {
    let offer = Offer { terms: model.clone(), model: Model::new(Dummy::default()) };
    offer.most_input_tokens(&prompt(chat, None))
}

/// The range of costs of `chat` with this model, at these prices. Vectors are no output.
pub(crate) fn quote(model: &CataloguedModel, prices: Prices, chat: &Chat) -> Quote {
    let (most, least) = if chat.is_for_vectors() { (0, 0) } else { (chat.most_tokens, chat.least_tokens) };
    let limits = OutputLimits { most, least };
    prices.quote(most_input(model, chat), chat.images, limits).for_choices(chat.choices)
}

/// The usage that a model counts for `chat`: some of the input was in its cache, each choice has as many tokens, and so has
/// each byte of the extra parameter, if the model was given it, and of the proof. It counts no images, and 200 tokens for
/// each, which may be more than its catalogue says.
pub(crate) fn counted(chat: &Chat, has_extra: bool) -> Usage {
    let of_extra = if has_extra { chat.extra_bytes as u64 } else { 0 };
    if chat.is_for_vectors() {
        // Of each text nothing up to the most that it can count, and the extra parameter before each.
        return Usage::counted(u64::from(chat.inputs) * (u64::from(chat.tokens) * 8 + of_extra), 0);
    }
    let input_tokens = 20 + 200 * u64::from(chat.images) + of_extra + chat.proof_bytes as u64;
    let output_tokens = u64::from(chat.tokens) * u64::from(chat.choices);
    Usage { cached_input_tokens: 7, cache_write_tokens: 5, ..Usage::counted(input_tokens, output_tokens) }
}

/// Answers by an instance, which waits for the next request afterwards.
pub(super) async fn answer(world: &World, number: usize, chat: &Chat) -> Result<Told, ApiError> {
    let instance = Instance::take(world, number, chat);
    let told = Box::pin(answer_by(&instance, world, chat)).await;
    instance.put_back(world);
    told
}

async fn answer_by(instance: &Instance, world: &World, chat: &Chat) -> Result<Told, ApiError> {
    let till = &instance.till;
    let key = chat.key.as_deref().map(|key| IdempotencyKey::parse(key).unwrap());
    let forgets = chat.is_for_vectors() && world.sabotage == Some(Sabotage::RepetitionOfAnEmbeddingChargedAgain);
    let remembered = key.filter(|_| !forgets).map(|key| remembered(key, chat));
    let caller = match &chat.program {
        None => Caller::from(&chat.access),
        Some(Program { key, function }) => Caller::Program(world.warm_functions[*function].holder(&key.text).await?),
    };
    let mut first = String::new();
    let mut ask = |offers: &Offers, conversation| {
        let question = question(world, chat, offers, conversation)?;
        question.candidates.first.id().clone_into(&mut first);
        Ok(question)
    };
    let held = match chat.conversation {
        Some(id) if id != ConversationId::COMPLETIONS => hold_in(till, caller, id, remembered, ask).await,
        place => till.admit_and_hold(caller, remembered, |offers| ask(offers, place)).await,
    };
    match held {
        Err(Unasked::Refused(code)) => Ok(Told::Refused(code)),
        Err(Unasked::Failed(error)) => Err(error),
        Ok(HeldOrReplay::Replay(replay)) => Ok(replayed(replay)),
        Ok(HeldOrReplay::Question(question)) => {
            let held = question.held().into();
            let paid = if chat.is_streamed { stream(world, till, question).await } else { till.reply(question).await };
            match paid {
                // Its time was up, or the model broke off: nobody has counted.
                Ok(paid) if paid.reply.finish_reason != FinishReason::Stop => Ok(Told::BrokenOff { id: paid.id, held }),
                Ok(PaidReply { id, reply, charge, .. }) => {
                    Ok(Told::Charged { id, cost: charge.cost.into(), held, by_fallback: reply.model != first })
                }
                Err(ApiError::ModelBrokeOff { message_id, .. }) => Ok(Told::BrokenOff { id: message_id, held }),
                Err(error) => Err(error),
            }
        }
    }
}

/// Why no question was asked.
enum Unasked {
    /// The function refuses it with this code.
    Refused(&'static str),
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for Unasked {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// As `chat`, which reads the account together with the conversation.
async fn hold_in(
    till: &Till,
    caller: Caller,
    conversation: ConversationId,
    remembered: Option<Remembered>,
    ask: impl FnOnce(&Offers, Option<ConversationId>) -> Result<Question, Unasked>,
) -> Result<HeldOrReplay, Unasked> {
    let account = match till.admit_to(caller, conversation, remembered).await? {
        Admitted::Open(account) => account,
        Admitted::Replay(replay) => return Ok(HeldOrReplay::Replay(replay)),
    };
    let offers = till.offers(account.key_limits()).await?;
    let question = ask(&offers, account.conversation())?;
    Ok(till.hold(account, question).await?)
}

/// The question of `chat` to one of the models on offer.
fn question(
    world: &World,
    chat: &Chat,
    offers: &Offers,
    conversation: Option<ConversationId>,
) -> Result<Question, Unasked> {
    let candidates = chat.model.map_or_else(|| offers.first(), |name| offers.find(name));
    let candidates = candidates.ok_or(Unasked::Refused("model_not_found"))?;
    let prompt = prompt(chat, world.sabotage);
    if candidates.first.unsupported(&prompt).is_some() {
        return Err(Unasked::Refused("unsupported_parameter"));
    }
    Ok(Question {
        candidates,
        prompt,
        message: message_of(chat),
        limits: CallerLimits { max_output_tokens: Some(chat.most_tokens), max_cost: None },
        conversation,
        deadline: world.clock.now().plus(if chat.is_streamed { STREAM_TIMEOUT } else { FUNCTION_TIMEOUT }),
    })
}

fn message_of(chat: &Chat) -> Message {
    Message::try_from(chat.message.clone()).unwrap()
}

/// As `chat` and `embeddings` do. One key names one conversation, unless that was made.
fn remembered(key: IdempotencyKey, chat: &Chat) -> Remembered {
    let message = &message_of(chat);
    match chat.conversation {
        _ if chat.is_for_vectors() => {
            Remembered { key, fingerprint: Fingerprint::of_request("/v1/embeddings", &(message.as_str(), chat.inputs)) }
        }
        None | Some(ConversationId::FIRST | ConversationId::COMPLETIONS) => Remembered::message(key, message),
        Some(id) => Remembered { key, fingerprint: Fingerprint::of_request("/chatView/", &(message.as_str(), id)) },
    }
}

fn replayed(replay: PaidReply) -> Told {
    let response = replay.reply.embeddings.unwrap_or(replay.reply.text);
    Told::Replayed { id: replay.id, cost: replay.charge.cost.into(), response }
}

/// Reads a stream to its end.
async fn stream(world: &World, till: &Arc<Till>, question: HeldQuestion) -> Result<PaidReply, ApiError> {
    let asked_at = world.clock.now();
    let mut stream = till.stream(question).await?;
    let was_silent = world.clock.now().since(asked_at) >= SILENCE;
    while let Some(piece) = stream.next().await {
        match piece? {
            ReplyPiece::Paid(paid) => return Ok(*paid),
            ReplyPiece::Part { .. } if was_silent && world.sabotage == Some(Sabotage::SilenceUncharged) => {
                return Err(ApiError::ModelBrokeOff { message_id: stream.id(), cause: Cause::because("a sabotage") });
            }
            ReplyPiece::Begins { .. } | ReplyPiece::Part { .. } => {}
        }
    }
    unreachable!("a stream ends with a reply or an error")
}
