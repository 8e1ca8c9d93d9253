//! The stop of messages and registrations that a `PUT` asks for, or its end.

use serde::Serialize;
use shared::domain::reason::Reason;
use shared::error::ApiError;
use shared::http::BodyFields;
use shared::ledger::acceptance::Acceptance;

/// The body of a stop or a resumption of messages and registrations.
pub(super) struct RequestedAcceptance {
    pub(super) accepting: bool,
    pub(super) reason: Reason,
}

impl RequestedAcceptance {
    /// Parses the fields of the body. Neither has a default: a body that says less must not stop a deployment.
    pub(super) fn parse(mut fields: BodyFields) -> Result<Self, ApiError> {
        match (fields.take_required_switch("accepting"), fields.take("reason")) {
            (Some(accepting), Some(reason)) => Ok(Self { accepting, reason }),
            _ => Err(fields.refuse()),
        }
    }
}

#[derive(Serialize)]
pub(super) struct AcceptanceBody {
    accepting: bool,
    reason: Option<String>,
}

impl From<Acceptance> for AcceptanceBody {
    fn from(Acceptance { accepting, reason, .. }: Acceptance) -> Self {
        Self { accepting, reason }
    }
}
