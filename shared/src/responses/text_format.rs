//! The form and the length of the text that a caller asks for.

use providers::prompt::ResponseFormat;

use crate::door::{ParameterFault, Parameters, ProtocolError};

/// `text`.
#[derive(Default)]
pub(super) struct TextParameters {
    /// Nothing for a text.
    pub(super) format: Option<ResponseFormat>,
    pub(super) verbosity: Option<String>,
}

impl TextParameters {
    pub(super) fn parse(fields: &Parameters<'_>) -> Result<Self, ProtocolError> {
        let Some(text) = fields.object("text", &["format", "verbosity"])? else { return Ok(Self::default()) };
        // OpenAI's default, which asks for nothing.
        let verbosity = text.word("verbosity")?.filter(|verbosity| verbosity != "medium");
        Ok(Self { format: format(&text)?, verbosity })
    }
}

fn format(text: &Parameters<'_>) -> Result<Option<ResponseFormat>, ProtocolError> {
    let format = text.object("format", &["type", "name", "description", "schema", "strict"])?;
    let Some(format) = format else { return Ok(None) };
    let kind = format.text("type")?.ok_or_else(|| format.refuse("type", ParameterFault::Missing, ""))?;
    match kind.as_ref() {
        "text" => Ok(None),
        "json_object" => Ok(Some(ResponseFormat::JsonObject)),
        "json_schema" => Ok(Some(ResponseFormat::JsonSchema {
            name: format.identifier("name")?,
            description: format.text("description")?.map(Into::into),
            schema: format.schema("schema")?,
            strict: format.switch_if_given("strict")?,
        })),
        _ => Err(format.refuse("type", ParameterFault::Unsupported, ", except for text, json_object and json_schema")),
    }
}
