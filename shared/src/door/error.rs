//! The error of a protocol.

use telemetry::metrics::Metric;

use crate::endpoint::EndpointError;
use crate::error::ApiError;

/// Every way in which a request in a protocol fails.
#[derive(Debug)]
pub enum ProtocolError {
    /// 400, with the code of its [`ParameterFault`]: a parameter cannot be honoured.
    Parameter(InvalidParameter),
    /// A failure that every protocol has.
    Api(ApiError),
}

impl ProtocolError {
    /// The API's code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Parameter(parameter) => parameter.fault.code(),
            Self::Api(error) => error.code(),
        }
    }

    /// The cause, for the log alone.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::Parameter(_) => None,
            Self::Api(error) => error.cause(),
        }
    }

    /// The metric that counts this error.
    pub(crate) fn metric(&self) -> Option<Metric> {
        match self {
            Self::Parameter(_) => None,
            Self::Api(error) => error.metric(),
        }
    }
}

/// From [`ApiError`], and from each error that becomes one, so that `?` turns either.
impl<E: Into<ApiError>> From<E> for ProtocolError {
    fn from(error: E) -> Self {
        Self::Api(error.into())
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
