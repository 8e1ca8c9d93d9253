//! Calls of tools, as protocols take them whose arguments are objects.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// The arguments of a call.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum CallInput<'a> {
    Object(&'a RawValue),
    /// The words that the model wrote in place of an object: it can read them again.
    Other {
        arguments: &'a str,
    },
    Nothing(NoMembers),
}

/// The schema of a function's arguments.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum ToolSchema<'a> {
    Given(&'a RawValue),
    /// Of a function without arguments, for which these protocols want a schema too.
    Empty(EmptySchema),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum EmptySchema {
    Object { properties: NoMembers },
}

#[derive(Serialize)]
pub(crate) struct NoMembers {}

impl<'a> CallInput<'a> {
    pub(crate) fn of(arguments: &'a str) -> Self {
        if arguments.trim().is_empty() {
            return Self::Nothing(NoMembers {});
        }
        match serde_json::from_str::<&RawValue>(arguments) {
            Ok(json) if json.get().starts_with('{') => Self::Object(json),
            _ => Self::Other { arguments },
        }
    }
}

impl<'a> ToolSchema<'a> {
    pub(crate) fn of(parameters: Option<&'a RawValue>) -> Self {
        parameters.map_or(Self::Empty(EmptySchema::Object { properties: NoMembers {} }), Self::Given)
    }
}

/// `name` in the characters that these protocols take, of which there may be `most`. A model wrote it, and a refusal would
/// end an agent's loop for ever.
pub(crate) fn fitting_name(name: &str, most: usize) -> Cow<'_, str> {
    let fits = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    if (1..=most).contains(&name.len()) && name.chars().all(fits) {
        return name.into();
    }
    let fitting: String =
        name.chars().map(|character| if fits(character) { character } else { '_' }).take(most).collect();
    if fitting.is_empty() { "_".into() } else { fitting.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_a_call_stay_the_text_that_the_model_wrote() {
        for (arguments, expected) in [
            (
                r#" {"z": 1, "a": 1.0, "big": 12345678901234567890123} "#,
                r#"{"z": 1, "a": 1.0, "big": 12345678901234567890123}"#,
            ),
            ("", "{}"),
            (" \n", "{}"),
            ("null", r#"{"arguments":"null"}"#),
            (r#"{"a": "#, r#"{"arguments":"{\"a\": "}"#),
            (r#"{"a": 1} and"#, r#"{"arguments":"{\"a\": 1} and"}"#),
        ] {
            assert_eq!(serde_json::to_string(&CallInput::of(arguments)).unwrap(), expected);
        }
    }

    #[test]
    fn a_name_has_the_characters_and_the_length_that_a_protocol_takes() {
        for (name, expected) in [
            ("look_up-2", "look_up-2".to_owned()),
            ("functions.look up", "functions_look_up".to_owned()),
            ("\u{fc}", "_".to_owned()),
            ("", "_".to_owned()),
            (&"a".repeat(65), "a".repeat(64)),
            (&"\u{1f600}".repeat(65), "_".repeat(64)),
        ] {
            assert_eq!(fitting_name(name, 64), expected);
        }
    }
}
