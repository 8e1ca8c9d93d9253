//! The ends of the choices of a reply.

use std::collections::BTreeMap;

use domain::message::FinishReason;

/// The choices that have begun, and the reasons of those that have ended.
#[derive(Debug, Default)]
pub(super) struct EndedChoices {
    /// The places of choices that have begun are below this one.
    begun: u8,
    reasons: BTreeMap<u8, FinishReason>,
}

impl EndedChoices {
    /// A part of the choice at this place has come.
    pub(super) fn begin(&mut self, choice: u8) {
        self.begun = self.begun.max(choice.saturating_add(1));
    }

    /// The choice at this place has ended.
    pub(super) fn finish(&mut self, choice: u8, reason: FinishReason) {
        self.begin(choice);
        self.reasons.insert(choice, reason);
    }

    /// Whether a choice has ended. One that broke off has not: its provider says that it failed.
    pub(super) fn has_ended_one(&self) -> bool {
        self.reasons.values().any(|reason| *reason != FinishReason::BrokenOff)
    }

    /// Why each choice ended, of at least one. Where none says so by itself, they ended as the reply did. Where others do,
    /// a choice that does not broke off with the reply, or is shorter than it would have been.
    pub(super) fn reasons(&self, of_reply: FinishReason) -> Vec<FinishReason> {
        let is_cut = self.has_ended_one() && of_reply != FinishReason::BrokenOff;
        let missing = if is_cut { FinishReason::Length } else { of_reply };
        (0..self.begun.max(1)).map(|choice| self.reasons.get(&choice).copied().unwrap_or(missing)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_without_a_reason_ended_as_the_reply_did_or_was_cut_where_others_have_one() {
        let mut ended = EndedChoices::default();
        assert_eq!(ended.reasons(FinishReason::Stop), [FinishReason::Stop]);
        ended.begin(2);
        assert_eq!(ended.reasons(FinishReason::ToolCalls), [FinishReason::ToolCalls; 3]);
        ended.finish(1, FinishReason::Stop);
        let expected = [FinishReason::Length, FinishReason::Stop, FinishReason::Length];
        assert_eq!(ended.reasons(FinishReason::ToolCalls), expected);
        let expected = [FinishReason::BrokenOff, FinishReason::Stop, FinishReason::BrokenOff];
        assert_eq!(ended.reasons(FinishReason::BrokenOff), expected);
    }

    #[test]
    fn a_choice_that_broke_off_has_not_ended() {
        let mut ended = EndedChoices::default();
        ended.finish(0, FinishReason::BrokenOff);
        assert!(!ended.has_ended_one());
        ended.finish(1, FinishReason::ContentFilter);
        assert!(ended.has_ended_one());
    }
}
