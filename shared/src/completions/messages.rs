//! The conversation that a caller sends.

use serde_json::Value;

use crate::chat::Message;
use crate::completions::fields::{Fields, refuse};
use crate::error::{ApiError, Fault};
use crate::models::{Role, Turn};

/// The most messages of a conversation.
const MAX_MESSAGES: usize = 2048;

/// Reads `messages`: the turns, and what is stored of the last that the user said.
pub(super) fn parse(fields: Fields<'_>) -> Result<(Vec<Turn>, Message), ApiError> {
    let rule = format!("an array of 1 to {MAX_MESSAGES} messages");
    let messages = fields.get("messages").ok_or_else(|| fields.refuse("messages", Fault::Missing, ""))?;
    let messages = messages.as_array().ok_or_else(|| fields.refuse("messages", Fault::Type, &rule))?;
    if !(1..=MAX_MESSAGES).contains(&messages.len()) {
        return Err(fields.refuse("messages", Fault::Value, &rule));
    }
    let turns: Vec<Turn> =
        messages.iter().enumerate().map(|(index, message)| turn(message, index)).collect::<Result<_, _>>()?;
    let last = turns.iter().rposition(|turn| turn.role == Role::User);
    let last = last.ok_or_else(|| refuse("messages", Fault::Value, "'messages' must have one of the role user."))?;
    let message = Message::beginning_of(&turns[last].text)
        .map_err(|error| refuse(format!("messages[{last}].content"), Fault::Value, error.to_string()))?;
    Ok((turns, message))
}

fn turn(message: &Value, index: usize) -> Result<Turn, ApiError> {
    let place = format!("messages[{index}]");
    let Some(message) = message.as_object() else {
        return Err(refuse(&place, Fault::Type, format!("'{place}' must be an object.")));
    };
    let prefix = format!("{place}.");
    let fields = Fields::new(message, &prefix);
    let role = role(fields)?;
    for calls in ["tool_calls", "function_call", "audio"] {
        if fields.get(calls).is_some_and(|calls| calls.as_array().is_none_or(|calls| !calls.is_empty())) {
            return Err(fields.refuse(calls, Fault::Unsupported, ""));
        }
    }
    Ok(Turn { role, text: content(fields)? })
}

fn role(fields: Fields<'_>) -> Result<Role, ApiError> {
    match fields.text("role")?.ok_or_else(|| fields.refuse("role", Fault::Missing, ""))? {
        // What reasoning models call it.
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" | "function" => Err(fields.refuse("role", Fault::Unsupported, " as tool or function")),
        _ => Err(fields.refuse("role", Fault::Value, "system, developer, user or assistant")),
    }
}

/// A text, or the texts of its parts, a line each.
fn content(fields: Fields<'_>) -> Result<String, ApiError> {
    match fields.get("content") {
        None => Err(fields.refuse("content", Fault::Missing, "")),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) if !parts.is_empty() => {
            let texts = parts.iter().enumerate().map(|(index, part)| part_text(fields, part, index));
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        Some(_) => Err(fields.refuse("content", Fault::Type, "a string or an array of text parts")),
    }
}

fn part_text<'a>(fields: Fields<'_>, part: &'a Value, index: usize) -> Result<&'a str, ApiError> {
    let name = |member: &str| format!("content[{index}]{member}");
    match part["type"].as_str() {
        Some("text") => part["text"].as_str().ok_or_else(|| fields.refuse(&name(".text"), Fault::Type, "a string")),
        Some(_) => Err(fields.refuse(&name(""), Fault::Unsupported, ", except for parts of the type text")),
        None => Err(fields.refuse(&name(".type"), Fault::Type, "a string")),
    }
}
