//! The conversation that a caller sends.

use domain::message::Message;
use providers::prompt::{Role, Turn};
use serde_json::Value;

use crate::openai::error::{ParameterFault, ProtocolError};
use crate::openai::parameters::{Parameters, refuse};

/// The most messages of a conversation.
const MAX_MESSAGES: usize = 2048;

/// Reads `messages`: the turns, and what is stored of the last that the user said.
pub(super) fn parse(fields: Parameters<'_>) -> Result<(Vec<Turn>, Message), ProtocolError> {
    let rule = format!("an array of 1 to {MAX_MESSAGES} messages");
    let messages = fields.get("messages").ok_or_else(|| fields.refuse("messages", ParameterFault::Missing, ""))?;
    let messages = messages.as_array().ok_or_else(|| fields.refuse("messages", ParameterFault::Type, &rule))?;
    if !(1..=MAX_MESSAGES).contains(&messages.len()) {
        return Err(fields.refuse("messages", ParameterFault::Value, &rule));
    }
    let turns: Vec<Turn> =
        messages.iter().enumerate().map(|(index, message)| turn(message, index)).collect::<Result<_, _>>()?;
    let last = turns.iter().rposition(|turn| turn.role == Role::User);
    let last = last.ok_or_else(|| {
        let detail = "'messages' must contain at least one message with the role 'user'.";
        refuse("messages", ParameterFault::Value, detail)
    })?;
    let message = Message::beginning_of(&turns[last].text);
    Ok((turns, message))
}

fn turn(message: &Value, index: usize) -> Result<Turn, ProtocolError> {
    let place = format!("messages[{index}]");
    let Some(message) = message.as_object() else {
        return Err(refuse(&place, ParameterFault::Type, format!("'{place}' must be an object.")));
    };
    let prefix = format!("{place}.");
    let fields = Parameters::new(message, &prefix);
    let role = role(fields)?;
    for calls in ["tool_calls", "function_call", "audio"] {
        if fields.get(calls).is_some_and(|calls| calls.as_array().is_none_or(|calls| !calls.is_empty())) {
            return Err(fields.refuse(calls, ParameterFault::Unsupported, ""));
        }
    }
    Ok(Turn { role, text: content(fields)? })
}

fn role(fields: Parameters<'_>) -> Result<Role, ProtocolError> {
    match fields.text("role")?.ok_or_else(|| fields.refuse("role", ParameterFault::Missing, ""))? {
        // Reasoning models call a system message a developer's.
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" | "function" => Err(fields.refuse("role", ParameterFault::Unsupported, " as tool or function")),
        _ => Err(fields.refuse("role", ParameterFault::Value, "system, developer, user or assistant")),
    }
}

/// A text, or the texts of its parts, a line each.
fn content(fields: Parameters<'_>) -> Result<String, ProtocolError> {
    match fields.get("content") {
        None => Err(fields.refuse("content", ParameterFault::Missing, "")),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) if !parts.is_empty() => {
            let texts = parts.iter().enumerate().map(|(index, part)| part_text(fields, part, index));
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        Some(_) => Err(fields.refuse("content", ParameterFault::Type, "a string or an array of text parts")),
    }
}

fn part_text<'a>(fields: Parameters<'_>, part: &'a Value, index: usize) -> Result<&'a str, ProtocolError> {
    let name = |member: &str| format!("content[{index}]{member}");
    match part["type"].as_str() {
        Some("text") => {
            part["text"].as_str().ok_or_else(|| fields.refuse(&name(".text"), ParameterFault::Type, "a string"))
        }
        Some(_) => Err(fields.refuse(&name(""), ParameterFault::Unsupported, ", except for parts of the type text")),
        None => Err(fields.refuse(&name(".type"), ParameterFault::Type, "a string")),
    }
}
