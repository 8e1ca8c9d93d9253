//! The member `usage` of answers, as far as it can be believed.

use domain::pricing::Usage;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The greatest count that every JSON parser reads exactly. No reply has as many tokens.
const MAX_COUNT: u64 = 1 << 53;

/// A server's count of tokens. An odd count must not cost somebody their reply, so a number that is no count is 0, as if
/// it were not there.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    prompt: u64,
    completion: u64,
    total: u64,
    cached: u64,
    cache_write: u64,
    reasoning: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Usages {
    Members {
        #[serde(default, deserialize_with = "count")]
        prompt_tokens: u64,
        #[serde(default, deserialize_with = "count")]
        completion_tokens: u64,
        #[serde(default, deserialize_with = "count")]
        total_tokens: u64,
        #[serde(default)]
        prompt_tokens_details: PromptDetails,
        #[serde(default)]
        completion_tokens_details: CompletionDetails,
    },
    Other(IgnoredAny),
}

/// The parts of the prompt's tokens. `OpenAI` has no price for writing to its cache, and does not count it; `OpenRouter`
/// does.
#[derive(Deserialize)]
#[serde(untagged)]
enum PromptDetails {
    Members {
        #[serde(default, deserialize_with = "count")]
        cached_tokens: u64,
        #[serde(default, deserialize_with = "count")]
        cache_write_tokens: u64,
    },
    Other(IgnoredAny),
}

/// The parts of the completion's tokens.
#[derive(Deserialize)]
#[serde(untagged)]
enum CompletionDetails {
    Members {
        #[serde(default, deserialize_with = "count")]
        reasoning_tokens: u64,
    },
    Other(IgnoredAny),
}

impl Default for PromptDetails {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl Default for CompletionDetails {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl Counted {
    /// The usage, unless the server counted nothing. No part of it is greater than its whole.
    pub(super) fn usage(self) -> Option<Usage> {
        let usage = Usage {
            cached_input_tokens: self.cached,
            cache_write_tokens: self.cache_write,
            reasoning_tokens: self.reasoning,
            ..Usage::counted(self.prompt, self.output())
        };
        (usage.input_tokens > 0 || usage.output_tokens > 0).then(|| usage.within(u64::MAX, u64::MAX))
    }

    /// All tokens that the model wrote. `OpenAI` counts the reasoning among the completion's tokens. xAI counts it beside
    /// them, and then the total has all three.
    fn output(self) -> u64 {
        let Self { prompt, completion, total, reasoning, .. } = self;
        let with_reasoning = completion + reasoning;
        let is_beside = reasoning > completion || prompt + with_reasoning == total;
        if is_beside { with_reasoning } else { completion }
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Usages::Members {
            prompt_tokens,
            completion_tokens,
            total_tokens,
            prompt_tokens_details,
            completion_tokens_details,
        } = Usages::deserialize(deserializer)?
        else {
            return Ok(Self::default());
        };
        let (cached, cache_write) = match prompt_tokens_details {
            PromptDetails::Members { cached_tokens, cache_write_tokens } => (cached_tokens, cache_write_tokens),
            PromptDetails::Other(_) => (0, 0),
        };
        let reasoning = match completion_tokens_details {
            CompletionDetails::Members { reasoning_tokens } => reasoning_tokens,
            CompletionDetails::Other(_) => 0,
        };
        Ok(Self {
            prompt: prompt_tokens,
            completion: completion_tokens,
            total: total_tokens,
            cached,
            cache_write,
            reasoning,
        })
    }
}

/// A whole number from 0 to [`MAX_COUNT`], also if it is written with a fraction of zero. Anything else is 0.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| whole(value.as_f64()?)).filter(|count| *count <= MAX_COUNT).unwrap_or_default())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "it is whole")]
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..=MAX_COUNT as f64).contains(&number)).then_some(number as u64)
}

/// The counts of a stream, which may come in several chunks: of each number the last one that is there.
pub(super) fn latest(before: Option<Usage>, now: Option<Usage>) -> Option<Usage> {
    let (Some(before), Some(now)) = (before, now) else { return now.or(before) };
    let or = |now, before| if now == 0 { before } else { now };
    let usage = Usage {
        cached_input_tokens: or(now.cached_input_tokens, before.cached_input_tokens),
        cache_write_tokens: or(now.cache_write_tokens, before.cache_write_tokens),
        reasoning_tokens: or(now.reasoning_tokens, before.reasoning_tokens),
        ..Usage::counted(or(now.input_tokens, before.input_tokens), or(now.output_tokens, before.output_tokens))
    };
    Some(usage.within(u64::MAX, u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Option<(u64, u64)> {
        let usage = serde_json::from_str::<Counted>(json).unwrap().usage()?;
        assert!(!usage.estimated);
        Some((usage.input_tokens, usage.output_tokens))
    }

    #[test]
    fn a_number_that_is_no_count_is_as_if_it_were_not_there() {
        let of = |tokens: &str| usage(&format!(r#"{{"prompt_tokens": 9, "completion_tokens": {tokens}}}"#));
        for (tokens, expected) in [
            ("2", 2),
            ("2.0", 2),
            ("0", 0),
            ("-1", 0),
            ("2.5", 0),
            ("1e300", 0),
            ("9007199254740992", 1 << 53),
            ("9007199254740993", 0),
            ("18446744073709551616", 0),
            ("\"2\"", 0),
            ("null", 0),
            ("[2]", 0),
        ] {
            assert_eq!(of(tokens), Some((9, expected)), "{tokens}");
        }
        assert_eq!(usage(r#"{"prompt_tokens": 9}"#), Some((9, 0)));
        assert_eq!(usage(r#"{"completion_tokens": 2}"#), Some((0, 2)));
        for nothing in ["null", "7", "\"none\"", "{}", r#"{"prompt_tokens": 0, "completion_tokens": 0}"#] {
            assert_eq!(usage(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn of_several_counts_each_number_is_the_last_one_that_is_there() {
        let counted = |input_tokens, output_tokens| Some(Usage::counted(input_tokens, output_tokens));
        for (before, now, expected) in [
            (None, counted(9, 2), counted(9, 2)),
            (counted(9, 2), None, counted(9, 2)),
            (counted(9, 2), counted(9, 5), counted(9, 5)),
            (counted(9, 0), counted(0, 5), counted(9, 5)),
        ] {
            assert_eq!(latest(before, now), expected);
        }
    }

    /// The usage of `prompt`, `completion` and `total`, of which as many were cached, written to the cache, and reasoning.
    fn with_parts(whole: [u64; 3], parts: [u64; 3]) -> Usage {
        let [prompt_tokens, completion_tokens, total_tokens] = whole;
        let [cached_tokens, cache_write_tokens, reasoning_tokens] = parts;
        let json = serde_json::json!({
            "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": total_tokens,
            "prompt_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": cache_write_tokens},
            "completion_tokens_details": {"reasoning_tokens": reasoning_tokens, "audio_tokens": 0},
        });
        serde_json::from_value::<Counted>(json).unwrap().usage().unwrap()
    }

    #[test]
    fn cached_and_reasoning_tokens_are_parts_of_the_others() {
        let usage = with_parts([1000, 300, 1300], [900, 50, 200]);
        let expected = Usage {
            cached_input_tokens: 900,
            cache_write_tokens: 50,
            reasoning_tokens: 200,
            ..Usage::counted(1000, 300)
        };
        assert_eq!(usage, expected);
    }

    /// <https://github.com/vercel/ai/issues/12425>
    #[test]
    fn reasoning_that_is_counted_beside_the_completion_is_output_too() {
        let output = |whole, reasoning| with_parts(whole, [0, 0, reasoning]).output_tokens;
        assert_eq!(output([32, 9, 241], 200), 209, "xAI's total has all three");
        assert_eq!(output([32, 9, 0], 200), 209, "more reasoning than completion, and no total");
        assert_eq!(output([32, 209, 241], 200), 209, "OpenAI's completion has the reasoning");
        assert_eq!(output([32, 209, 0], 200), 209);
        assert_eq!(output([32, 9, 41], 0), 9);
    }

    #[test]
    fn no_part_is_greater_than_its_whole() {
        let usage = with_parts([10, 5, 15], [12, 4, 3]);
        assert_eq!((usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens), (10, 0, 3));
    }

    #[test]
    fn details_that_are_none_are_as_if_they_were_not_there() {
        for details in ["null", "7", "[]", "{}", r#"{"cached_tokens": null, "reasoning_tokens": "3"}"#] {
            let json = format!(
                r#"{{"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {details},
                    "completion_tokens_details": {details}}}"#
            );
            let usage = serde_json::from_str::<Counted>(&json).unwrap().usage();
            assert_eq!(usage, Some(Usage::counted(9, 2)), "{details}");
        }
    }

    #[test]
    fn a_count_that_comes_late_in_a_stream_keeps_the_parts_that_came_before() {
        let before = with_parts([1000, 300, 1300], [900, 0, 200]);
        let now = Some(Usage::counted(0, 310));
        assert_eq!(latest(Some(before), now), Some(Usage { output_tokens: 310, ..before }));
    }
}
