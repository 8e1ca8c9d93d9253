//! Marks of the places up to which the provider is asked to keep a conversation in its cache.

use crate::door::{ParameterFault, Parameters, ProtocolError};

/// The most marks of a request, as Anthropic has it.
const MAX_MARKS: usize = 4;

/// The marks of a request so far.
#[derive(Default)]
pub(super) struct CacheMarks(usize);

impl CacheMarks {
    /// Whether the block `fields` has a mark. `ttl` is read and left out: every mark is one of five minutes, because an hour
    /// has another price.
    pub(super) fn take(&mut self, fields: &Parameters<'_>) -> Result<bool, ProtocolError> {
        let Some(mark) = fields.object("cache_control", &["type", "ttl"])? else { return Ok(false) };
        match mark.text("type")?.as_deref() {
            Some("ephemeral") => {}
            Some(_) => return Err(mark.refuse("type", ParameterFault::Value, "ephemeral")),
            None => return Err(mark.refuse("type", ParameterFault::Missing, "")),
        }
        if mark.text("ttl")?.is_some_and(|ttl| ttl != "5m" && ttl != "1h") {
            return Err(mark.refuse("ttl", ParameterFault::Value, "5m or 1h"));
        }
        self.0 += 1;
        if self.0 > MAX_MARKS {
            let rule = format!("one of at most {MAX_MARKS} in a request");
            return Err(fields.refuse("cache_control", ParameterFault::Value, &rule));
        }
        Ok(true)
    }
}
