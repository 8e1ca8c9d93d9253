//! The conversation that a caller sends.

use domain::message::{Message, ToolCall};
use providers::prompt::{Role, Turn};
use serde_json::value::RawValue;

use crate::door::{
    ImageRoom, MAX_ID_BYTES, MAX_MESSAGES, ParameterFault, Parameters, ProtocolError, is_empty, is_text, stored_message,
};
use crate::http::Elements;
use crate::openai::content::Content;
use crate::openai::tools;

/// The members of a message that are asked for.
const MEMBERS: [&str; 10] = [
    "role",
    "content",
    "refusal",
    "name",
    "tool_calls",
    "tool_call_id",
    "reasoning_content",
    "reasoning",
    "function_call",
    "audio",
];

/// Reads `messages`: the turns, and what is stored of the last that the user said.
pub(super) fn parse(fields: &Parameters<'_>) -> Result<(Vec<Turn>, Message), ProtocolError> {
    let rule = format!("an array of 1 to {MAX_MESSAGES} messages");
    let messages = fields.get("messages").ok_or_else(|| fields.refuse("messages", ParameterFault::Missing, ""))?;
    let messages = Elements::of(messages).ok_or_else(|| fields.refuse("messages", ParameterFault::Type, &rule))?;
    if !(1..=MAX_MESSAGES).contains(&messages.clone().take(MAX_MESSAGES + 1).count()) {
        return Err(fields.refuse("messages", ParameterFault::Value, &rule));
    }
    let mut room = ImageRoom::default();
    let turns = messages.enumerate().map(|(index, message)| turn(message, index, &mut room));
    let turns: Vec<Turn> = turns.collect::<Result<_, _>>()?;
    let message = stored_message(&turns);
    Ok((turns, message))
}

fn turn(message: &RawValue, index: usize, room: &mut ImageRoom) -> Result<Turn, ProtocolError> {
    let fields = Parameters::of(message, format!("messages[{index}]"), &MEMBERS)?;
    let role = role(&fields)?;
    for unsupported in ["function_call", "audio"] {
        if fields.get(unsupported).is_some_and(|value| !value.get().starts_with('[') || !is_empty(value)) {
            return Err(fields.refuse(unsupported, ParameterFault::Unsupported, ""));
        }
    }
    let of_assistant = role == Role::Assistant;
    let Content { text, images } = Content::parse(&fields, role, room)?;
    Ok(Turn {
        calls: if of_assistant { tools::calls(&fields)? } else { no_calls(&fields)? },
        answers: (role == Role::Tool).then(|| tools::required_text(&fields, "tool_call_id")).transpose()?,
        name: fields.short_text("name", MAX_ID_BYTES)?.filter(|name| !name.is_empty()),
        reasoning: if of_assistant { reasoning(&fields)? } else { None },
        images,
        ..Turn::text(role, text)
    })
}

/// Only an assistant calls tools.
fn no_calls(fields: &Parameters<'_>) -> Result<Vec<ToolCall>, ProtocolError> {
    match fields.get("tool_calls") {
        Some(calls) if !calls.get().starts_with('[') || !is_empty(calls) => {
            Err(fields.refuse("tool_calls", ParameterFault::Unsupported, ", except for an assistant"))
        }
        _ => Ok(Vec::new()),
    }
}

/// Reasoning has two names. Where it is no text, nobody here said it, and it is left out.
fn reasoning(fields: &Parameters<'_>) -> Result<Option<String>, ProtocolError> {
    for name in ["reasoning_content", "reasoning"] {
        if let Some(value) = fields.get(name).filter(|value| is_text(value)) {
            let text = fields.text_of(name, value, "a string")?.into_owned();
            return Ok(Some(text).filter(|text| !text.is_empty()));
        }
    }
    Ok(None)
}

fn role(fields: &Parameters<'_>) -> Result<Role, ProtocolError> {
    let role = fields.text("role")?.ok_or_else(|| fields.refuse("role", ParameterFault::Missing, ""))?;
    match role.as_ref() {
        // Reasoning models call a system message a developer's.
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" => Ok(Role::Tool),
        "function" => Err(fields.refuse("role", ParameterFault::Unsupported, " as function: give tool")),
        _ => Err(fields.refuse("role", ParameterFault::Value, "system, developer, user, assistant or tool")),
    }
}
