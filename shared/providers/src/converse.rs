//! Parameters that Bedrock's models can be told by Converse, as far as that is known without a connection: a function that only
//! says what a request costs refuses what the functions that ask a model refuse.

use crate::prompt::Prompt;

/// The word of OpenAI's protocol for a model that does not reason.
pub(crate) const NO_EFFORT: &str = "none";

/// How a model is told how much to reason. Converse has no parameter for it, and passes on those of the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReasoningStyle {
    /// Claude 3.7 to 4.5: a budget of tokens.
    Budget,
    /// Claude since 4.6: a word. The model decides how much it reasons.
    Adaptive,
    /// Nova 2: a word.
    Nova,
    /// OpenAI's and Moonshot's models: the word of OpenAI's protocol, which the model judges.
    Word,
}

impl ReasoningStyle {
    /// The style of the model that Bedrock calls `provider_model`: an id, or an ARN that ends in one. None if the model
    /// cannot be told, or if the name does not say which model it is.
    pub(crate) fn of(provider_model: &str) -> Option<Self> {
        if let Some(version) = claude_version(provider_model) {
            return Self::of_claude(version);
        }
        [("amazon.nova-2-", Self::Nova), ("openai.", Self::Word), ("moonshot", Self::Word)]
            .into_iter()
            .find_map(|(name, style)| provider_model.contains(name).then_some(style))
    }

    fn of_claude(version: (u32, u32)) -> Option<Self> {
        match version {
            version if version < (3, 7) => None,
            version if version < (4, 6) => Some(Self::Budget),
            _ => Some(Self::Adaptive),
        }
    }

    /// The style of the model that a server with Anthropic's protocol calls `provider_model`. Another maker's model is told as
    /// the first that could be told were.
    pub(crate) fn at_anthropic(provider_model: &str) -> Option<Self> {
        claude_version_at_anthropic(provider_model).map_or(Some(Self::Budget), Self::of_claude)
    }
}

/// The version of Claude in Anthropic's own name of a model: `claude-sonnet-4-5-20250929`. None for another maker's model.
pub(crate) fn claude_version_at_anthropic(provider_model: &str) -> Option<(u32, u32)> {
    let (_, rest) = provider_model.split_once("claude-")?;
    claude_version_in(rest)
}

/// The major and the minor version of Claude in a name that ends as `claude-sonnet-4-20250514-v1:0` or
/// `claude-3-7-sonnet-20250219-v1:0`, where a number of more than two digits is a date. The first Claudes had other names, and
/// one without a version is newer than all that have one.
pub(crate) fn claude_version(provider_model: &str) -> Option<(u32, u32)> {
    let (_, rest) = provider_model.split_once("anthropic.claude-")?;
    claude_version_in(rest)
}

/// The version in the `rest` of a name that follows `claude-`.
fn claude_version_in(rest: &str) -> Option<(u32, u32)> {
    if rest.starts_with("instant") || rest.starts_with('v') {
        return Some((0, 0));
    }
    let numbers = |word: &str| word.parse::<u32>().ok().filter(|_| word.len() <= 2);
    let words: Vec<&str> = rest.split(['-', ':', '.']).collect();
    let Some(major_at) = words.iter().position(|word| numbers(word).is_some()) else { return Some((u32::MAX, 0)) };
    let minor = words.get(major_at + 1).and_then(|word| numbers(word));
    Some((numbers(words[major_at])?, minor.unwrap_or_default()))
}

/// How much a model reasons, of the words that OpenAI's protocol has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    Low,
    Medium,
    High,
    ExtraHigh,
    Most,
}

impl Effort {
    /// The effort of the word, unless it is none that we know. `minimal` is the least that these models have.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "minimal" | "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::ExtraHigh,
            "max" => Self::Most,
            _ => return None,
        })
    }
}

/// The word for the effort of the reply to `prompt`, unless the model is not to reason, or as much as it does by itself.
pub(crate) fn wanted_effort(prompt: &Prompt) -> Option<&str> {
    prompt.effort().filter(|word| *word != NO_EFFORT)
}

/// The first parameter of `prompt` that keeps a model of `style` from reasoning as it is told, by its name in OpenAI's
/// protocol.
///
/// Nova 2 wants no limit of the reply's length with the effort `high`, and without one nothing bounds what the reply costs.
/// Claude does not reason with a `top_p`, or with a temperature but 1.
pub(crate) fn unsupported_for_reasoning(style: Option<ReasoningStyle>, prompt: &Prompt) -> Option<&'static str> {
    let effort = Effort::of(wanted_effort(prompt)?);
    let is_understood = match style {
        None => false,
        Some(ReasoningStyle::Budget | ReasoningStyle::Adaptive) => effort.is_some(),
        Some(ReasoningStyle::Nova) => effort.is_some_and(|effort| effort < Effort::High),
        Some(ReasoningStyle::Word) => true,
    };
    let is_not_one = |temperature: f32| (temperature - 1.0).abs() > f32::EPSILON;
    let is_claude = matches!(style, Some(ReasoningStyle::Budget | ReasoningStyle::Adaptive));
    [
        ("reasoning_effort", !is_understood),
        ("temperature", is_claude && prompt.sampling.temperature.is_some_and(is_not_one)),
        ("top_p", is_claude && prompt.sampling.top_p.is_some()),
    ]
    .into_iter()
    .find_map(|(name, is_unsupported)| is_unsupported.then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::Sampling;

    /// Ids of AWS's list of models, and profiles and ARNs of them.
    #[test]
    fn a_models_name_says_how_it_is_told_how_much_to_reason() {
        use ReasoningStyle::{Adaptive, Budget, Nova, Word};
        for (name, expected) in [
            ("anthropic.claude-v2:1", None),
            ("anthropic.claude-instant-v1", None),
            ("anthropic.claude-3-haiku-20240307-v1:0", None),
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", None),
            ("anthropic.claude-3-7-sonnet-20250219-v1:0", Some(Budget)),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", Some(Budget)),
            ("anthropic.claude-opus-4-1-20250805-v1:0", Some(Budget)),
            ("global.anthropic.claude-haiku-4-5-20251001-v1:0", Some(Budget)),
            ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-5-20251101-v1:0", Some(Budget)),
            ("anthropic.claude-opus-4-6-v1", Some(Adaptive)),
            ("eu.anthropic.claude-sonnet-4-6", Some(Adaptive)),
            ("anthropic.claude-opus-5", Some(Adaptive)),
            ("anthropic.claude-mythos-preview", Some(Adaptive)),
            ("amazon.nova-lite-v1:0", None),
            ("us.amazon.nova-2-lite-v1:0", Some(Nova)),
            ("openai.gpt-oss-120b-1:0", Some(Word)),
            ("moonshot.kimi-k2-thinking", Some(Word)),
            ("meta.llama3-3-70b-instruct-v1:0", None),
            ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123", None),
            ("", None),
        ] {
            assert_eq!(ReasoningStyle::of(name), expected, "{name}");
        }
    }

    /// Names of Anthropic's list of models, and of other makers' whose servers speak its protocol.
    #[test]
    fn anthropics_own_name_of_a_model_says_how_it_is_told_how_much_to_reason() {
        use ReasoningStyle::{Adaptive, Budget};
        for (name, expected) in [
            ("claude-2.1", None),
            ("claude-instant-1.2", None),
            ("claude-3-opus-20240229", None),
            ("claude-3-5-haiku-latest", None),
            ("claude-3-7-sonnet-20250219", Some(Budget)),
            ("claude-sonnet-4-0", Some(Budget)),
            ("claude-sonnet-4-5-20250929", Some(Budget)),
            ("claude-opus-4-6", Some(Adaptive)),
            ("claude-opus-5", Some(Adaptive)),
            ("deepseek-chat", Some(Budget)),
            ("", Some(Budget)),
        ] {
            assert_eq!(ReasoningStyle::at_anthropic(name), expected, "{name}");
        }
    }

    #[test]
    fn an_effort_that_a_model_cannot_be_told_is_named_and_so_is_a_parameter_that_does_not_go_with_it() {
        const CLAUDE: &str = "anthropic.claude-sonnet-4-20250514-v1:0";
        const NEW_CLAUDE: &str = "anthropic.claude-opus-4-6-v1";
        const NOVA: &str = "amazon.nova-2-lite-v1:0";
        const GPT: &str = "openai.gpt-oss-20b-1:0";
        const LLAMA: &str = "meta.llama3-3-70b-instruct-v1:0";
        let refused = Some("reasoning_effort");
        for (name, word, expected) in [
            (CLAUDE, "minimal", None),
            (CLAUDE, "xhigh", None),
            (CLAUDE, "some", refused),
            (NEW_CLAUDE, "max", None),
            (NEW_CLAUDE, "", refused),
            (NOVA, "low", None),
            (NOVA, "medium", None),
            (NOVA, "high", refused),
            (NOVA, "max", refused),
            (GPT, "some", None),
            (LLAMA, "low", refused),
            (LLAMA, "none", None),
        ] {
            let prompt = Prompt { reasoning_effort: Some(word.to_owned()), ..Prompt::default() };
            assert_eq!(unsupported_for_reasoning(ReasoningStyle::of(name), &prompt), expected, "{name} {word}");
        }
        let (warm, narrow) = (
            Sampling { temperature: Some(0.5), ..Sampling::default() },
            Sampling { top_p: Some(0.5), ..Sampling::default() },
        );
        let of_name = |name: &str, prompt: Prompt| unsupported_for_reasoning(ReasoningStyle::of(name), &prompt);
        for (sampling, parameter) in [(warm, "temperature"), (narrow, "top_p")] {
            let of = |word: Option<&str>| Prompt {
                sampling: sampling.clone(),
                reasoning_effort: word.map(str::to_owned),
                ..Prompt::default()
            };
            for name in [CLAUDE, NEW_CLAUDE] {
                assert_eq!(of_name(name, of(Some("low"))), Some(parameter));
                assert_eq!(of_name(name, of(Some("none"))), None);
                assert_eq!(of_name(name, of(None)), None);
            }
            assert_eq!(of_name(GPT, of(Some("low"))), None);
        }
    }
}
