//! Requests to `POST /v1/embeddings`.

use domain::message::Message;
use providers::catalogue::may_be_extra;
use providers::prompt::{EmbeddingInputs, Input, Prompt};
use providers::reply::MAX_EMBEDDINGS_BYTES;
use serde_json::value::RawValue;

use crate::door::{DoorRequest, ExtraMembers, ParameterFault, Parameters, ProtocolError, is_text, refuse};
use crate::http::{Elements, JsonObject, Request};
use crate::openai::embeddings::door::Embeddings;

/// The most bytes of a body: 4 MiB. A program sends many texts at once.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The most inputs of a request, as OpenAI has it.
pub(super) const MAX_INPUTS: usize = 2048;

/// The most numbers of a vector. No model that we know makes more than 8,192.
const MAX_DIMENSIONS: u32 = 65_536;

/// The parameters that are honoured.
pub(super) const PARAMETERS: [&str; 5] = ["dimensions", "encoding_format", "input", "max_cost", "model"];

const RULE_OF_INPUT: &str = "a string, an array of tokens, or an array of 1 to 2048 strings or arrays of tokens, none of them \
                             empty";

impl DoorRequest<Embeddings> {
    /// Reads the body of `request`. Its model is not looked up: that takes the catalogue, which is read for open accounts
    /// alone.
    ///
    /// # Errors
    /// [`ProtocolError::Api`] if it is no JSON object of at most [`MAX_BYTES`]; [`ProtocolError::Parameter`] naming the first
    /// that no model can honour.
    pub fn parse(request: &Request) -> Result<Self, ProtocolError> {
        Self::of_object(request.json_object(MAX_BYTES, &PARAMETERS, may_be_extra)?)
    }

    fn of_object(mut object: JsonObject<'_>) -> Result<Self, ProtocolError> {
        let extra = ExtraMembers::take(&mut object);
        let fields = &Parameters::new(object);
        let model = fields.text("model")?.ok_or_else(|| fields.refuse("model", ParameterFault::Missing, ""))?;
        Ok(Self {
            model: model.into_owned(),
            prompt: Prompt { inputs: Some(inputs(fields)?), extra: extra.members, ..Prompt::default() },
            // Nothing is stored of them.
            message: Message::beginning_of(""),
            max_output_tokens: None,
            max_cost: fields.credits("max_cost")?,
            is_streamed: false,
            form: (),
            store: false,
            has_too_many_unknown: extra.are_too_many,
        })
    }
}

/// Reads the inputs, and how their vectors are wanted. Vectors for which an answer has no room cannot be asked for.
fn inputs(fields: &Parameters<'_>) -> Result<EmbeddingInputs, ProtocolError> {
    let base64 = match fields.text("encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(fields.refuse("encoding_format", ParameterFault::Value, "float or base64")),
    };
    let dimensions = fields.count("dimensions")?;
    if dimensions.is_some_and(|dimensions| dimensions > MAX_DIMENSIONS) {
        let rule = format!("a whole number from 1 to {MAX_DIMENSIONS}");
        return Err(fields.refuse("dimensions", ParameterFault::Value, &rule));
    }
    let inputs = EmbeddingInputs { texts: texts(fields)?, dimensions, base64 };
    if inputs.expected_answer_bytes() > MAX_EMBEDDINGS_BYTES {
        let detail = format!(
            "'input' has too many parts: vectors of so many 'dimensions' would have more than the {MAX_EMBEDDINGS_BYTES} \
             bytes of an answer. Send some of them at a time."
        );
        return Err(refuse("input", ParameterFault::Value, detail));
    }
    Ok(inputs)
}

/// Reads `input`. An array of numbers is one input, as tokens.
fn texts(fields: &Parameters<'_>) -> Result<Vec<Input>, ProtocolError> {
    let given = fields.get("input").ok_or_else(|| fields.refuse("input", ParameterFault::Missing, ""))?;
    let invalid = || fields.refuse("input", ParameterFault::Value, RULE_OF_INPUT);
    let Some(parts) = Elements::of(given) else { return Ok(vec![text(fields, given)?]) };
    let first = parts.clone().next().ok_or_else(invalid)?;
    let are_tokens = Elements::of(first).is_some();
    if !is_text(first) && !are_tokens {
        return Ok(vec![tokens(fields, given)?]);
    }
    if parts.clone().nth(MAX_INPUTS).is_some() {
        return Err(invalid());
    }
    parts.map(|part| if are_tokens { tokens(fields, part) } else { text(fields, part) }).collect()
}

fn text(fields: &Parameters<'_>, value: &RawValue) -> Result<Input, ProtocolError> {
    match fields.text_of("input", value, RULE_OF_INPUT)? {
        text if text.is_empty() => Err(fields.refuse("input", ParameterFault::Value, RULE_OF_INPUT)),
        text => Ok(Input::Text(text.into_owned())),
    }
}

fn tokens(fields: &Parameters<'_>, value: &RawValue) -> Result<Input, ProtocolError> {
    match serde_json::from_str::<Vec<u32>>(value.get()) {
        Ok(tokens) if !tokens.is_empty() => Ok(Input::Tokens(tokens)),
        Ok(_) => Err(fields.refuse("input", ParameterFault::Value, RULE_OF_INPUT)),
        Err(_) => Err(fields.refuse("input", ParameterFault::Type, RULE_OF_INPUT)),
    }
}
