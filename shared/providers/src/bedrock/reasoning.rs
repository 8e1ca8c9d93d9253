//! How much a model is to reason, in the members of each family of models. Converse passes them on as they are.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html>,
//! <https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html>

use serde::Serialize;

use crate::claude_reasoning::{budget_tokens, fitting_budget, forces_a_call, goes_on_after_a_call, words_of_claude};
use crate::converse::{Effort, ReasoningStyle, wanted_effort};
use crate::prompt::{Prompt, Thinking};

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ReasoningFields<'a> {
    Claude {
        thinking: ConverseThinking,
        #[serde(skip_serializing_if = "Option::is_none")]
        output_config: Option<OutputEffort>,
    },
    Nova {
        #[serde(rename = "reasoningConfig")]
        reasoning_config: NovaReasoning,
    },
    Word {
        reasoning_effort: &'a str,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ConverseThinking {
    Enabled { budget_tokens: u32 },
    Adaptive,
}

#[derive(Serialize)]
pub(super) struct OutputEffort {
    effort: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(super) enum NovaReasoning {
    Enabled { max_reasoning_effort: &'static str },
}

impl<'a> ReasoningFields<'a> {
    /// The members for a model of `style`, if it is to reason.
    pub(super) fn of(style: Option<ReasoningStyle>, prompt: &'a Prompt, max_output_tokens: u32) -> Option<Self> {
        let style = style?;
        let thinks = || !forces_a_call(prompt) && !goes_on_after_a_call(prompt);
        // As a caller of Claude's own protocol says it.
        match (prompt.thinking, style) {
            (Some(Thinking::Budget(wanted)), ReasoningStyle::Budget) => {
                let budget_tokens = fitting_budget(wanted, max_output_tokens).filter(|_| thinks())?;
                return Some(Self::Claude {
                    thinking: ConverseThinking::Enabled { budget_tokens },
                    output_config: None,
                });
            }
            (Some(Thinking::Adaptive), ReasoningStyle::Adaptive) if wanted_effort(prompt).is_none() => {
                return thinks().then_some(Self::Claude { thinking: ConverseThinking::Adaptive, output_config: None });
            }
            _ => {}
        }
        let word = wanted_effort(prompt)?;
        if style == ReasoningStyle::Word {
            return Some(Self::Word { reasoning_effort: word });
        }
        let effort = Effort::of(word)?;
        match style {
            ReasoningStyle::Budget => {
                let budget_tokens = budget_tokens(effort, max_output_tokens).filter(|_| thinks())?;
                Some(Self::Claude { thinking: ConverseThinking::Enabled { budget_tokens }, output_config: None })
            }
            ReasoningStyle::Adaptive => thinks().then(|| Self::Claude {
                thinking: ConverseThinking::Adaptive,
                output_config: Some(OutputEffort { effort: words_of_claude(effort) }),
            }),
            ReasoningStyle::Nova => {
                let max_reasoning_effort = if effort == Effort::Low { "low" } else { "medium" };
                Some(Self::Nova { reasoning_config: NovaReasoning::Enabled { max_reasoning_effort } })
            }
            ReasoningStyle::Word => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::prompt::{Role, ToolChoice, Tools, Turn};
    use domain::message::ToolCall;

    fn asking(word: &str, roles: &[Role], choice: Option<ToolChoice>) -> Prompt {
        Prompt {
            turns: roles.iter().map(|role| Turn::text(*role, "x")).collect(),
            tools: Tools { choice, ..Tools::default() },
            reasoning_effort: Some(word.to_owned()),
            ..Prompt::default()
        }
    }

    fn sent(style: ReasoningStyle, prompt: &Prompt, max_output_tokens: u32) -> Value {
        serde_json::to_value(ReasoningFields::of(Some(style), prompt, max_output_tokens)).unwrap()
    }

    fn effort(style: ReasoningStyle, word: &str, max_output_tokens: u32) -> Value {
        sent(style, &asking(word, &[Role::User], None), max_output_tokens)
    }

    #[test]
    fn each_family_is_told_in_its_own_members() {
        use ReasoningStyle::{Adaptive, Budget, Nova, Word};
        let thinking = |tokens: u32| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
        let adaptive = |word: &str| json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": word}});
        let nova = |word: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": word}});
        for (style, word, expected) in [
            (Budget, "minimal", thinking(1024)),
            (Budget, "low", thinking(1024)),
            (Budget, "medium", thinking(4096)),
            (Budget, "high", thinking(16_384)),
            (Budget, "max", thinking(16_384)),
            (Adaptive, "minimal", adaptive("low")),
            (Adaptive, "medium", adaptive("medium")),
            (Adaptive, "high", adaptive("high")),
            (Adaptive, "xhigh", adaptive("xhigh")),
            (Adaptive, "max", adaptive("max")),
            (Nova, "minimal", nova("low")),
            (Nova, "medium", nova("medium")),
            (Word, "high", json!({"reasoning_effort": "high"})),
            (Word, "some", json!({"reasoning_effort": "some"})),
        ] {
            assert_eq!(effort(style, word, 64_000), expected, "{style:?} {word}");
        }
        for style in [Budget, Adaptive, Nova, Word] {
            assert_eq!(effort(style, "none", 64_000), json!(null));
            assert_eq!(sent(style, &Prompt::default(), 64_000), json!(null));
        }
        assert_eq!(serde_json::to_value(ReasoningFields::of(None, &asking("low", &[], None), 9)).unwrap(), json!(null));
    }

    #[test]
    fn a_budget_and_as_much_as_the_model_decides_are_told_to_claude_as_they_were_asked_for() {
        use ReasoningStyle::{Adaptive, Budget, Nova, Word};
        let told = |style, thinking, effort: Option<&str>, choice| {
            let prompt = Prompt {
                thinking: Some(thinking),
                reasoning_effort: effort.map(str::to_owned),
                reasoning_is_a_hint: true,
                ..asking("", &[Role::User], choice)
            };
            sent(style, &prompt, 8000)
        };
        let budget = |tokens: u32| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
        let adaptive = json!({"thinking": {"type": "adaptive"}});
        assert_eq!(told(Budget, Thinking::Budget(3000), None, None), budget(3000));
        assert_eq!(told(Budget, Thinking::Budget(9000), Some("low"), None), budget(4000));
        assert_eq!(told(Budget, Thinking::Budget(3000), None, Some(ToolChoice::Required)), json!(null));
        assert_eq!(told(Adaptive, Thinking::Adaptive, None, None), adaptive);
        assert_eq!(told(Adaptive, Thinking::Adaptive, None, Some(ToolChoice::Required)), json!(null));
        assert_eq!(told(Adaptive, Thinking::Adaptive, Some("low"), None)["output_config"], json!({"effort": "low"}));
        for style in [Budget, Nova, Word] {
            assert_eq!(told(style, Thinking::Adaptive, None, None), json!(null));
        }
        for style in [Budget, Adaptive, Nova, Word] {
            assert_eq!(told(style, Thinking::Off, Some("high"), None), json!(null));
        }
    }

    /// A hold may be small, and Claude refuses a budget that is not less than the reply's tokens.
    #[test]
    fn a_budget_is_half_of_the_replys_tokens_at_most_and_there_is_none_below_the_least() {
        let budget =
            |word: &str, most: u32| effort(ReasoningStyle::Budget, word, most)["thinking"]["budget_tokens"].clone();
        for (word, most, expected) in [
            ("low", 2047, json!(null)),
            ("low", 2048, json!(1024)),
            ("medium", 2049, json!(1024)),
            ("medium", 5000, json!(2500)),
            ("high", 20_000, json!(10_000)),
            ("high", u32::MAX, json!(16_384)),
        ] {
            assert_eq!(budget(word, most), expected, "{word} {most}");
        }
    }

    #[test]
    fn claude_does_not_reason_where_it_must_call_a_tool_or_goes_on_with_a_reply() {
        use Role::{Assistant, System, Tool, User};
        let call = || ToolCall { id: "c".to_owned(), name: "f".to_owned(), arguments: String::new() };
        let function = ToolChoice::Function("f".to_owned());
        for (roles, choice, reasons) in [
            (&[User][..], Some(ToolChoice::Auto), true),
            (&[User], Some(ToolChoice::None), true),
            (&[User], Some(ToolChoice::Required), false),
            (&[User], Some(function), false),
            (&[User, Assistant], None, false),
            (&[User, Assistant, User], None, true),
            (&[User, Assistant, Tool], None, false),
            (&[User, Assistant, Tool, Assistant, Tool, Tool, System], None, false),
            (&[User, Assistant, Tool, Assistant, User], None, true),
            (&[User, Assistant, Tool, User], None, false),
        ] {
            let mut prompt = asking("high", roles, choice);
            for place in 1..roles.len() {
                if roles[place] == Tool && roles[place - 1] == Assistant {
                    prompt.turns[place - 1].calls.push(call());
                }
            }
            for style in [ReasoningStyle::Budget, ReasoningStyle::Adaptive] {
                assert_eq!(!sent(style, &prompt, 9000).is_null(), reasons, "{style:?} {roles:?}");
            }
            assert!(!sent(ReasoningStyle::Word, &prompt, 9000).is_null());
        }
    }
}
