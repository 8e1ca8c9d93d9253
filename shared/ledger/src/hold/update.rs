//! The write of a hold.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, Update};
use domain::credits::Credits;
use store::{StoreError, Table, number};

use crate::account::{Account, Status};
use crate::admission::{OpenAccount, Room};
use crate::allowance::{AS_SEEN, AllowanceStep};
use crate::buckets::BucketsUpdate;
use crate::budgets::KeyBudget;
use crate::holds::Hold;
use crate::hourly::HourlyWork;
use crate::sealing::ABOVE_SEAL;

/// Condition: the account is open to the payer, its balance covers the hold, there is room, and nobody has begun a new
/// hour or left work unpaid since the account was read. An API key that is remembered adds a condition on the account's
/// keys, [`AS_SEEN`] one on all from which credits were computed that are due, and [`ABOVE_SEAL`] one on the id of the first
/// entry: that of these credits, or else the hold's.
const OPEN: &str = "#status = :active AND #epoch = :epoch AND balance >= :taken AND size(holds) < :most \
                    AND hourly.began_at = :hour AND hourly.unpaid <= :unpaid";

/// A hold that is about to be written.
pub(super) struct NewHold<'a> {
    pub(super) open: &'a OpenAccount,
    pub(super) room: &'a Room,
    pub(super) hold: Hold,
    /// The budget of the payer's API key, of whose period the hold is a part.
    pub(super) budget: Option<KeyBudget>,
    /// The step of the account's allowance, if the period of the hold is not decided.
    pub(super) step: Option<AllowanceStep>,
}

impl NewHold<'_> {
    /// The hold's place in the account's map.
    pub(super) fn place(&self) -> String {
        let remembered = self.open.remembered.as_ref();
        remembered.map_or_else(|| self.hold.id.to_string(), |remembered| remembered.key.digest().to_owned())
    }

    /// The step of the allowance, if credits are due.
    pub(super) fn giving_step(&self) -> Option<AllowanceStep> {
        self.step.filter(|step| step.due > Credits::ZERO)
    }

    /// Whether the account's item is the only one that the hold writes or checks.
    pub(super) fn is_alone(&self) -> bool {
        self.budget.is_none() && self.open.remembered.is_none() && self.giving_step().is_none()
    }

    /// The credits that are due.
    fn due(&self) -> Credits {
        self.step.map_or(Credits::ZERO, |step| step.due)
    }

    /// Whether expired holds must be released before the hold is written: their room or their credits are needed, or the hold
    /// that is taken over and this one do not take from the same items.
    pub(super) fn needs_room(&self) -> bool {
        let Self { open, room, hold, budget, .. } = self;
        let takes_over_budget =
            open.predecessor().is_some_and(|predecessor| predecessor.budget.is_some() || budget.is_some());
        !room.in_the_way.is_empty()
            || takes_over_budget
            || hold.amount > open.available().saturating_plus(self.due())
            || budget.is_some_and(|budget| hold.amount > budget.available())
    }

    /// The account with the hold, as it was read before. A transaction returns no items.
    pub(super) fn expected_account(&self) -> Account {
        let mut account = self.open.account.clone();
        let returned = self.open.predecessor().map_or(Credits::ZERO, |hold| hold.amount);
        let available = account.balance.saturating_plus(returned).saturating_plus(self.due());
        account.balance = available.saturating_minus(self.hold.amount);
        account.allowance = self.step.map(AllowanceStep::allowance).or(account.allowance);
        account.holds.insert(self.place(), self.hold.clone());
        account.buckets = self.buckets().expected(account.buckets.as_ref());
        account
    }

    fn buckets(&self) -> BucketsUpdate<'_> {
        let Room { buckets, removable, now, .. } = self.room;
        BucketsUpdate { used: buckets, removed: removable, has_map: self.open.account.buckets.is_some(), now: *now }
    }

    /// The update of the account, whose condition checks again all that was read.
    pub(super) fn update(&self, table: &Table) -> Result<Update, StoreError> {
        let Self { open, room, hold, .. } = self;
        let buckets = self.buckets();
        let (of_buckets, condition_on_buckets) = (buckets.assignments(), buckets.condition());
        let value = serde_dynamo::to_attribute_value(hold).map_err(StoreError::from)?;
        let unpaid = open.predecessor().is_some_and(|hold| room.hourly.includes(hold.expiry()));
        let hour = HourUpdate::new(open.account.hourly, room.hourly, unpaid);
        let hour_update = hour.expression();
        let (keys, keys_version) = open.claimed.condition_on_keys();
        let payer = open.claimed.payer();
        let (of_allowance, as_seen) = self.step.map_or(("", ""), |_| (", allowance.through = :period", AS_SEEN));
        let first_entry = self.giving_step().map_or(hold.id, |_| AllowanceStep::entry_id(hold.id));
        // The predecessor's credits and those that are due pay first, so the difference may be negative.
        let returned = open.predecessor().map_or(Credits::ZERO, |predecessor| predecessor.amount);
        let taken = hold.amount.gained() - returned.gained() - self.due().gained();
        let update = Update::builder()
            .table_name(table.name())
            .set_key(Some(Account::key(payer.user_id()).into_item()))
            .update_expression(format!(
                "SET balance = balance - :taken, holds.#place = :hold, version = version + :one{hour_update}{of_buckets}\
                 {of_allowance}{}",
                buckets.removals()
            ))
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#epoch", payer.epoch().attribute())
            .expression_attribute_names("#place", self.place())
            .expression_attribute_values(":hold", value)
            .expression_attribute_values(":taken", AttributeValue::N(taken.to_string()))
            .expression_attribute_values(":entry", AttributeValue::S(first_entry.to_string()))
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":active", Status::Active.attribute_value())
            .expression_attribute_values(":epoch", number(payer.epoch().number()))
            .expression_attribute_values(":most", number(room.most_holds))
            .expression_attribute_values(":hour", number(open.account.hourly.began_at))
            .expression_attribute_values(":unpaid", number(open.account.hourly.unpaid))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match hour {
            HourUpdate::Begin(begun) => update.expression_attribute_values(
                ":begun",
                serde_dynamo::to_attribute_value(begun).map_err(StoreError::from)?,
            ),
            HourUpdate::None | HourUpdate::CountUnpaid => update,
        };
        let update = match keys_version {
            None => update,
            Some(version) => update.expression_attribute_values(":keys_version", version),
        };
        let update = match self.step {
            None => update,
            Some(step) => step.with_values(update, open.account.version)?,
        };
        let update = buckets.with_values(update);
        let further = format!("{keys}{condition_on_buckets}{as_seen}");
        let update = match open.predecessor() {
            None => update.condition_expression(format!(
                "{OPEN}{further} AND {ABOVE_SEAL} AND attribute_not_exists(holds.#place)"
            )),
            Some(predecessor) => update
                .condition_expression(format!("{OPEN}{further} AND {ABOVE_SEAL} AND holds.#place.id = :predecessor"))
                .expression_attribute_values(":predecessor", AttributeValue::S(predecessor.id.to_string())),
        };
        Ok(update.build()?)
    }
}

/// The change of the hour's work by a hold.
enum HourUpdate {
    None,
    /// The hold that is taken over is unpaid work.
    CountUnpaid,
    /// The hour that was read has passed.
    Begin(HourlyWork),
}

impl HourUpdate {
    fn new(seen: HourlyWork, current: HourlyWork, takes_unpaid: bool) -> Self {
        match (seen.began_at == current.began_at, takes_unpaid) {
            (true, false) => Self::None,
            (true, true) => Self::CountUnpaid,
            (false, _) => Self::Begin(HourlyWork { unpaid: u32::from(takes_unpaid), ..current }),
        }
    }

    /// The part of the update's expression.
    fn expression(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::CountUnpaid => ", hourly.unpaid = hourly.unpaid + :one",
            Self::Begin(_) => ", hourly = :begun",
        }
    }
}
