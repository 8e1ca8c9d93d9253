//! The error of OpenAI's protocol.

use crate::error::ApiError;

/// Every way in which a request in OpenAI's protocol fails.
#[derive(Debug)]
pub enum ProtocolError {
    /// 400, with the code of its [`ParameterFault`]: a parameter cannot be honoured.
    Parameter(InvalidParameter),
    /// 404 `model_not_found`: the request names a model that is not here.
    ModelNotFound(UnknownModel),
    /// A failure that every protocol has.
    Api(ApiError),
}

/// From [`ApiError`], and from each error that becomes one, so that `?` turns either.
impl<E: Into<ApiError>> From<E> for ProtocolError {
    fn from(error: E) -> Self {
        Self::Api(error.into())
    }
}

/// A model that a request names and that is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// The name in the request, or the beginning of a long one.
    asked: String,
    /// The models that there are.
    available: Vec<String>,
}

impl UnknownModel {
    /// The most characters of a name that are repeated.
    const SHOWN_CHARS: usize = 100;

    /// The model that a request calls `asked`, where the `available` ones are others.
    #[must_use]
    pub fn new(asked: &str, available: &[&str]) -> Self {
        let mut shown: String = asked.chars().take(Self::SHOWN_CHARS).collect();
        if shown.len() < asked.len() {
            shown.push('…');
        }
        Self { asked: shown, available: available.iter().map(|&id| id.to_owned()).collect() }
    }

    /// A sentence for the caller.
    #[must_use]
    pub fn detail(&self) -> String {
        format!("The model '{}' does not exist. This deployment has: {}.", self.asked, self.available.join(", "))
    }
}

/// The reason why a parameter was refused. It repeats nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidParameter {
    /// The place of the parameter, such as `messages[3].content`.
    pub name: String,
    /// The kind of fault.
    pub fault: ParameterFault,
    /// A sentence for the caller.
    pub detail: String,
}

/// The kinds of fault of a parameter, by OpenAI's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterFault {
    /// `missing_required_parameter`
    Missing,
    /// `invalid_type`
    Type,
    /// `invalid_value`
    Value,
    /// `unsupported_parameter`: OpenAI may honour the parameter, and nothing here can.
    Unsupported,
}

impl ParameterFault {
    /// OpenAI's code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing_required_parameter",
            Self::Type => "invalid_type",
            Self::Value => "invalid_value",
            Self::Unsupported => "unsupported_parameter",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_model_is_answered_with_those_that_there_are_and_a_long_name_is_cut() {
        let detail = UnknownModel::new("gpt-5", &["small", "large"]).detail();
        assert_eq!(detail, "The model 'gpt-5' does not exist. This deployment has: small, large.");
        let detail = UnknownModel::new(&"ä".repeat(1_000_000), &["small"]).detail();
        assert_eq!(detail, format!("The model '{}…' does not exist. This deployment has: small.", "ä".repeat(100)));
    }
}
