//! The change of a user that a `PATCH` asks for.

use shared::admin::allowance_within;
use shared::domain::credits::Credits;
use shared::domain::invalid_field::InvalidField;
use shared::domain::reason::Reason;
use shared::domain::term_change::TermChange;
use shared::error::ApiError;
use shared::http::BodyFields;
use shared::identity::accounts::AccountChange;

/// The change of an account that a `PATCH` asks for, and its reason.
pub(super) struct RequestedChange {
    pub(super) change: AccountChange,
    pub(super) reason: Option<Reason>,
}

impl RequestedChange {
    /// Parses the fields of the body. One that is absent changes nothing. An allowance gives credits, up to `max_grant` at once, so
    /// a change of it has a reason.
    pub(super) fn parse(mut fields: BodyFields, max_grant: Credits) -> Result<Self, ApiError> {
        let status = fields.take_text_change("status");
        let staff = if fields.has("staff") { fields.take_switch("staff").map(Some) } else { Some(None) };
        let needs_reason = fields.has("allowance");
        let allowance = fields.take_change_with("allowance", allowance_within(max_grant));
        let reason =
            if needs_reason { fields.take("reason").map(TermChange::To) } else { fields.take_text_change("reason") };
        match (status, staff, allowance, reason) {
            (Some(status), Some(staff), Some(allowance), Some(reason)) => {
                let active = status.given().map(|RequestedStatus { is_active }| is_active);
                Ok(Self { change: AccountChange { active, staff, allowance }, reason: reason.given() })
            }
            _ => Err(fields.refuse()),
        }
    }
}

/// A status that staff may set. The third one is that of a deletion.
struct RequestedStatus {
    is_active: bool,
}

impl TryFrom<String> for RequestedStatus {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        match text.as_str() {
            "active" => Ok(Self { is_active: true }),
            "inactive" => Ok(Self { is_active: false }),
            _ => Err(InvalidField::new("Send \"active\" or \"inactive\".")),
        }
    }
}
