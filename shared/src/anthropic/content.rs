//! The blocks of a message.

use std::borrow::Cow;

use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind};
use providers::prompt::{Image, Role, Turn};
use serde_json::value::RawValue;

use crate::anthropic::cache_marks::CacheMarks;
use crate::door::{
    ImageRoom, MAX_ID_BYTES, MAX_TOOLS, ParameterFault, Parameters, ProtocolError, TurnBuilder, is_object, is_text,
};
use crate::http::{Elements, JsonObject};

/// The members of all blocks that are asked for.
const MEMBERS: [&str; 13] = [
    "type",
    "text",
    "source",
    "id",
    "name",
    "input",
    "tool_use_id",
    "content",
    "is_error",
    "thinking",
    "signature",
    "data",
    "cache_control",
];

/// What is left for the blocks of a request.
pub(super) struct Reading<'a> {
    pub(super) marks: &'a mut CacheMarks,
    pub(super) room: &'a mut ImageRoom,
}

/// The turns of the blocks `name` of one message: the results of tools, each a turn, and then the rest.
pub(super) fn turns(
    fields: &Parameters<'_>,
    name: &str,
    role: Role,
    blocks: Elements<'_>,
    reading: &mut Reading<'_>,
) -> Result<Vec<Turn>, ProtocolError> {
    let (mut results, mut rest) = (Vec::new(), TurnBuilder::new(role));
    let mut are_all_results = true;
    for (index, value) in blocks.enumerate() {
        let place = fields.name_of(&format!("{name}[{index}]"));
        let block = Parameters::of(value, place.clone(), &MEMBERS)?;
        let kind = block.text("type")?.ok_or_else(|| block.refuse("type", ParameterFault::Missing, ""))?;
        if role == Role::User && kind == "tool_result" {
            if results.len() == MAX_TOOLS {
                let rule = format!("an array of blocks with at most {MAX_TOOLS} results of tools");
                return Err(fields.refuse(name, ParameterFault::Value, &rule));
            }
            results.push(result(&block, reading)?);
        } else {
            are_all_results = false;
            add(&mut rest, &block, &kind, role, reading)?;
            if rest.is_full() {
                let rule = format!("an array of blocks with at most {MAX_TOOLS} calls and {MAX_TOOLS} signatures");
                return Err(fields.refuse(name, ParameterFault::Value, &rule));
            }
        }
    }
    // A message of results alone says nothing beside them. One without any block says nothing, and is a turn.
    if results.is_empty() || !are_all_results {
        results.push(rest.into_turn());
    }
    Ok(results)
}

/// Adds a block that is no result of a tool.
fn add(
    turn: &mut TurnBuilder,
    block: &Parameters<'_>,
    kind: &str,
    role: Role,
    reading: &mut Reading<'_>,
) -> Result<(), ProtocolError> {
    let of_assistant = role == Role::Assistant;
    match kind {
        "text" => turn.text(&required(block, "text")?),
        "image" if role == Role::User => turn.image(image(block, reading.room)?),
        "tool_use" if of_assistant => turn.call(call(block)?),
        "thinking" if of_assistant => thinking(turn, block)?,
        "redacted_thinking" if of_assistant => turn.proof(Proof::read(&required(block, "data")?, ProofKind::Redacted)),
        _ => return Err(block.refuse("type", ParameterFault::Unsupported, but(role))),
    }
    if reading.marks.take(block)? {
        turn.mark();
    }
    Ok(())
}

/// The types of blocks that are taken.
fn but(role: Role) -> &'static str {
    match role {
        Role::User => ", except for text, image and tool_result",
        Role::Assistant => ", except for text, tool_use, thinking and redacted_thinking",
        Role::System => ", except for text",
        Role::Tool => ", except for text and image",
    }
}

fn required<'a>(block: &Parameters<'a>, name: &str) -> Result<Cow<'a, str>, ProtocolError> {
    block.text(name)?.ok_or_else(|| block.refuse(name, ParameterFault::Missing, ""))
}

/// Reasoning without a signature is of a model whose provider signs nothing.
fn thinking(turn: &mut TurnBuilder, block: &Parameters<'_>) -> Result<(), ProtocolError> {
    turn.reasoning(&required(block, "thinking")?);
    if let Some(signature) = block.text("signature")?.filter(|signature| !signature.is_empty()) {
        turn.proof(Proof::read(&signature, ProofKind::Signature));
    }
    Ok(())
}

fn call(block: &Parameters<'_>) -> Result<ToolCall, ProtocolError> {
    let word = |name: &str| {
        block.short_text(name, MAX_ID_BYTES)?.ok_or_else(|| block.refuse(name, ParameterFault::Missing, ""))
    };
    let input = block.get("input").ok_or_else(|| block.refuse("input", ParameterFault::Missing, ""))?;
    if !is_object(input) {
        return Err(block.refuse("input", ParameterFault::Type, "an object"));
    }
    Ok(ToolCall { id: word("id")?, name: word("name")?, arguments: input.get().to_owned() })
}

/// A result of a tool: a text, or texts and images.
fn result(block: &Parameters<'_>, reading: &mut Reading<'_>) -> Result<Turn, ProtocolError> {
    let mut turn = TurnBuilder::new(Role::Tool);
    let rule = "a string or an array of blocks";
    match block.get("content") {
        None => {}
        Some(value) if is_text(value) => turn.text(&block.text_of("content", value, rule)?),
        Some(value) => {
            let parts = Elements::of(value).ok_or_else(|| block.refuse("content", ParameterFault::Type, rule))?;
            for (index, value) in parts.enumerate() {
                let part = Parameters::of(value, block.name_of(&format!("content[{index}]")), &MEMBERS)?;
                add_to_result(&mut turn, &part, reading)?;
            }
        }
    }
    let answers = block.short_text("tool_use_id", MAX_ID_BYTES)?;
    let answers = answers.ok_or_else(|| block.refuse("tool_use_id", ParameterFault::Missing, ""))?;
    if reading.marks.take(block)? {
        turn.mark();
    }
    Ok(Turn { answers: Some(answers), is_error: block.switch("is_error")?, ..turn.into_turn() })
}

fn add_to_result(
    turn: &mut TurnBuilder,
    part: &Parameters<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), ProtocolError> {
    match part.text("type")?.as_deref() {
        Some("text") => turn.text(&required(part, "text")?),
        Some("image") => turn.image(image(part, reading.room)?),
        Some(_) => return Err(part.refuse("type", ParameterFault::Unsupported, but(Role::Tool))),
        None => return Err(part.refuse("type", ParameterFault::Missing, "")),
    }
    if reading.marks.take(part)? {
        turn.mark();
    }
    Ok(())
}

/// The format of an image is the one that the file shows: programs often name another.
fn image(block: &Parameters<'_>, room: &mut ImageRoom) -> Result<Image, ProtocolError> {
    let source = block.object("source", &["type", "media_type", "data"])?;
    let source = source.ok_or_else(|| block.refuse("source", ParameterFault::Missing, ""))?;
    match source.text("type")?.as_deref() {
        Some("base64") => {}
        Some(_) => return Err(source.refuse("type", ParameterFault::Unsupported, ", except for base64")),
        None => return Err(source.refuse("type", ParameterFault::Missing, "")),
    }
    let data = required(&source, "data")?;
    let rule = "base64 of the standard alphabet with padding, of a PNG, JPEG, GIF or WebP file";
    let image = Image::of_base64(0, data).map_err(|_| source.refuse("data", ParameterFault::Value, rule))?;
    let full = || block.refuse("source", ParameterFault::Value, &ImageRoom::rule());
    room.take(&image).ok_or_else(full)?;
    Ok(image)
}

/// The bytes of the data of all images in `messages`, as they were sent. Nothing is copied, and nothing is judged: what is
/// wrong with a message is found when it is read.
pub(super) fn image_bytes(messages: &RawValue) -> usize {
    elements(messages).filter_map(|message| member(message, &["content"])).flat_map(elements).map(bytes_of_block).sum()
}

/// The bytes of the images in a block: it is one, or a result that has some.
fn bytes_of_block(block: &RawValue) -> usize {
    let in_result = member(block, &["content"]).into_iter().flat_map(elements).map(bytes_of_image).sum::<usize>();
    bytes_of_image(block) + in_result
}

fn bytes_of_image(block: &RawValue) -> usize {
    let data = member(block, &["source"]).and_then(|source| member(source, &["data"]));
    data.map_or(0, |data| data.get().len())
}

fn elements(value: &RawValue) -> impl Iterator<Item = &RawValue> {
    Elements::of(value).into_iter().flatten()
}

/// The member of `value` with this name.
fn member<'a>(value: &'a RawValue, name: &'static [&'static str; 1]) -> Option<&'a RawValue> {
    JsonObject::parse(value.get(), name).ok()?.get(name[0])
}
