//! Whole numbers of JSON, which some programs write with a fraction of zero.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The greatest whole number that every JSON reader keeps exact.
pub(crate) const MAX_EXACT: u64 = 1 << 53;

/// The whole number that `value` is, also if it is written with a fraction of zero. With one it is at most [`MAX_EXACT`].
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "it is whole")]
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..=MAX_EXACT as f64).contains(number);
    value.as_u64().or_else(|| value.as_f64().filter(is_whole).map(|number| number as u64))
}

/// A count of tokens: a whole number from 0 to [`MAX_EXACT`], also if it is written with a fraction of zero. Anything else is
/// 0, as if it were not there: an odd count must not cost somebody their reply.
#[cfg_attr(not(feature = "openai"), expect(dead_code, reason = "the clients that count are not built in"))]
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(whole_number(&value).filter(|count| *count <= MAX_EXACT).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fraction_of_zero_is_none() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!(7.0), Some(7)),
            (json!(-0.0), Some(0)),
            (json!(9_007_199_254_740_992.0), Some(MAX_EXACT)),
            (json!(u64::MAX), Some(u64::MAX)),
            (json!(7.5), None),
            (json!(-1), None),
            (json!(-1.0), None),
            (json!(9_007_199_254_740_994.0), None),
            (json!("7"), None),
            (json!(null), None),
        ] {
            assert_eq!(whole_number(&value), expected, "{value}");
        }
    }
}
