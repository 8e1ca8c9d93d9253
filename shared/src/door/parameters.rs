//! The parameters of a request, taken one by one. `null` counts as absent, as OpenAI reads it.

use std::borrow::Cow;

use domain::credits::Credits;
use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use crate::door::error::{InvalidParameter, ParameterFault, ProtocolError};
use crate::http::{Elements, JsonObject};

/// A refusal of the parameter `name`.
pub(crate) fn refuse(name: impl Into<String>, fault: ParameterFault, detail: impl Into<String>) -> ProtocolError {
    ProtocolError::Parameter(InvalidParameter { name: name.into(), fault, detail: detail.into() })
}

/// An object of the request's. Each parameter is parsed when it is asked for.
pub(crate) struct Parameters<'a> {
    object: JsonObject<'a>,
    /// Where it is: empty, or as in `messages[3].`.
    prefix: String,
}

impl<'a> Parameters<'a> {
    /// The parameters of the request itself.
    pub(crate) fn new(object: JsonObject<'a>) -> Self {
        Self { object, prefix: String::new() }
    }

    /// The parameters in `value`, which is at `place`: those that are in `known`.
    pub(crate) fn of(
        value: &'a RawValue,
        place: String,
        known: &'static [&'static str],
    ) -> Result<Self, ProtocolError> {
        match JsonObject::parse(value.get(), known) {
            Ok(object) => Ok(Self { object, prefix: place + "." }),
            Err(error) if error.is_data() => {
                Err(refuse(&place, ParameterFault::Type, format!("'{place}' must be an object.")))
            }
            Err(_) => Err(refuse(&place, ParameterFault::Value, format!("'{place}' must be {UNICODE}."))),
        }
    }

    pub(crate) fn name_of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.object.get(name)
    }

    pub(crate) fn refuse(&self, name: &str, fault: ParameterFault, rule: &str) -> ProtocolError {
        let name = self.name_of(name);
        let detail = match fault {
            ParameterFault::Missing => format!("'{name}' is required{rule}."),
            ParameterFault::Type | ParameterFault::Value => format!("'{name}' must be {rule}."),
            ParameterFault::Unsupported => format!("'{name}' is not supported here{rule}."),
        };
        refuse(name, fault, detail)
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, ProtocolError> {
        self.get(name).map(|value| self.text_of(name, value, "a string")).transpose()
    }

    /// The text that `value`, which is at `name`, must be, as `rule` says it.
    pub(crate) fn text_of(&self, name: &str, value: &'a RawValue, rule: &str) -> Result<Cow<'a, str>, ProtocolError> {
        if !is_text(value) {
            return Err(self.refuse(name, ParameterFault::Type, rule));
        }
        match serde_json::from_str(value.get()) {
            Ok(Text(text)) => Ok(text),
            // Half of a surrogate pair, as an escape.
            Err(_) => Err(self.refuse(name, ParameterFault::Value, UNICODE)),
        }
    }

    pub(crate) fn switch(&self, name: &str) -> Result<bool, ProtocolError> {
        match self.get(name).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(self.refuse(name, ParameterFault::Type, "true or false")),
        }
    }

    /// `true` or `false`, where the difference to an absent one matters.
    pub(crate) fn switch_if_given(&self, name: &str) -> Result<Option<bool>, ProtocolError> {
        self.get(name).map(|_| self.switch(name)).transpose()
    }

    /// A text of at most `most_bytes`.
    pub(crate) fn short_text(&self, name: &str, most_bytes: usize) -> Result<Option<String>, ProtocolError> {
        match self.text(name)? {
            Some(text) if text.len() > most_bytes => {
                Err(self.refuse(name, ParameterFault::Value, &format!("a string of at most {most_bytes} bytes")))
            }
            text => Ok(text.map(Cow::into_owned)),
        }
    }

    /// A word of a provider's own, such as `low`. The model's server judges it.
    pub(crate) fn word(&self, name: &str) -> Result<Option<String>, ProtocolError> {
        const MAX_WORD_BYTES: usize = 32;
        let rule = format!("a word of 1 to {MAX_WORD_BYTES} small letters");
        let is_word = |word: &str| {
            (1..=MAX_WORD_BYTES).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
        };
        match self.text(name)? {
            Some(word) if !is_word(&word) => Err(self.refuse(name, ParameterFault::Value, &rule)),
            word => Ok(word.map(Cow::into_owned)),
        }
    }

    /// The name of a function or of a schema, which must be there.
    pub(crate) fn identifier(&self, name: &str) -> Result<String, ProtocolError> {
        self.identifier_of(name, MAX_IDENTIFIER_CHARS)
    }

    /// The same with at most `most_chars`.
    pub(crate) fn identifier_of(&self, name: &str, most_chars: usize) -> Result<String, ProtocolError> {
        let rule = format!("1 to {most_chars} letters, digits, underscores and dashes");
        let text = self.text(name)?.ok_or_else(|| self.refuse(name, ParameterFault::Missing, ""))?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !(1..=most_chars).contains(&text.len()) || !text.bytes().all(is_allowed) {
            return Err(self.refuse(name, ParameterFault::Value, &rule));
        }
        Ok(text.into_owned())
    }

    /// A JSON Schema, as it was sent. Nothing here reads it.
    pub(crate) fn schema(&self, name: &str) -> Result<Option<Box<RawValue>>, ProtocolError> {
        let Some(schema) = self.get(name) else { return Ok(None) };
        if !is_object(schema) {
            return Err(self.refuse(name, ParameterFault::Type, "a JSON Schema: an object"));
        }
        Ok(Some(schema.to_owned()))
    }

    pub(crate) fn object(
        &self,
        name: &str,
        known: &'static [&'static str],
    ) -> Result<Option<Parameters<'a>>, ProtocolError> {
        self.get(name).map(|value| Self::of(value, self.name_of(name), known)).transpose()
    }

    /// A number from `least` to `most`.
    pub(crate) fn number(&self, name: &str, least: f32, most: f32) -> Result<Option<f32>, ProtocolError> {
        let rule = format!("a number from {least} to {most}");
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = number(value).and_then(|number| number.as_f64());
        let number = number.ok_or_else(|| self.refuse(name, ParameterFault::Type, &rule))?;
        if !(f64::from(least)..=f64::from(most)).contains(&number) {
            return Err(self.refuse(name, ParameterFault::Value, &rule));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it lies between two that are exact")]
        let number = number as f32;
        Ok(Some(number))
    }

    /// A whole number from 1 on. A number above `u32::MAX` counts as `u32::MAX`.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u32>, ProtocolError> {
        let count = self.whole_number(name, 1)?;
        Ok(count.map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
    }

    /// Credits, a whole number from 0 on; more than an account can have are the most that it can have.
    pub(crate) fn credits(&self, name: &str) -> Result<Option<Credits>, ProtocolError> {
        let amount = self.whole_number(name, 0)?;
        Ok(amount.map(|amount| Credits::new(amount).unwrap_or(Credits::MAX)))
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn small_number(&self, name: &str, least: u8, most: u8) -> Result<Option<u8>, ProtocolError> {
        let rule = format!("a whole number from {least} to {most}");
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = number(value).ok_or_else(|| self.refuse(name, ParameterFault::Type, &rule))?;
        let small = number.as_u64().and_then(|number| u8::try_from(number).ok());
        let fault = if number.is_f64() { ParameterFault::Type } else { ParameterFault::Value };
        let small = small.filter(|number| (least..=most).contains(number));
        small.map(Some).ok_or_else(|| self.refuse(name, fault, &rule))
    }

    fn whole_number(&self, name: &str, least: u64) -> Result<Option<u64>, ProtocolError> {
        let rule = format!("a whole number from {least} on");
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = number(value).ok_or_else(|| self.refuse(name, ParameterFault::Type, &rule))?;
        match number.as_u64() {
            Some(whole) if whole >= least => Ok(Some(whole)),
            None if !number.is_i64() => Err(self.refuse(name, ParameterFault::Type, &rule)),
            Some(_) | None => Err(self.refuse(name, ParameterFault::Value, &rule)),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, ProtocolError> {
        let integer = |value| {
            let integer = number(value).and_then(|number| number.as_i64());
            integer.ok_or_else(|| self.refuse(name, ParameterFault::Type, "a whole number"))
        };
        self.get(name).map(integer).transpose()
    }
}

/// The most characters of the name of a function or of a schema, as OpenAI has it.
const MAX_IDENTIFIER_CHARS: usize = 64;

/// The rule that a text with half of a surrogate pair breaks.
const UNICODE: &str = "Unicode text: it has half of a surrogate pair";

/// A text that borrows from the request where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether `value` is a string.
pub(crate) fn is_text(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

/// Whether `value` is an object.
pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// Whether `value` is the string `word`, which has no characters that are escaped.
pub(crate) fn is_word(value: &RawValue, word: &str) -> bool {
    serde_json::from_str(value.get()).is_ok_and(|Text(text)| text == word)
}

/// The number that `value` is.
pub(crate) fn number(value: &RawValue) -> Option<Number> {
    serde_json::from_str(value.get()).ok()
}

/// Whether `value` is an array or an object with nothing in it.
pub(crate) fn is_empty(value: &RawValue) -> bool {
    let inside = |open, close| value.get().strip_prefix(open)?.strip_suffix(close);
    inside('[', ']').or_else(|| inside('{', '}')).is_some_and(|inside| inside.trim().is_empty())
}

/// Whether `value` is an array with the string `word` and nothing else.
pub(crate) fn is_only(value: &RawValue, word: &str) -> bool {
    let Some(mut elements) = Elements::of(value) else { return false };
    elements.next().is_some_and(|element| is_word(element, word)) && elements.next().is_none()
}
