//! The commands of an operator, and their results.
//!
//! It reads JSON and writes JSON: the function `operator` carries the commands out. Begin with [`Command`].

pub mod catalogue;

use domain::credits::Credits;
use domain::ids::UserId;
use domain::invalid_field::InvalidField;
use domain::reason::Reason;
use domain::time::Timestamp;
use domain::username::Username;
use identity::login::Login;
use ledger::acceptance::Acceptance;
use ledger::account::{Account, Status};
use ledger::grant::{GrantAmount, GrantId, Granted};
use ledger::summing_again::SummedAgain;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::direct::DirectError;

pub use catalogue::{CatalogueCommand, CatalogueOutcome};

/// One command of an operator.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Give credits, or take them back.
    Grant {
        /// The user's name.
        #[serde(deserialize_with = "username")]
        username: Username,
        /// The credits: a negative amount takes credits back.
        #[serde(deserialize_with = "amount")]
        amount: GrantAmount,
        /// The reason, for the ledger entry.
        #[serde(deserialize_with = "reason")]
        reason: Reason,
        /// The id of the grant: a repetition with the same id grants nothing.
        #[serde(deserialize_with = "grant_id")]
        grant_id: GrantId,
    },
    /// Deactivate an account.
    Deactivate {
        /// The user's name.
        #[serde(deserialize_with = "username")]
        username: Username,
    },
    /// Activate an account again.
    Activate {
        /// The user's name.
        #[serde(deserialize_with = "username")]
        username: Username,
    },
    /// Make an account staff.
    Promote {
        /// The user's name.
        #[serde(deserialize_with = "username")]
        username: Username,
    },
    /// Make an account that is staff one like all others.
    Demote {
        /// The user's name.
        #[serde(deserialize_with = "username")]
        username: Username,
    },
    /// Show an account.
    Show {
        /// The user's name.
        #[serde(deserialize_with = "username")]
        username: Username,
    },
    /// Sum the entries of an account again, from the first one on.
    SumAgain {
        /// The user's name.
        #[serde(deserialize_with = "username")]
        username: Username,
    },
    /// Stop or resume messages and registrations, or show whether they are stopped.
    Accepting(AcceptanceCommand),
    /// Show, check or replace the catalogue of models.
    Catalogue(CatalogueCommand),
}

/// The command about messages and registrations.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "AcceptanceFields")]
pub enum AcceptanceCommand {
    /// Stop or resume it.
    Set {
        /// Whether it is accepted from now on.
        accepting: bool,
        /// The reason, for other operators.
        reason: Reason,
    },
    /// Show whether it is accepted.
    Show,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptanceFields {
    accepting: Option<bool>,
    #[serde(default, deserialize_with = "optional_reason")]
    reason: Option<Reason>,
}

impl TryFrom<AcceptanceFields> for AcceptanceCommand {
    type Error = &'static str;

    fn try_from(fields: AcceptanceFields) -> Result<Self, Self::Error> {
        match fields {
            AcceptanceFields { accepting: Some(accepting), reason: Some(reason) } => {
                Ok(Self::Set { accepting, reason })
            }
            AcceptanceFields { accepting: None, reason: None } => Ok(Self::Show),
            _ => Err("give `accepting` and `reason` together, or neither of them"),
        }
    }
}

impl Command {
    /// Parses an event.
    ///
    /// # Errors
    /// [`DirectError::InvalidRequest`] if the event is not a command.
    pub fn parse(event: Value) -> Result<Self, DirectError> {
        if !event.is_object() {
            return Err(DirectError::InvalidRequest("Send a JSON object with an action.".to_owned()));
        }
        serde_json::from_value(event)
            .map_err(|error| DirectError::InvalidRequest(format!("The request is not valid: {error}")))
    }
}

fn username<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Username, D::Error> {
    field("username", text, deserializer)
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GrantAmount, D::Error> {
    field("amount", GrantAmount::try_from, deserializer)
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
    field("reason", text, deserializer)
}

fn optional_reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Reason>, D::Error> {
    reason(deserializer).map(Some)
}

fn grant_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GrantId, D::Error> {
    field("grant_id", text, deserializer)
}

/// Parses a field, with an error that names the field.
fn field<'de, D: Deserializer<'de>, T>(
    name: &str,
    parse: impl FnOnce(Value) -> Result<T, InvalidField>,
    deserializer: D,
) -> Result<T, D::Error> {
    parse(Value::deserialize(deserializer)?).map_err(|error| D::Error::custom(format!("`{name}`: {error}")))
}

fn text<T: TryFrom<String, Error = InvalidField>>(value: Value) -> Result<T, InvalidField> {
    match value {
        Value::String(text) => T::try_from(text),
        _ => Err(InvalidField::new("Not a valid string.")),
    }
}

/// The result of a command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum CommandOutcome {
    /// Credits were granted or taken back.
    Granted {
        /// The user's name as they wrote it.
        username: String,
        /// The grant, and the balance after it.
        #[serde(flatten)]
        granted: Granted,
    },
    /// The account after the command.
    Account(AccountView),
    /// The sums of an account's entries.
    SummedAgain {
        /// The user's name as they wrote it.
        username: String,
        /// How far they are summed, and the sums.
        #[serde(flatten)]
        summed: SummedAgain,
    },
    /// Whether messages and registrations are accepted after the command.
    Acceptance(Acceptance),
    /// The catalogue of models.
    Catalogue(CatalogueOutcome),
}

/// An account as an operator sees it.
#[derive(Debug, Serialize)]
pub struct AccountView {
    username: String,
    user_id: UserId,
    status: Status,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    staff: bool,
    balance: Credits,
    spendable: Credits,
    held: Credits,
    messages_in_flight: usize,
    created_at: String,
    session_epoch: u64,
}

impl AccountView {
    /// The account at `now`. The credits of expired holds are spendable, and their messages are not in flight.
    #[must_use]
    pub fn new(login: &Login, account: Account, now: Timestamp) -> Self {
        let (spendable, held) = account.spendable_and_held(now);
        Self {
            user_id: login.user_id,
            status: account.status,
            staff: account.staff,
            balance: account.balance,
            spendable,
            held,
            messages_in_flight: account.holds.values().filter(|hold| hold.expires_at > now.seconds()).count(),
            username: account.username,
            created_at: account.created_at,
            session_epoch: account.session_epoch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    fn complaint(event: Value) -> String {
        Command::parse(event).unwrap_err().to_string()
    }

    #[test]
    fn every_action_is_understood() {
        let grant = json!({"action": "grant", "username": "ada", "amount": -5, "reason": "r", "grant_id": "i"});
        assert!(matches!(Command::parse(grant).unwrap(), Command::Grant { .. }));
        let about_ada = |action: &str| Command::parse(json!({"action": action, "username": "Ada"})).unwrap();
        let is_ada = |username: &Username| username.as_str() == "Ada";
        assert!(matches!(about_ada("deactivate"), Command::Deactivate { username } if is_ada(&username)));
        assert!(matches!(about_ada("activate"), Command::Activate { username } if is_ada(&username)));
        assert!(matches!(about_ada("promote"), Command::Promote { username } if is_ada(&username)));
        assert!(matches!(about_ada("demote"), Command::Demote { username } if is_ada(&username)));
        assert!(matches!(about_ada("show"), Command::Show { username } if is_ada(&username)));
        assert!(matches!(about_ada("sum_again"), Command::SumAgain { username } if is_ada(&username)));
        let shown = Command::parse(json!({"action": "accepting"})).unwrap();
        assert!(matches!(shown, Command::Accepting(AcceptanceCommand::Show)));
        let stop = Command::parse(json!({"action": "accepting", "accepting": false, "reason": "A restore"})).unwrap();
        let Command::Accepting(AcceptanceCommand::Set { accepting, reason }) = stop else { panic!("{stop:?}") };
        assert_eq!((accepting, reason.as_str()), (false, "A restore"));
        let catalogue = Command::parse(json!({"action": "catalogue", "replace": null, "version": 0})).unwrap();
        let expected = CatalogueCommand::Replace { catalogue: None, version: 0 };
        assert!(matches!(catalogue, Command::Catalogue(command) if command == expected));
    }

    #[test]
    fn what_is_wrong_with_a_request_is_said() {
        let grant = |amount: Value| json!({"action": "grant", "username": "ada", "amount": amount, "reason": "r", "grant_id": "i"});
        for (event, part) in [
            (json!([]), "Send a JSON object with an action."),
            (json!({}), "missing field `action`"),
            (json!({"action": "delete", "username": "ada"}), "unknown variant `delete`, expected one of `grant`"),
            (json!({"action": "show"}), "missing field `username`"),
            (json!({"action": "show", "username": 7}), "`username`: Not a valid string."),
            (json!({"action": "show", "username": ""}), "`username`: This field may not be blank."),
            (json!({"action": "show", "username": "ada", "amount": 5}), "unknown field `amount`"),
            (json!({"action": "grant", "username": "ada"}), "missing field `amount`"),
            (json!({"action": "accepting", "accepting": false}), "give `accepting` and `reason` together"),
            (json!({"action": "accepting", "reason": "A restore"}), "give `accepting` and `reason` together"),
            (json!({"action": "accepting", "accepting": "no", "reason": "A restore"}), "expected a boolean"),
            (
                json!({"action": "accepting", "accepting": false, "reason": ""}),
                "`reason`: This field may not be blank.",
            ),
            (json!({"action": "accepting", "accept": false, "reason": "A restore"}), "unknown field `accept`"),
            (json!({"action": "catalogue", "replace": {}}), "give `check` alone, or `replace` and the `version`"),
            (json!({"action": "catalogue", "replace": {}, "version": -1}), "invalid value: integer `-1`, expected u64"),
            (json!({"action": "catalogue", "models": []}), "unknown field `models`"),
            (grant(json!("5")), "`amount`: Give a whole number from"),
            (grant(json!(0)), "and not 0."),
            (grant(json!(1.5)), "`amount`: Give a whole number from"),
        ] {
            let complaint = complaint(event);
            assert!(complaint.contains(part), "{complaint}");
        }
    }
}
