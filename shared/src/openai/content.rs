//! The content of a message: a text, or parts that are texts and images.

use std::borrow::Cow;

use providers::prompt::{Detail, Image, Role};
use serde_json::value::RawValue;

use crate::door::{ImageRoom, ParameterFault, Parameters, ProtocolError, is_object, is_text};
use crate::http::{Elements, JsonObject};

/// The words and the images of a message.
pub(super) struct Content {
    pub(super) text: String,
    pub(super) images: Vec<Image>,
}

/// A part of a content.
enum ContentPart<'a> {
    Text(Cow<'a, str>),
    Image(Image),
}

impl Content {
    /// Reads `content` of the message `fields`. An assistant's message without it is what the assistant refused with, or
    /// empty.
    pub(super) fn parse(fields: &Parameters<'_>, role: Role, room: &mut ImageRoom) -> Result<Self, ProtocolError> {
        let text = |text: Cow<'_, str>| Self { text: text.into_owned(), images: Vec::new() };
        match fields.get("content") {
            None if role == Role::Assistant => Ok(text(fields.text("refusal")?.unwrap_or_default())),
            None => Err(fields.refuse("content", ParameterFault::Missing, "")),
            Some(value) if is_text(value) => Ok(text(fields.text_of("content", value, "a string")?)),
            Some(value) => {
                let rule = "a string or an array of parts";
                let parts = Elements::of(value).ok_or_else(|| fields.refuse("content", ParameterFault::Type, rule))?;
                Self::of_parts(fields, role, parts, room)
            }
        }
    }

    /// Texts that follow each other are a line each.
    fn of_parts(
        fields: &Parameters<'_>,
        role: Role,
        parts: Elements<'_>,
        room: &mut ImageRoom,
    ) -> Result<Self, ProtocolError> {
        let mut content = Self { text: String::new(), images: Vec::new() };
        let mut follows_text = false;
        for (index, value) in parts.enumerate() {
            match part(fields, role, value, index, room)? {
                ContentPart::Text(text) => {
                    if follows_text {
                        content.text.push('\n');
                    }
                    content.text += &text;
                    follows_text = true;
                }
                ContentPart::Image(image) => {
                    content.images.push(Image { at: content.text.len(), ..image });
                    follows_text = false;
                }
            }
        }
        Ok(content)
    }
}

fn part<'a>(
    fields: &Parameters<'_>,
    role: Role,
    part: &'a RawValue,
    index: usize,
    room: &mut ImageRoom,
) -> Result<ContentPart<'a>, ProtocolError> {
    let name = |member: &str| format!("content[{index}]{member}");
    let is_no_string = |member: &str| fields.refuse(&name(member), ParameterFault::Type, "a string");
    if !is_object(part) {
        return Err(is_no_string(".type"));
    }
    let part = Parameters::of(part, fields.name_of(&name("")), &["type", "text", "refusal", "image_url"])?;
    let text =
        |member: &str| Ok(ContentPart::Text(part.text(member)?.ok_or_else(|| is_no_string(&format!(".{member}")))?));
    match part.text("type")?.ok_or_else(|| is_no_string(".type"))?.as_ref() {
        "text" => text("text"),
        "refusal" if role == Role::Assistant => text("refusal"),
        "image_url" if role == Role::User => image(&part, room).map(ContentPart::Image),
        _ => Err(fields.refuse(&name(""), ParameterFault::Unsupported, but(role))),
    }
}

/// The types of parts that are taken.
fn but(role: Role) -> &'static str {
    match role {
        Role::User => ", except for parts of the types text and image_url",
        Role::System | Role::Assistant | Role::Tool => ", except for parts of the type text",
    }
}

fn image(part: &Parameters<'_>, room: &mut ImageRoom) -> Result<Image, ProtocolError> {
    let fields = part.object("image_url", &["url", "detail"])?;
    let fields = fields.ok_or_else(|| part.refuse("image_url", ParameterFault::Missing, ""))?;
    let url = fields.text("url")?.ok_or_else(|| fields.refuse("url", ParameterFault::Missing, ""))?;
    let invalid = |rule: &str| fields.refuse("url", ParameterFault::Value, rule);
    let image = Image::parse(0, url, detail(&fields)?).map_err(|error| invalid(&error.to_string()))?;
    let full = || part.refuse("image_url", ParameterFault::Value, &ImageRoom::rule());
    room.take(&image).ok_or_else(full)?;
    Ok(image)
}

fn detail(fields: &Parameters<'_>) -> Result<Option<Detail>, ProtocolError> {
    match fields.text("detail")?.as_deref() {
        None => Ok(None),
        Some("low") => Ok(Some(Detail::Low)),
        Some("high") => Ok(Some(Detail::High)),
        Some("auto") => Ok(Some(Detail::Auto)),
        Some(_) => Err(fields.refuse("detail", ParameterFault::Value, "low, high or auto")),
    }
}

/// The bytes of the `data:` URLs of all images in `messages`, as they were sent. Nothing is copied, and nothing is judged:
/// what is wrong with a message is found when it is read.
pub(super) fn image_url_bytes(messages: &RawValue) -> usize {
    let contents = Elements::of(messages).into_iter().flatten().filter_map(|message| member(message, &["content"]));
    let parts = contents.filter_map(Elements::of).flatten();
    let images = parts.filter_map(|part| member(part, &["image_url"]));
    let urls = images.filter_map(|image| member(image, &["url"]));
    urls.map(RawValue::get).filter(|url| url.starts_with("\"data:")).map(str::len).sum()
}

/// The member of `value` with this name.
fn member<'a>(value: &'a RawValue, name: &'static [&'static str; 1]) -> Option<&'a RawValue> {
    JsonObject::parse(value.get(), name).ok()?.get(name[0])
}
