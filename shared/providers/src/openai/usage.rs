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
    input_tokens: u64,
    output_tokens: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Usages {
    Members {
        #[serde(default, deserialize_with = "count")]
        prompt_tokens: u64,
        #[serde(default, deserialize_with = "count")]
        completion_tokens: u64,
    },
    Other(IgnoredAny),
}

impl Counted {
    /// The usage, unless the server counted nothing.
    pub(super) fn usage(self) -> Option<Usage> {
        let Self { input_tokens, output_tokens } = self;
        (input_tokens > 0 || output_tokens > 0).then_some(Usage::counted(input_tokens, output_tokens))
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Usages::deserialize(deserializer)? {
            Usages::Members { prompt_tokens, completion_tokens } => {
                Self { input_tokens: prompt_tokens, output_tokens: completion_tokens }
            }
            Usages::Other(_) => Self::default(),
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
    Some(Usage::counted(or(now.input_tokens, before.input_tokens), or(now.output_tokens, before.output_tokens)))
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
}
