//! The member `usage` of answers, as far as it can be believed.

use domain::pricing::Usage;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::whole_number::count;

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
        let (input, output) = self.input_and_output();
        let usage = Usage {
            cached_input_tokens: self.cached,
            cache_write_tokens: self.cache_write,
            reasoning_tokens: self.reasoning,
            ..Usage::counted(input, output)
        };
        (usage.input_tokens > 0 || usage.output_tokens > 0).then(|| usage.within(u64::MAX, u64::MAX))
    }

    /// All tokens that the model read, and all that it wrote. `OpenAI` counts cached tokens among the prompt's, and the
    /// reasoning among the completion's. Other servers count them beside: xAI the reasoning, and a proxy that copies
    /// Anthropic's counts the cached tokens. A part is beside its whole if it is greater, or if only so the total is the sum.
    fn input_and_output(self) -> (u64, u64) {
        let Self { prompt, completion, total, cached, cache_write, reasoning } = self;
        let (with_cache, with_reasoning) = (prompt + cached + cache_write, completion + reasoning);
        let inputs = if cached + cache_write > prompt { [with_cache; 2] } else { [prompt, with_cache] };
        let outputs = if reasoning > completion { [with_reasoning; 2] } else { [completion, with_reasoning] };
        let readings = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(input, output)| (inputs[input], outputs[output]));
        let is_total = |(input, output): &(u64, u64)| input + output == total;
        readings.into_iter().find(is_total).unwrap_or(readings[0])
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
    use crate::whole_number::MAX_EXACT;

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

    /// As in the API of Anthropic: <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>
    #[test]
    fn cached_tokens_that_are_counted_beside_the_prompt_are_input_too() {
        for (whole, parts, expected, why) in [
            ([1000, 300, 1300], [900, 50, 0], (1000, 300), "OpenAI's prompt has the cached tokens"),
            ([1000, 300, 0], [900, 100, 0], (1000, 300), "no more cached tokens than the prompt's, and no total"),
            ([10, 300, 0], [900, 0, 0], (910, 300), "more cached tokens than the prompt's, and no total"),
            ([10, 300, 310], [900, 0, 0], (910, 300), "… and a total that leaves them out"),
            ([10, 300, 1260], [900, 50, 0], (960, 300), "the total has all of them"),
            ([1000, 300, 1350], [50, 0, 0], (1050, 300), "the total has them, though the prompt is longer"),
            ([500, 300, 0], [400, 400, 0], (1300, 300), "together more than the prompt"),
            ([10, 9, 1119], [900, 0, 200], (910, 209), "reasoning is beside the completion too"),
            ([1000, 9, 1209], [900, 0, 200], (1000, 209), "the reasoning alone"),
            ([10, 209, 1119], [900, 0, 200], (910, 209), "the cache alone"),
            ([10, 300, 310], [0, 0, 0], (10, 300), "no parts"),
            ([10, 300, 7], [3, 2, 1], (10, 300), "a total that is no sum"),
        ] {
            let usage = with_parts(whole, parts);
            assert_eq!((usage.input_tokens, usage.output_tokens), expected, "{why}");
            assert_eq!([usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens], parts, "{why}");
        }
    }

    /// The counts are up to the greatest that are read, and the parts are those that the server counted.
    #[test]
    fn no_part_is_greater_than_its_whole() {
        let counts = [0, 1, 3, 10, MAX_EXACT];
        let each = || counts.into_iter();
        for (prompt, completion) in each().flat_map(|prompt| each().map(move |completion| (prompt, completion))) {
            for (cached, cache_write) in each().flat_map(|cached| each().map(move |written| (cached, written))) {
                for (reasoning, total) in each().flat_map(|reasoning| each().map(move |total| (reasoning, total))) {
                    let counted = Counted { prompt, completion, total, cached, cache_write, reasoning };
                    let Some(usage) = counted.usage() else { continue };
                    assert!(usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens, "{usage:?}");
                    assert!(usage.reasoning_tokens <= usage.output_tokens, "{usage:?}");
                    let parts = (usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens);
                    assert_eq!(parts, (cached, cache_write, reasoning), "nothing that was counted is given away");
                    assert!(usage.input_tokens >= prompt && usage.output_tokens >= completion);
                }
            }
        }
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
