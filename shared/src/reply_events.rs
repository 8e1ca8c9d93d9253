//! The events of a streamed reply at `/chatView/`: `text` with the next words, then `paid`, or `error` with a problem.
//!
//! The data of each event is JSON. Reasoning has no event, as the whole answer has no member for it.

use domain::credits::Credits;
use domain::ids::EntryId;
use futures_util::{StreamExt, stream};
use providers::reply::Part;
use serde::Serialize;

use crate::error::ApiError;
use crate::http::{BrokenStream, EventStream, named_event};
use crate::till::{PaidReply, ReplyPiece, TillStream};

/// The events of a reply that the model is writing. The till captures before it hands out the end.
#[must_use]
pub fn written(stream: TillStream) -> EventStream<ApiError> {
    stream::unfold(stream, |mut stream| async move { Some((next(&mut stream).await?, stream)) }).boxed()
}

/// The events of the reply that an earlier request with the same idempotency key got.
#[must_use]
pub fn stored(reply: &PaidReply) -> EventStream<ApiError> {
    let words = Some(reply.reply.shown()).filter(|words| !words.is_empty());
    let events = words.map(text).into_iter().chain([paid(reply)]);
    stream::iter(events.map(Ok).collect::<Vec<_>>()).boxed()
}

/// The next event. Pieces that have none are passed over.
async fn next(stream: &mut TillStream) -> Option<Result<String, BrokenStream<ApiError>>> {
    loop {
        return match stream.next().await? {
            Ok(ReplyPiece::Part { part: Part::Text(words) | Part::Refusal(words), .. }) => Some(Ok(text(&words))),
            Ok(ReplyPiece::Begins { .. } | ReplyPiece::Part { .. }) => continue,
            Ok(ReplyPiece::Paid(reply)) => Some(Ok(paid(&reply))),
            Err(error) => Some(Err(error.into())),
        };
    }
}

/// The data of an event `text`.
#[derive(Serialize)]
struct TextEvent<'a> {
    text: &'a str,
}

/// The data of an event `paid`: the whole answer's headers and user.
#[derive(Serialize)]
struct PaidEvent<'a> {
    id: EntryId,
    user: &'a str,
    cost: Credits,
    balance: Credits,
}

fn text(text: &str) -> String {
    named_event("text", &TextEvent { text })
}

fn paid(reply: &PaidReply) -> String {
    let PaidReply { id, username, charge, .. } = reply;
    named_event("paid", &PaidEvent { id: *id, user: username, cost: charge.cost, balance: charge.balance })
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::{Clock, Timestamp};
    use ledger::exchange::StoredReply;

    use crate::testing::{paid_reply, stored_reply};

    async fn events_of(reply: StoredReply) -> String {
        let id = EntryId::new(&Clock::manual(Timestamp::from_seconds(1_800_000_000)));
        let events: Vec<_> = stored(&paid_reply(id, reply, 7)).collect().await;
        events.into_iter().map(Result::unwrap).collect::<String>().replace(&id.to_string(), "ID")
    }

    #[tokio::test]
    async fn a_stored_reply_is_one_text_and_what_was_paid() {
        let paid = "event: paid\ndata: {\"id\":\"ID\",\"user\":\"ada\",\"cost\":7,\"balance\":0}\n\n";
        let hello = "event: text\ndata: {\"text\":\"Hel\\n\\nlo\"}\n\n".to_owned();
        assert_eq!(events_of(stored_reply("Hel\n\nlo")).await, hello + paid);
        assert_eq!(events_of(stored_reply("")).await, paid);
        let refusal = StoredReply { refusal: Some("No.".to_owned()), ..stored_reply("") };
        assert_eq!(events_of(refusal).await, "event: text\ndata: {\"text\":\"No.\"}\n\n".to_owned() + paid);
    }
}
