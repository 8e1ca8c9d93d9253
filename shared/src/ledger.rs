//! The ledger: every change in credits, exactly once.
//!
//! A message is paid for in two steps, as card payments are: a **hold** sets its price aside, and
//! when the reply is there, a **capture** turns the hold into a charge and stores the reply, in one
//! transaction; or else a **release** gives the credits back.
//! Hold, entry and message have one id, which each step writes into its condition: the SDK repeats
//! a request whose answer was lost, and a step that is repeated must see that it was taken.
//!
//! After every step, whatever crashed: `balance + holds = sum of the entries`, and `balance >= 0`.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, Status};
use crate::chat::Message;
use crate::credits::Credits;
use crate::error::{ApiError, Cause};
use crate::ids::{EntryId, UserId};
use crate::jwt::LoggedIn;
use crate::table::{Item, Key, Table, from_item, number, repeat_conflicts, unavailable};
use crate::time::{Clock, Timestamp};

/// A hold outlives its request's deadline by this much, so that none expires under a capture.
const HOLD_MARGIN: Duration = Duration::from_secs(30);

/// Credits set aside: a value in the account's map of holds, whose key is the message's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The message's id. Capture and release require it, not only its place.
    pub id: EntryId,
    /// How much is set aside.
    pub amount: Credits,
    /// When it is void, in seconds since the Unix epoch.
    pub expires_at: u64,
}

/// One change in credits: a ledger entry, which is only ever added.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Why.
    pub kind: EntryKind,
    /// How much: positive for what the user gets, negative for what they spend.
    pub amount: i64,
    /// When, in RFC 3339.
    pub created_at: String,
    /// Of a chat: what the user asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of a chat: what the model replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

impl Entry {
    /// Credits given.
    pub(crate) fn grant(amount: Credits, created_at: String) -> Self {
        Self { kind: EntryKind::Grant, amount: amount.gained(), created_at, message: None, response: None }
    }
}

/// Why credits changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Credits were given.
    Grant,
    /// A message was answered.
    Chat,
}

/// Credits that were set aside for one message, to be captured or released.
#[derive(Clone, Debug)]
#[must_use = "a hold is captured or released"]
pub struct Held {
    /// The id of hold, entry and message.
    pub id: EntryId,
    /// Whose credits.
    pub user_id: UserId,
    /// The user's name as they wrote it.
    pub username: String,
    /// How much was set aside.
    pub amount: Credits,
    /// What can still be spent.
    pub balance: Credits,
}

/// What was asked and answered.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// What the user asked.
    pub message: &'a Message,
    /// What the model replied.
    pub response: &'a str,
}

/// What a message was paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The credits charged.
    pub cost: Credits,
    /// What can still be spent.
    pub balance: Credits,
}

/// The ledger in the table.
#[derive(Clone, Debug)]
pub struct Ledger {
    table: Table,
    clock: Clock,
}

impl Ledger {
    /// The ledger in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// Sets `amount` aside for a message that will be answered before `deadline`.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] or [`ApiError::UserInactive`] if the account is not open to
    /// this person, [`ApiError::InsufficientTokens`] if the balance does not cover the amount,
    /// [`ApiError::Unavailable`] if the table cannot be reached.
    pub async fn hold(&self, person: &LoggedIn, amount: Credits, deadline: Timestamp) -> Result<Held, ApiError> {
        let hold = Hold { id: EntryId::new(&self.clock), amount, expires_at: deadline.plus(HOLD_MARGIN).seconds() };
        let request = self.hold_request(person, &hold)?;
        let account = match repeat_conflicts(|| request.clone().send()).await {
            Ok(answer) => from_item::<Account>(answer.attributes.unwrap_or_default())?,
            Err(error) => account_with_hold(error, person, &hold)?,
        };
        Ok(Held {
            id: hold.id,
            user_id: person.user_id(),
            username: account.username,
            amount,
            balance: account.balance,
        })
    }

    /// Charges `cost` for a message that was answered and stores the answer. What was held and
    /// does not cost returns to the balance in the same write; a cost above the hold is not
    /// charged, since nobody agreed to it.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the hold is gone or the table refused: nothing was charged.
    /// [`ApiError::OutcomeUnknown`] if not even that can be found out.
    pub async fn capture(&self, held: &Held, cost: Credits, exchange: Exchange<'_>) -> Result<Charge, ApiError> {
        let cost = cost.min(held.amount);
        let returned = held.amount.saturating_minus(cost);
        let items = self.capture_items(held, cost, returned, exchange)?;
        if let Err(error) = self.table.transact(&held.id.to_string(), items).await {
            self.settle(held, Cause::new(error)).await?;
        }
        Ok(Charge { cost, balance: held.balance.saturating_plus(returned) })
    }

    /// Gives back what was set aside.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the table cannot be reached: the hold is still there and
    /// expires.
    pub async fn release(&self, held: &Held) -> Result<(), ApiError> {
        let request = self
            .change_account(held)
            .update_expression(RETURN_CREDITS)
            .condition_expression(HOLD_IS_OURS)
            .expression_attribute_values(":returned", number(held.amount));
        match repeat_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(()),
            // Gone already: released by an attempt whose answer was lost, or by its expiry.
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Finds out what became of a capture whose transaction failed. The entry tells: it is there
    /// or it is not. If not, a release that is acknowledged fences off an attempt that may yet
    /// arrive; only then is it true that nothing was charged.
    async fn settle(&self, held: &Held, cause: Cause) -> Result<(), ApiError> {
        let unknown = |cause| ApiError::OutcomeUnknown { message_id: held.id, cause };
        match self.is_captured(held).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(_) => return Err(unknown(cause)),
        }
        if self.release(held).await.is_err() {
            return Err(unknown(cause));
        }
        // The attempt may have arrived between the two: a release that finds no hold to remove
        // has not fenced anything off.
        match self.is_captured(held).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ApiError::Unavailable(cause)),
            Err(_) => Err(unknown(cause)),
        }
    }

    async fn is_captured(&self, held: &Held) -> Result<bool, ApiError> {
        let entry: Option<Entry> = self.table.get(Key::entry(held.user_id, held.id)).await?;
        Ok(entry.is_some())
    }

    fn hold_request(&self, person: &LoggedIn, hold: &Hold) -> Result<UpdateItemFluentBuilder, ApiError> {
        let value = serde_dynamo::to_attribute_value(hold).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        Ok(self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::account(person.user_id()).into_item()))
            .update_expression("SET balance = balance - :amount, holds.#id = :hold, version = version + :one")
            .condition_expression(
                "#status = :active AND session_epoch = :epoch AND balance >= :amount \
                 AND attribute_not_exists(holds.#id)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#id", hold.id.to_string())
            .expression_attribute_values(":amount", number(hold.amount))
            .expression_attribute_values(":hold", value)
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":active", AttributeValue::S(Status::ACTIVE.to_owned()))
            .expression_attribute_values(":epoch", number(person.session_epoch()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }

    fn capture_items(
        &self,
        held: &Held,
        cost: Credits,
        returned: Credits,
        exchange: Exchange<'_>,
    ) -> Result<Vec<TransactWriteItem>, ApiError> {
        let account = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Key::account(held.user_id).into_item()))
            .update_expression(RETURN_CREDITS)
            .condition_expression(HOLD_IS_OURS)
            .expression_attribute_names("#id", held.id.to_string())
            .expression_attribute_values(":id", AttributeValue::S(held.id.to_string()))
            .expression_attribute_values(":returned", number(returned))
            .expression_attribute_values(":one", number(1_u64))
            .build()
            .map_err(|error| ApiError::Internal(Cause::new(error)))?;
        let entry = Entry {
            kind: EntryKind::Chat,
            amount: cost.spent(),
            created_at: self.clock.now().to_string(),
            message: Some(exchange.message.as_str().to_owned()),
            response: Some(exchange.response.to_owned()),
        };
        let entry = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(Key::entry(held.user_id, held.id).with(&entry)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|error| ApiError::Internal(Cause::new(error)))?;
        Ok(vec![TransactWriteItem::builder().update(account).build(), TransactWriteItem::builder().put(entry).build()])
    }

    fn change_account(&self, held: &Held) -> UpdateItemFluentBuilder {
        self.table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::account(held.user_id).into_item()))
            .expression_attribute_names("#id", held.id.to_string())
            .expression_attribute_values(":id", AttributeValue::S(held.id.to_string()))
            .expression_attribute_values(":one", number(1_u64))
    }
}

/// Takes the hold away and gives its credits back, all of them or the rest.
const RETURN_CREDITS: &str = "SET balance = balance + :returned, version = version + :one REMOVE holds.#id";
/// The hold is there and it is this message's. Without the account there is none.
const HOLD_IS_OURS: &str = "holds.#id.id = :id";

/// The account after a hold that failed because an earlier attempt had placed it, or else why it
/// failed.
fn account_with_hold(error: SdkError<UpdateItemError>, person: &LoggedIn, hold: &Hold) -> Result<Account, ApiError> {
    let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
        return Err(unavailable(error));
    };
    let item: Item = failed.item().cloned().ok_or(ApiError::TokenNotValid("the account is gone"))?;
    let account: Account = from_item(item)?;
    if account.holds.contains_key(&hold.id.to_string()) {
        return Ok(account);
    }
    account.admit(person.session_epoch())?;
    Err(ApiError::InsufficientTokens { balance: account.balance, cost: hold.amount })
}

fn is_condition(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, TestTable};
    use local::recorder::Fault;

    struct Scene {
        test: TestTable,
        ledger: Ledger,
        ada: LoggedIn,
    }

    impl Scene {
        async fn with_balance(balance: u64) -> Self {
            let test = TestTable::start().await;
            let ledger = Ledger::new(test.table.clone(), test.clock.clone());
            let ada = test.person("ada", balance).await;
            Self { test, ledger, ada }
        }

        async fn hold(&self, amount: u64) -> Result<Held, ApiError> {
            self.ledger.hold(&self.ada, credits(amount), NOW).await
        }

        async fn capture(&self, held: &Held, cost: u64) -> Result<Charge, ApiError> {
            let message = Message::try_from("Hello".to_owned()).unwrap();
            let exchange = Exchange { message: &message, response: "Dummy Response" };
            self.ledger.capture(held, credits(cost), exchange).await
        }

        async fn account(&self) -> Account {
            self.test.accounts().read(&self.ada).await.unwrap()
        }

        async fn balance(&self) -> u64 {
            self.account().await.balance.into()
        }

        async fn entry(&self, id: EntryId) -> Option<Entry> {
            self.test.table.get(Key::entry(self.ada.user_id(), id)).await.unwrap()
        }
    }

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn charge(cost: u64, balance: u64) -> Charge {
        Charge { cost: credits(cost), balance: credits(balance) }
    }

    #[tokio::test]
    async fn a_hold_sets_credits_aside_until_after_the_deadline() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        assert_eq!((held.username.as_str(), held.balance), ("ada", credits(7)));
        let account = scene.account().await;
        assert_eq!(account.balance, credits(7));
        assert_eq!(account.version, 1);
        let expected = Hold { id: held.id, amount: credits(3), expires_at: NOW.seconds() + 30 };
        assert_eq!(account.holds[&held.id.to_string()], expected);
    }

    #[tokio::test]
    async fn a_capture_turns_the_hold_into_an_entry_with_the_reply() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
        let account = scene.account().await;
        assert_eq!(account.balance, credits(7));
        assert!(account.holds.is_empty());
        let entry = scene.entry(held.id).await.unwrap();
        assert_eq!((entry.kind, entry.amount), (EntryKind::Chat, -3));
        assert_eq!(entry.message.as_deref(), Some("Hello"));
        assert_eq!(entry.response.as_deref(), Some("Dummy Response"));
    }

    #[tokio::test]
    async fn a_capture_gives_back_what_was_not_used_and_never_takes_more_than_was_held() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(5).await.unwrap();
        assert_eq!(scene.capture(&held, 2).await.unwrap(), charge(2, 8));
        assert_eq!(scene.balance().await, 8);
        let held = scene.hold(5).await.unwrap();
        assert_eq!(scene.capture(&held, 9).await.unwrap(), charge(5, 3));
        assert_eq!(scene.balance().await, 3);
        assert_eq!(scene.entry(held.id).await.unwrap().amount, -5);
    }

    #[tokio::test]
    async fn a_capture_that_is_repeated_charges_once() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        for _ in 0..3 {
            assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
        }
        assert_eq!(scene.balance().await, 7);
    }

    #[tokio::test]
    async fn a_release_gives_everything_back_once() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        for _ in 0..3 {
            scene.ledger.release(&held).await.unwrap();
        }
        assert_eq!(scene.balance().await, 10);
        assert!(scene.entry(held.id).await.is_none());
    }

    #[tokio::test]
    async fn what_was_released_cannot_be_captured() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        scene.ledger.release(&held).await.unwrap();
        assert!(matches!(scene.capture(&held, 3).await, Err(ApiError::Unavailable(_))));
        assert_eq!(scene.balance().await, 10);
        assert!(scene.entry(held.id).await.is_none());
    }

    #[tokio::test]
    async fn what_was_captured_cannot_be_released() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        scene.capture(&held, 3).await.unwrap();
        scene.ledger.release(&held).await.unwrap();
        assert_eq!(scene.balance().await, 7);
    }

    #[tokio::test]
    async fn a_balance_that_does_not_cover_the_cost_is_left_alone() {
        let scene = Scene::with_balance(2).await;
        let Err(ApiError::InsufficientTokens { balance, cost }) = scene.hold(3).await else {
            panic!("two credits paid for three")
        };
        assert_eq!((balance, cost), (credits(2), credits(3)));
        assert_eq!(scene.account().await.version, 0);
    }

    #[tokio::test]
    async fn however_many_spend_at_once_the_balance_never_goes_below_zero() {
        let scene = Scene::with_balance(7).await;
        let holds = futures_util::future::join_all((0..30).map(|_| scene.hold(2))).await;
        assert_eq!(holds.iter().filter(|hold| hold.is_ok()).count(), 3);
        assert_eq!(scene.balance().await, 1);
    }

    #[tokio::test]
    async fn a_hold_whose_answer_was_lost_and_that_the_sdk_repeats_is_taken_once() {
        let scene = Scene::with_balance(10).await;
        let hold = Hold { id: EntryId::new(&scene.test.clock), amount: credits(3), expires_at: 0 };
        let request = scene.ledger.hold_request(&scene.ada, &hold).unwrap();
        request.clone().send().await.unwrap();
        let error = request.send().await.unwrap_err();
        let account = account_with_hold(error, &scene.ada, &hold).unwrap();
        assert_eq!(account.balance, credits(7));
    }

    #[tokio::test]
    async fn a_step_whose_answer_was_lost_is_taken_once() {
        let scene = Scene::with_balance(10).await;
        let recorder = &scene.test.recorder;
        recorder.fail_next("UpdateItem", Fault::AnswerLost, 1);
        let held = scene.hold(3).await.unwrap();
        recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
        assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
        let held = scene.hold(3).await.unwrap();
        recorder.fail_next("UpdateItem", Fault::AnswerLost, 1);
        scene.ledger.release(&held).await.unwrap();
        assert_eq!(scene.balance().await, 7);
    }

    #[tokio::test]
    async fn a_capture_of_which_no_answer_arrives_is_found_by_its_entry() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 3);
        assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
        assert_eq!(scene.balance().await, 7);
    }

    #[tokio::test]
    async fn a_capture_that_does_not_arrive_is_released_before_it_is_called_free() {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 3);
        assert!(matches!(scene.capture(&held, 3).await, Err(ApiError::Unavailable(_))));
        assert_eq!(scene.balance().await, 10);
        assert!(scene.account().await.holds.is_empty());
    }

    #[tokio::test]
    async fn a_capture_that_can_be_neither_found_nor_released_has_an_unknown_outcome() {
        for lost in ["GetItem", "UpdateItem"] {
            let scene = Scene::with_balance(10).await;
            let held = scene.hold(3).await.unwrap();
            scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 3);
            scene.test.recorder.fail_next(lost, Fault::NotApplied, 3);
            let Err(ApiError::OutcomeUnknown { message_id, .. }) = scene.capture(&held, 3).await else {
                panic!("{lost}: an outcome that nobody can know")
            };
            assert_eq!(message_id, held.id);
        }
    }

    #[tokio::test]
    async fn a_collision_with_another_write_is_repeated() {
        let scene = Scene::with_balance(10).await;
        scene.test.recorder.fail_next("UpdateItem", Fault::Conflict, 2);
        let held = scene.hold(3).await.unwrap();
        scene.test.recorder.fail_next("TransactWriteItems", Fault::Conflict, 2);
        assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
    }

    #[tokio::test]
    async fn a_hold_is_refused_to_old_tokens_inactive_users_and_accounts_that_are_gone() {
        let scene = Scene::with_balance(10).await;
        let key = || Key::account(scene.ada.user_id());
        scene.test.set(key(), "session_epoch", number(2_u64)).await;
        assert!(matches!(scene.hold(1).await, Err(ApiError::TokenNotValid(_))));
        let inactive = AttributeValue::S("inactive".to_owned());
        scene.test.set(key(), "status", inactive).await;
        assert!(matches!(scene.hold(1).await, Err(ApiError::UserInactive)));
        let nobody = scene.test.subject(UserId::new(&scene.test.clock)).into();
        let outcome = scene.ledger.hold(&nobody, credits(1), NOW).await;
        assert!(matches!(outcome, Err(ApiError::TokenNotValid(_))));
    }
}
