//! The parameters of a request, taken one by one. `null` counts as absent, as OpenAI reads it.

use serde_json::{Map, Value};

use crate::openai::error::{InvalidParameter, ParameterFault, ProtocolError};

/// A refusal of the parameter `name`.
pub(super) fn refuse(name: impl Into<String>, fault: ParameterFault, detail: impl Into<String>) -> ProtocolError {
    ProtocolError::Parameter(InvalidParameter { name: name.into(), fault, detail: detail.into() })
}

/// An object of the request's.
#[derive(Clone, Copy)]
pub(super) struct Parameters<'a> {
    object: &'a Map<String, Value>,
    /// Where it is: empty, or as in `messages[3].`.
    prefix: &'a str,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(object: &'a Map<String, Value>, prefix: &'a str) -> Self {
        Self { object, prefix }
    }

    pub(super) fn name_of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn refuse(&self, name: &str, fault: ParameterFault, rule: &str) -> ProtocolError {
        let name = self.name_of(name);
        let detail = match fault {
            ParameterFault::Missing => format!("'{name}' is required{rule}."),
            ParameterFault::Type | ParameterFault::Value => format!("'{name}' must be {rule}."),
            ParameterFault::Unsupported => format!("'{name}' is not supported here{rule}."),
        };
        refuse(name, fault, detail)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, ProtocolError> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.refuse(name, ParameterFault::Type, "a string"));
        self.get(name).map(text).transpose()
    }

    pub(super) fn switch(&self, name: &str) -> Result<bool, ProtocolError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(self.refuse(name, ParameterFault::Type, "true or false")),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, ProtocolError> {
        let object =
            |value: &'a Value| value.as_object().ok_or_else(|| self.refuse(name, ParameterFault::Type, "an object"));
        self.get(name).map(object).transpose()
    }

    /// A number from `least` to `most`.
    pub(super) fn number(&self, name: &str, least: f32, most: f32) -> Result<Option<f32>, ProtocolError> {
        let rule = format!("a number from {least} to {most}");
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_f64().ok_or_else(|| self.refuse(name, ParameterFault::Type, &rule))?;
        if !(f64::from(least)..=f64::from(most)).contains(&number) {
            return Err(self.refuse(name, ParameterFault::Value, &rule));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it lies between two that are exact")]
        let number = number as f32;
        Ok(Some(number))
    }

    /// A whole number from 1 on; one that is too large for anybody is the largest.
    pub(super) fn count(&self, name: &str) -> Result<Option<u32>, ProtocolError> {
        let rule = "a whole number from 1 on";
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_u64() {
            Some(0) => Err(self.refuse(name, ParameterFault::Value, rule)),
            Some(count) => Ok(Some(u32::try_from(count).unwrap_or(u32::MAX))),
            None if value.is_i64() => Err(self.refuse(name, ParameterFault::Value, rule)),
            None => Err(self.refuse(name, ParameterFault::Type, rule)),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, ProtocolError> {
        let integer =
            |value: &Value| value.as_i64().ok_or_else(|| self.refuse(name, ParameterFault::Type, "a whole number"));
        self.get(name).map(integer).transpose()
    }
}
