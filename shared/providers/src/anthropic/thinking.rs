//! How much a model is to reason, in the protocol's members `thinking` and `output_config.effort`.
//! <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>,
//! <https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking>,
//! <https://platform.claude.com/docs/en/build-with-claude/effort>

use serde::Serialize;

use crate::anthropic::asked_claude::AskedClaude;
use crate::anthropic::messages::is_for;
use crate::claude_reasoning::{budget_tokens, fitting_budget, forces_a_call, goes_on_after_a_call, words_of_claude};
use crate::converse::{Effort, NO_EFFORT, ReasoningStyle, claude_version_at_anthropic, wanted_effort};
use crate::prompt::{Prompt, Role, Thinking, Turn};

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentThinking {
    Disabled,
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<SentDisplay>,
    },
    Enabled {
        budget_tokens: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<SentDisplay>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SentDisplay {
    Summarized,
    Omitted,
}

impl SentDisplay {
    fn of(is_shown: bool) -> Self {
        if is_shown { Self::Summarized } else { Self::Omitted }
    }
}

impl SentThinking {
    /// The member for `model`, unless it is left out. A model that cannot be told is asked as if nobody had asked it to reason.
    pub(super) fn of(model: &AskedClaude, prompt: &Prompt, max_output_tokens: u32) -> Option<Self> {
        let style = model.reasoning?;
        let display = prompt.thinking_is_shown.map(SentDisplay::of);
        match prompt.thinking {
            Some(Thinking::Off) => Some(Self::Disabled),
            Some(Thinking::Adaptive) => Some(Self::Adaptive { display }),
            Some(Thinking::Budget(wanted)) => {
                let budget_tokens =
                    fitting_budget(wanted, max_output_tokens).filter(|_| !lacks_a_proof(model, prompt))?;
                Some(Self::Enabled { budget_tokens, display })
            }
            None => Self::of_effort(model, style, prompt, max_output_tokens),
        }
    }

    /// The member for an effort alone. A caller of this protocol who names an effort and no thinking wants it so.
    fn of_effort(model: &AskedClaude, style: ReasoningStyle, prompt: &Prompt, max_output_tokens: u32) -> Option<Self> {
        if prompt.reasoning_is_a_hint {
            return None;
        }
        // Some models reason where nobody says anything.
        if prompt.reasoning_effort.as_deref() == Some(NO_EFFORT) {
            return Some(Self::Disabled);
        }
        let effort = Effort::of(wanted_effort(prompt)?)?;
        let display = prompt.thinking_is_shown.map(SentDisplay::of);
        if forces_a_call(prompt) || lacks_a_proof(model, prompt) {
            return None;
        }
        match style {
            ReasoningStyle::Budget => {
                budget_tokens(effort, max_output_tokens).map(|tokens| Self::Enabled { budget_tokens: tokens, display })
            }
            ReasoningStyle::Adaptive => Some(Self::Adaptive { display }),
            ReasoningStyle::Nova | ReasoningStyle::Word => None,
        }
    }
}

/// Whether the reply goes on with one that was begun or that called a tool, and the model would have to read first what it
/// reasoned before that, which was lost with its proof.
fn lacks_a_proof(model: &AskedClaude, prompt: &Prompt) -> bool {
    let is_proved = |turn: &Turn| turn.proofs.iter().any(|placed| is_for(&model.provider, &placed.proof));
    let latest = prompt.turns.iter().rev().find(|turn| turn.role == Role::Assistant);
    goes_on_after_a_call(prompt) && !latest.is_some_and(is_proved)
}

/// The member `output_config.effort` for `model`, unless it is left out. A caller of this protocol may name one also for a
/// model that is not to think.
pub(super) fn effort<'a>(model: &AskedClaude, prompt: &'a Prompt) -> Option<&'a str> {
    let style = model.reasoning?;
    if prompt.reasoning_is_a_hint {
        return prompt.reasoning_effort.as_deref().filter(|_| knows_efforts(&model.id));
    }
    match style {
        ReasoningStyle::Adaptive => Effort::of(wanted_effort(prompt)?).map(words_of_claude),
        ReasoningStyle::Budget | ReasoningStyle::Nova | ReasoningStyle::Word => None,
    }
}

/// Whether the model that Anthropic calls `id` knows the member for an effort: Claude since 4.6, and Opus 4.5. The name of
/// another maker's model does not say.
fn knows_efforts(id: &str) -> bool {
    match claude_version_at_anthropic(id) {
        None => true,
        Some((4, 5)) => id.contains("opus"),
        Some(version) => version >= (4, 6),
    }
}
