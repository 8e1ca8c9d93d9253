//! What the function `chat` does.

use std::time::Duration;

use super::FUNCTION_TIMEOUT;
use crate::callers::Caller;
use crate::chat::Message;
use crate::credits::Credits;
use crate::error::{ApiError, Cause};
use crate::ledger::{Exchange, Held, IdempotencyKey, Order, Started};
use crate::simulation::request::{Chat, Told};
use crate::simulation::world::World;
use crate::time::Timestamp;

/// As in `chat`.
const CAPTURE_RESERVE: Duration = Duration::from_secs(10);

/// The reply that the model gives in a process: from an entry it tells which one was charged.
pub(in crate::simulation) fn response(number: usize) -> String {
    format!("Reply {number}")
}

pub(super) async fn answer(world: &World, number: usize, chat: &Chat) -> Result<Told, ApiError> {
    let deadline = world.clock.now().plus(FUNCTION_TIMEOUT);
    let message = Message::try_from(chat.message.clone()).unwrap();
    let key = chat.key.as_deref().map(|key| IdempotencyKey::parse(key).unwrap());
    let order = Order {
        caller: &Caller::from(&chat.access),
        amount: Credits::new(chat.amount).unwrap(),
        message: &message,
        key: key.as_ref(),
        deadline,
    };
    match world.ledger.start(&order).await? {
        Started::Replay(replay) => {
            Ok(Told::Replayed { id: replay.id, cost: replay.cost.into(), response: replay.response })
        }
        Started::Held(held) => reply(world, number, chat, &held, &message, deadline).await,
    }
}

async fn reply(
    world: &World,
    number: usize,
    chat: &Chat,
    held: &Held,
    message: &Message,
    deadline: Timestamp,
) -> Result<Told, ApiError> {
    let remaining = deadline.since(world.clock.now());
    let limit = remaining.saturating_sub(CAPTURE_RESERVE).max(remaining / 2);
    let thinks = tokio::time::timeout(limit, tokio::time::sleep(chat.thinks)).await;
    if thinks.is_err() || chat.model_fails {
        world.ledger.abandon(held).await;
        return Err(ApiError::ModelFailed(Cause::because("the model was to fail")));
    }
    let response = response(number);
    let cost = Credits::new(chat.cost).unwrap();
    let charge = world.ledger.capture(held, cost, Exchange { message, response: &response }).await?;
    Ok(Told::Charged { id: held.id, cost: charge.cost.into() })
}
