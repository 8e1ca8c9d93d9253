//! A reply that comes in one piece.

use serde::Deserialize;

use crate::error::ModelError;
use crate::reply::{End, Piece, Reply, SaidChoice};
use crate::responses::received_item::{ReceivedItem, ReceivedItems};
use crate::responses::usage::CountedResponse;
use crate::wire::{ErrorObject, failed};
use domain::message::FinishReason;

/// An answer, whole or at one of its stages.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ReceivedResponse {
    status: Option<String>,
    output: Vec<ReceivedItem>,
    incomplete_details: Option<ReceivedDetails>,
    usage: Option<CountedResponse>,
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ReceivedDetails {
    reason: Option<String>,
}

impl ReceivedResponse {
    /// The pieces of the items that `items` has not read yet, and the end of the answer. Words without an end broke off.
    ///
    /// # Errors
    /// [`ModelError`] if the server says that it failed.
    pub(super) fn into_news(mut self, items: &mut ReceivedItems) -> Result<(Vec<Piece>, Option<End>), ModelError> {
        let has_failed = self.status.as_deref() == Some("failed");
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        if has_failed {
            return Err(failed("the server answered with an error without a code"));
        }
        let output = std::mem::take(&mut self.output);
        let pieces = (0..).zip(output).flat_map(|(place, item)| items.end(place, item)).collect();
        Ok((pieces, End::of(self.finish_reason(items.has_calls()), self.usage.and_then(CountedResponse::usage))))
    }

    fn finish_reason(&self, has_calls: bool) -> Option<FinishReason> {
        Some(match self.status.as_deref()? {
            "incomplete" => match self.incomplete_details.as_ref().and_then(|details| details.reason.as_deref()) {
                Some("content_filter") => FinishReason::ContentFilter,
                _ => FinishReason::Length,
            },
            "completed" if has_calls => FinishReason::ToolCalls,
            "completed" => FinishReason::Stop,
            "cancelled" => FinishReason::BrokenOff,
            _ => return None,
        })
    }

    /// The reply, whose items `items` reads.
    ///
    /// # Errors
    /// As [`ReceivedResponse::into_news`], and if there is none.
    pub(super) fn into_reply(self, mut items: ReceivedItems) -> Result<Reply, ModelError> {
        let (pieces, end) = self.into_news(&mut items)?;
        if pieces.is_empty() && end.is_none() {
            return Err(failed("the answer is no reply"));
        }
        let mut said = SaidChoice::default();
        for piece in &pieces {
            if let Piece::Part { part, .. } = piece {
                said.add(part);
            }
        }
        Ok(Reply::of(said, end.unwrap_or_else(End::broken_off)))
    }
}
