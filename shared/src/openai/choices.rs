//! The parameters that ask for several choices, for log probabilities, or for likelier tokens.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU8;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::door::{ParameterFault, Parameters, ProtocolError, is_object, refuse};

/// The most choices of a request.
const MAX_CHOICES: u8 = 8;
/// The most tokens beside each token of a reply whose probability can be asked for, as OpenAI has it.
const MAX_TOP_LOGPROBS: u8 = 20;
/// The most tokens with a bias, as OpenAI has it.
const MAX_BIASES: usize = 300;
/// The greatest bias, of either sign.
const MAX_BIAS: f32 = 100.0;

/// Reads `n`: nothing for one choice.
pub(super) fn count(fields: &Parameters<'_>) -> Result<Option<NonZeroU8>, ProtocolError> {
    let choices = fields.small_number("n", 1, MAX_CHOICES)?.and_then(NonZeroU8::new);
    Ok(choices.filter(|choices| choices.get() > 1))
}

/// Reads `logprobs` and `top_logprobs`: the number of other tokens whose probability is wanted, if any is.
pub(super) fn logprobs(fields: &Parameters<'_>) -> Result<Option<u8>, ProtocolError> {
    let top = fields.small_number("top_logprobs", 0, MAX_TOP_LOGPROBS)?.unwrap_or_default();
    if fields.switch("logprobs")? {
        return Ok(Some(top));
    }
    if top > 0 {
        let detail = "'top_logprobs' is only allowed where 'logprobs' is true.";
        return Err(refuse("top_logprobs", ParameterFault::Value, detail));
    }
    Ok(None)
}

/// Reads `logit_bias`.
pub(super) fn logit_bias(fields: &Parameters<'_>) -> Result<BTreeMap<u32, f32>, ProtocolError> {
    let rule = format!("an object of at most {MAX_BIASES} numbers from -{MAX_BIAS} to {MAX_BIAS} by the ids of tokens");
    let Some(value) = fields.get("logit_bias") else { return Ok(BTreeMap::new()) };
    if !is_object(value) {
        return Err(fields.refuse("logit_bias", ParameterFault::Type, &rule));
    }
    match serde_json::from_str(value.get()) {
        Ok(LogitBias(biases)) => Ok(biases),
        Err(_) => Err(fields.refuse("logit_bias", ParameterFault::Value, &rule)),
    }
}

/// Biases by the ids of tokens.
struct LogitBias(BTreeMap<u32, f32>);

impl<'de> Deserialize<'de> for LogitBias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LogitBiasVisitor)
    }
}

struct LogitBiasVisitor;

impl<'de> Visitor<'de> for LogitBiasVisitor {
    type Value = LogitBias;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("biases by the ids of tokens")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<LogitBias, A::Error> {
        let mut biases = BTreeMap::new();
        while let Some((token, bias)) = members.next_entry::<String, f32>()? {
            let is_id = token.bytes().all(|byte| byte.is_ascii_digit());
            let token = token.parse().ok().filter(|_| is_id);
            let token = token.ok_or_else(|| A::Error::custom("it is no token's id"))?;
            if !(-MAX_BIAS..=MAX_BIAS).contains(&bias) {
                return Err(A::Error::custom("the bias is too great"));
            }
            biases.insert(token, bias);
            if biases.len() > MAX_BIASES {
                return Err(A::Error::custom("there are too many"));
            }
        }
        Ok(LogitBias(biases))
    }
}
