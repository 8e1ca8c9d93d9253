//! Replays: the answer to an earlier request with the same idempotency key.

use domain::credits::Credits;
use domain::ids::{EntryId, UserId};

use crate::account::Account;
use crate::buckets::MinuteRoom;
use crate::claimed_payer::ClaimedPayer;
use crate::error::LedgerError;
use crate::exchange::StoredReply;
use crate::idempotency::IdempotencyRecord;
use crate::ledger::{InFlight, Ledger};
use crate::texts::{ItemTexts, MessageItem, TextPlace, Texts, text_key};

/// An answer that was given before.
#[derive(Debug)]
pub struct Replay {
    /// The message's id.
    pub id: EntryId,
    /// The user's name as they wrote it.
    pub username: String,
    /// The model's reply.
    pub reply: StoredReply,
    /// The credits that it cost.
    pub cost: Credits,
    /// The credits that can be spent now.
    pub balance: Credits,
    /// The messages that are in flight now.
    pub in_flight: InFlight,
    /// The requests that are left of this minute, if there is a limit on them.
    pub minute: Option<MinuteRoom>,
}

impl Ledger {
    /// The answer that `record` names, for a repetition. Texts that are elsewhere cost a read.
    ///
    /// # Errors
    /// [`LedgerError::AnswerGone`] if the texts were lost, or deleted since, or their retention is over.
    pub(crate) async fn replay(
        &self,
        account: &Account,
        payer: &ClaimedPayer,
        record: IdempotencyRecord,
    ) -> Result<Replay, LedgerError> {
        let texts = self.texts_of(payer.user_id(), &record).await?.ok_or(LedgerError::AnswerGone)?;
        let (balance, _) = account.spendable_and_held(self.clock.now());
        let IdempotencyRecord { entry_id, cost, model, usage, finish_reason, .. } = record;
        let Texts {
            message: _,
            response: text,
            refusal,
            reasoning,
            calls,
            annotations,
            proofs,
            stop_sequence,
            embeddings,
        } = texts;
        let reply = StoredReply {
            text,
            refusal,
            reasoning,
            calls,
            annotations,
            proofs,
            stop_sequence,
            embeddings,
            model,
            usage,
            finish_reason,
        };
        let (in_flight, minute) = (self.in_flight(account), self.minute_room(account, payer.paying_key()));
        Ok(Replay { id: entry_id, username: account.username.clone(), reply, cost, balance, in_flight, minute })
    }

    async fn texts_of(&self, user_id: UserId, record: &IdempotencyRecord) -> Result<Option<Texts>, LedgerError> {
        let id = record.entry_id;
        let key = match (record.place, record.conversation) {
            _ if self.retention.is_over(id, self.clock.now()) => return Ok(None),
            (TextPlace::Lost, _) => return Ok(None),
            (TextPlace::Inline, None) => return Ok(record.texts.clone()),
            (TextPlace::Inline, Some(conversation)) => MessageItem::key(user_id, conversation, id),
            (TextPlace::Apart, _) => text_key(user_id, id),
        };
        Ok(self.table.get::<ItemTexts>(key).await?.and_then(|item| item.kept(self.clock.now())))
    }
}
