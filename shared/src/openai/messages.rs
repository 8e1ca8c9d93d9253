//! The conversation that a caller sends.

use std::borrow::Cow;

use domain::message::{Message, ToolCall};
use providers::prompt::{Role, Turn};
use serde_json::value::RawValue;

use crate::http::Elements;
use crate::openai::error::{ParameterFault, ProtocolError};
use crate::openai::parameters::{Parameters, is_empty, is_object, is_text};
use crate::openai::tools;

/// The most messages of a conversation.
const MAX_MESSAGES: usize = 2048;

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
    let turns: Vec<Turn> =
        messages.enumerate().map(|(index, message)| turn(message, index)).collect::<Result<_, _>>()?;
    let last = turns.iter().rfind(|turn| turn.role == Role::User);
    let message = Message::beginning_of(last.map_or("", |turn| &turn.text));
    Ok((turns, message))
}

fn turn(message: &RawValue, index: usize) -> Result<Turn, ProtocolError> {
    let fields = Parameters::of(message, format!("messages[{index}]"), &MEMBERS)?;
    let role = role(&fields)?;
    for unsupported in ["function_call", "audio"] {
        if fields.get(unsupported).is_some_and(|value| !value.get().starts_with('[') || !is_empty(value)) {
            return Err(fields.refuse(unsupported, ParameterFault::Unsupported, ""));
        }
    }
    let of_assistant = role == Role::Assistant;
    Ok(Turn {
        images: Vec::new(),
        calls: if of_assistant { tools::calls(&fields)? } else { no_calls(&fields)? },
        answers: (role == Role::Tool).then(|| tools::required_text(&fields, "tool_call_id")).transpose()?,
        name: fields.short_text("name", tools::MAX_ID_BYTES)?.filter(|name| !name.is_empty()),
        reasoning: if of_assistant { reasoning(&fields)? } else { None },
        text: content(&fields, role)?,
        role,
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

/// A text, or the texts of its parts, a line each. An assistant's message without content is what it refused with, or
/// empty.
fn content(fields: &Parameters<'_>, role: Role) -> Result<String, ProtocolError> {
    match fields.get("content") {
        None if role == Role::Assistant => Ok(fields.text("refusal")?.unwrap_or_default().into_owned()),
        None => Err(fields.refuse("content", ParameterFault::Missing, "")),
        Some(text) if is_text(text) => Ok(fields.text_of("content", text, "a string")?.into_owned()),
        Some(value) => {
            let rule = "a string or an array of text parts";
            let parts = Elements::of(value).ok_or_else(|| fields.refuse("content", ParameterFault::Type, rule))?;
            texts(fields, role, parts)
        }
    }
}

fn texts(fields: &Parameters<'_>, role: Role, parts: Elements<'_>) -> Result<String, ProtocolError> {
    let mut texts = String::new();
    for (index, part) in parts.enumerate() {
        if index > 0 {
            texts.push('\n');
        }
        texts += &part_text(fields, role, part, index)?;
    }
    Ok(texts)
}

fn part_text<'a>(
    fields: &Parameters<'_>,
    role: Role,
    part: &'a RawValue,
    index: usize,
) -> Result<Cow<'a, str>, ProtocolError> {
    let name = |member: &str| format!("content[{index}]{member}");
    let is_no_string = |member| fields.refuse(&name(member), ParameterFault::Type, "a string");
    if !is_object(part) {
        return Err(is_no_string(".type"));
    }
    let part = Parameters::of(part, fields.name_of(&name("")), &["type", "text", "refusal"])?;
    match part.text("type")?.ok_or_else(|| is_no_string(".type"))?.as_ref() {
        "text" => part.text("text")?.ok_or_else(|| is_no_string(".text")),
        "refusal" if role == Role::Assistant => part.text("refusal")?.ok_or_else(|| is_no_string(".refusal")),
        _ => Err(fields.refuse(&name(""), ParameterFault::Unsupported, ", except for parts of the type text")),
    }
}
