//! The parameters by which a model chooses its words.

use providers::prompt::Sampling;

use crate::door::{ParameterFault, Parameters, ProtocolError};
use crate::http::Elements;

const MAX_STOPS: usize = 4;
/// The most bytes of a text before which a reply ends.
pub(super) const MAX_STOP_BYTES: usize = 1024;

/// Reads the parameters by which a model chooses its words.
pub(super) fn sampling(fields: &Parameters<'_>) -> Result<Sampling, ProtocolError> {
    Ok(Sampling {
        temperature: fields.number("temperature", 0.0, 2.0)?,
        top_p: fields.number("top_p", 0.0, 1.0)?,
        presence_penalty: fields.number("presence_penalty", -2.0, 2.0)?,
        frequency_penalty: fields.number("frequency_penalty", -2.0, 2.0)?,
        stop: stops(fields)?,
        seed: fields.integer("seed")?,
        top_k: None,
    })
}

fn stops(fields: &Parameters<'_>) -> Result<Vec<String>, ProtocolError> {
    let rule = format!("a string or up to {MAX_STOPS} strings, each of 1 to {MAX_STOP_BYTES} bytes");
    let stop = |value| match fields.text_of("stop", value, &rule)? {
        text if (1..=MAX_STOP_BYTES).contains(&text.len()) => Ok(text.into_owned()),
        _ => Err(fields.refuse("stop", ParameterFault::Value, &rule)),
    };
    let Some(value) = fields.get("stop") else { return Ok(Vec::new()) };
    match Elements::of(value) {
        None => Ok(vec![stop(value)?]),
        Some(stops) if stops.clone().nth(MAX_STOPS).is_some() => {
            Err(fields.refuse("stop", ParameterFault::Value, &rule))
        }
        Some(stops) => stops.map(stop).collect(),
    }
}
