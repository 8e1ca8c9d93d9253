//! Tokens, as a model counts them.

use serde::{Deserialize, Serialize};

/// The tokens that a message took, as its model counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that the model read: context and message.
    pub input_tokens: u64,
    /// The part of the input tokens that the provider had in its cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_input_tokens: u64,
    /// The part of the input tokens that the provider put into its cache. None of them was in the cache before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_tokens: u64,
    /// Tokens that the model wrote.
    pub output_tokens: u64,
    /// The part of the output tokens that the model wrote before its reply, to reason.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
    /// Images that the model read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub images: u32,
    /// Whether the counts are our estimate, because the model reported none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub estimated: bool,
}

impl Usage {
    /// The provider's count of a text without cached or reasoning tokens.
    #[must_use]
    pub const fn counted(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens,
            cached_input_tokens: 0,
            cache_write_tokens: 0,
            output_tokens,
            reasoning_tokens: 0,
            images: 0,
            estimated: false,
        }
    }

    /// Our estimate of a text.
    #[must_use]
    pub const fn estimated(input_tokens: u64, output_tokens: u64) -> Self {
        Self { estimated: true, ..Self::counted(input_tokens, output_tokens) }
    }

    /// The usage, lowered to at most `most_input` input and `most_output` output tokens. A part that is larger than its
    /// whole is lowered to the whole. If the two parts of the input do not fit into it together, the cache's writes are
    /// lowered.
    #[must_use]
    pub fn within(self, most_input: u64, most_output: u64) -> Self {
        let input_tokens = self.input_tokens.min(most_input);
        let cached_input_tokens = self.cached_input_tokens.min(input_tokens);
        let output_tokens = self.output_tokens.min(most_output);
        Self {
            input_tokens,
            cached_input_tokens,
            cache_write_tokens: self.cache_write_tokens.min(input_tokens - cached_input_tokens),
            output_tokens,
            reasoning_tokens: self.reasoning_tokens.min(output_tokens),
            ..self
        }
    }
}

fn is_zero<T: Default + PartialEq>(count: &T) -> bool {
    *count == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_count_that_is_zero_is_left_out_and_may_be_missing() {
        let json = r#"{"input_tokens":9,"output_tokens":2}"#;
        assert_eq!(serde_json::to_string(&Usage::counted(9, 2)).unwrap(), json);
        assert_eq!(serde_json::from_str::<Usage>(json).unwrap(), Usage::counted(9, 2));
        let whole = Usage {
            cached_input_tokens: 4,
            cache_write_tokens: 3,
            reasoning_tokens: 1,
            images: 2,
            ..Usage::estimated(9, 2)
        };
        let json = serde_json::to_value(whole).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 7, "{json}");
        assert_eq!(serde_json::from_value::<Usage>(json).unwrap(), whole);
    }

    proptest! {
        #[test]
        fn no_part_is_larger_than_its_whole_and_what_fits_stays(
            usage in crate::pricing::tests::any_usage(),
            most_input: u64,
            most_output: u64,
        ) {
            let within = usage.within(most_input, most_output);
            prop_assert!(within.input_tokens <= most_input && within.output_tokens <= most_output);
            let parts = within.cached_input_tokens.checked_add(within.cache_write_tokens);
            prop_assert!(parts.is_some_and(|parts| parts <= within.input_tokens));
            prop_assert!(within.reasoning_tokens <= within.output_tokens);
            prop_assert_eq!(within.within(most_input, most_output), within);
            prop_assert_eq!(within.within(u64::MAX, u64::MAX), within);
            prop_assert_eq!((within.images, within.estimated), (usage.images, usage.estimated));
        }
    }
}
