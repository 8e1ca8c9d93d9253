//! The form of a reply that a caller asks for.

use providers::prompt::ResponseFormat;

use crate::door::{ParameterFault, Parameters, ProtocolError};

/// Reads `response_format`: nothing for a text.
pub(super) fn parse(fields: &Parameters<'_>) -> Result<Option<ResponseFormat>, ProtocolError> {
    let Some(format) = fields.object("response_format", &["type", "json_schema"])? else { return Ok(None) };
    let kind = format.text("type")?.ok_or_else(|| format.refuse("type", ParameterFault::Missing, ""))?;
    match kind.as_ref() {
        "text" => Ok(None),
        "json_object" => Ok(Some(ResponseFormat::JsonObject)),
        "json_schema" => {
            let schema = format.object("json_schema", &["name", "description", "schema", "strict"])?;
            let schema = schema.ok_or_else(|| format.refuse("json_schema", ParameterFault::Missing, ""))?;
            Ok(Some(ResponseFormat::JsonSchema {
                name: schema.identifier("name")?,
                description: schema.text("description")?.map(Into::into),
                schema: schema.schema("schema")?,
                strict: schema.switch_if_given("strict")?,
            }))
        }
        _ => Err(format.refuse("type", ParameterFault::Unsupported, ", except for text, json_object and json_schema")),
    }
}
