//! The conversation that a caller sends.

use providers::prompt::{Role, Turn};
use serde_json::value::RawValue;

use crate::anthropic::cache_marks::CacheMarks;
use crate::anthropic::content::{self, Reading};
use crate::door::{ImageRoom, MAX_MESSAGES, ParameterFault, Parameters, ProtocolError, is_text};
use crate::http::Elements;

/// The most messages and results of tools together.
const MAX_TURNS: usize = MAX_MESSAGES;

/// Reads `system` and `messages`. The system turns come before all others, also those that stand among the messages.
pub(super) fn parse(fields: &Parameters<'_>, marks: &mut CacheMarks) -> Result<Vec<Turn>, ProtocolError> {
    let rule = format!("an array of 1 to {MAX_MESSAGES} messages");
    let messages = fields.get("messages").ok_or_else(|| fields.refuse("messages", ParameterFault::Missing, ""))?;
    let messages = Elements::of(messages).ok_or_else(|| fields.refuse("messages", ParameterFault::Type, &rule))?;
    if !(1..=MAX_MESSAGES).contains(&messages.clone().take(MAX_MESSAGES + 1).count()) {
        return Err(fields.refuse("messages", ParameterFault::Value, &rule));
    }
    let mut room = ImageRoom::default();
    let mut reading = Reading { marks, room: &mut room };
    let mut system: Vec<Turn> = Vec::new();
    if fields.get("system").is_some() {
        system.extend(turns_of(fields, "system", Role::System, &mut reading)?);
    }
    let mut others = Vec::new();
    for (index, message) in messages.enumerate() {
        let turns = message_turns(message, index, &mut reading)?;
        let of_system = turns.first().is_some_and(|turn| turn.role == Role::System);
        if of_system { &mut system } else { &mut others }.extend(turns);
        // Each result of a tool is a turn.
        if system.len() + others.len() > MAX_TURNS {
            let rule = format!("an array of messages and results of tools that are at most {MAX_TURNS} together");
            return Err(fields.refuse("messages", ParameterFault::Value, &rule));
        }
    }
    system.append(&mut others);
    Ok(system)
}

fn message_turns(message: &RawValue, index: usize, reading: &mut Reading<'_>) -> Result<Vec<Turn>, ProtocolError> {
    let fields = Parameters::of(message, format!("messages[{index}]"), &["role", "content"])?;
    let role = fields.text("role")?.ok_or_else(|| fields.refuse("role", ParameterFault::Missing, ""))?;
    let role = match role.as_ref() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(fields.refuse("role", ParameterFault::Value, "user, assistant or system")),
    };
    turns_of(&fields, "content", role, reading)
}

/// The turns of the text or the blocks `name`.
fn turns_of(
    fields: &Parameters<'_>,
    name: &str,
    role: Role,
    reading: &mut Reading<'_>,
) -> Result<Vec<Turn>, ProtocolError> {
    let rule = "a string or an array of blocks";
    let value = fields.get(name).ok_or_else(|| fields.refuse(name, ParameterFault::Missing, ""))?;
    if is_text(value) {
        return Ok(vec![Turn::text(role, fields.text_of(name, value, rule)?)]);
    }
    let blocks = Elements::of(value).ok_or_else(|| fields.refuse(name, ParameterFault::Type, rule))?;
    content::turns(fields, name, role, blocks, reading)
}
