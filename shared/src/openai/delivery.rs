//! The parameters that say how an answer is sent.

use crate::door::{ParameterFault, Parameters, ProtocolError, refuse};

/// The members of a request that the chunks of its answer follow from.
#[derive(Clone, Copy, Debug)]
pub struct ChunkForm {
    /// Whether an event says what the model counted.
    pub include_usage: bool,
}

/// Whether the answer is streamed, and the form of its chunks.
pub(super) fn delivery(fields: &Parameters<'_>) -> Result<(bool, ChunkForm), ProtocolError> {
    let is_streamed = fields.switch("stream")?;
    let include_usage = match fields.object("stream_options", &["include_usage"])? {
        Some(_) if !is_streamed => {
            let detail = "'stream_options' is only allowed where 'stream' is true.";
            return Err(refuse("stream_options", ParameterFault::Value, detail));
        }
        Some(options) => options.switch("include_usage")?,
        None => false,
    };
    Ok((is_streamed, ChunkForm { include_usage }))
}
