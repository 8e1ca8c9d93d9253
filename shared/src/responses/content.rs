//! The content of a message or of a tool's result: a text, or parts that are texts and images.

use std::borrow::Cow;

use providers::prompt::{Detail, Image, Role};
use serde_json::value::RawValue;

use crate::door::{ImageRoom, ParameterFault, Parameters, ProtocolError, TurnBuilder, is_text};
use crate::http::{Elements, JsonObject};

/// Adds the content `name` of `fields`, which `role` says, to `turn`.
pub(super) fn add(
    turn: &mut TurnBuilder,
    fields: &Parameters<'_>,
    name: &str,
    role: Role,
    room: &mut ImageRoom,
) -> Result<(), ProtocolError> {
    let rule = "a string or an array of parts";
    let value = fields.get(name).ok_or_else(|| fields.refuse(name, ParameterFault::Missing, ""))?;
    if is_text(value) {
        add_text(turn, &fields.text_of(name, value, rule)?);
        return Ok(());
    }
    let parts = Elements::of(value).ok_or_else(|| fields.refuse(name, ParameterFault::Type, rule))?;
    for (index, part) in parts.enumerate() {
        let place = fields.name_of(&format!("{name}[{index}]"));
        let part = Parameters::of(part, place, &["type", "text", "refusal", "image_url", "file_id", "detail"])?;
        add_part(turn, &part, role, room)?;
    }
    Ok(())
}

/// An empty text is no line.
fn add_text(turn: &mut TurnBuilder, text: &str) {
    if !text.is_empty() {
        turn.text(text);
    }
}

fn add_part(
    turn: &mut TurnBuilder,
    part: &Parameters<'_>,
    role: Role,
    room: &mut ImageRoom,
) -> Result<(), ProtocolError> {
    let shows_images = matches!(role, Role::User | Role::Tool);
    match required(part, "type")?.as_ref() {
        // Some clients send an earlier reply as input, and some a message as output.
        "input_text" | "output_text" => add_text(turn, &required(part, "text")?),
        "refusal" if role == Role::Assistant => add_text(turn, &required(part, "refusal")?),
        "input_image" if shows_images => turn.image(image(part, room)?),
        _ => return Err(part.refuse("type", ParameterFault::Unsupported, but(role))),
    }
    Ok(())
}

/// The types of parts that are taken.
fn but(role: Role) -> &'static str {
    match role {
        Role::User | Role::Tool => ", except for input_text and input_image",
        Role::System => ", except for input_text",
        Role::Assistant => ", except for output_text and refusal",
    }
}

fn required<'a>(part: &Parameters<'a>, name: &str) -> Result<Cow<'a, str>, ProtocolError> {
    part.text(name)?.ok_or_else(|| part.refuse(name, ParameterFault::Missing, ""))
}

fn image(part: &Parameters<'_>, room: &mut ImageRoom) -> Result<Image, ProtocolError> {
    if part.get("file_id").is_some() {
        return Err(part.refuse("file_id", ParameterFault::Unsupported, ": no files are kept. Give 'image_url'"));
    }
    let url = required(part, "image_url")?;
    let invalid = |rule: &str| part.refuse("image_url", ParameterFault::Value, rule);
    let image = Image::parse(0, url, detail(part)?).map_err(|error| invalid(&error.to_string()))?;
    room.take(&image).ok_or_else(|| invalid(&ImageRoom::rule()))?;
    Ok(image)
}

fn detail(part: &Parameters<'_>) -> Result<Option<Detail>, ProtocolError> {
    match part.text("detail")?.as_deref() {
        None => Ok(None),
        Some("low") => Ok(Some(Detail::Low)),
        // No other protocol knows the image as it is.
        Some("high" | "original") => Ok(Some(Detail::High)),
        Some("auto") => Ok(Some(Detail::Auto)),
        Some(_) => Err(part.refuse("detail", ParameterFault::Value, "low, high, auto or original")),
    }
}

/// The bytes of the `data:` URLs of all images in `input`, as they were sent. Nothing is copied, and nothing is judged: what is
/// wrong with an item is found when it is read.
pub(super) fn image_url_bytes(input: &RawValue) -> usize {
    let contents = elements(input).flat_map(|item| {
        let item = JsonObject::parse(item.get(), &["content", "output"]).ok();
        ["content", "output"].into_iter().filter_map(move |name| item.as_ref()?.get(name))
    });
    let images = contents.flat_map(elements).filter_map(image_url);
    images.map(RawValue::get).filter(|url| url.starts_with("\"data:")).map(str::len).sum()
}

fn image_url(part: &RawValue) -> Option<&RawValue> {
    JsonObject::parse(part.get(), &["image_url"]).ok()?.get("image_url")
}

fn elements(value: &RawValue) -> impl Iterator<Item = &RawValue> {
    Elements::of(value).into_iter().flatten()
}
