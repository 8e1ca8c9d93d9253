//! What an operator gives, or takes back.

use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::accounts::{Account, Status};
use crate::credits::Credits;
use crate::direct::DirectError;
use crate::error::{ApiError, Cause};
use crate::ids::{EntryId, UserId};
use crate::ledger::idempotency::sha256;
use crate::ledger::{Entry, Fingerprint, Holds, Ledger};
use crate::table::{Key, cancellation_reasons, condition_failed, from_item, number, unavailable};
use crate::text::{InvalidField, check_length, check_text};
use crate::time::Timestamp;

/// Each round but the last met another change of the same account between reading and writing.
const MAX_ROUNDS: usize = 10;

/// How many credits: more than none to give, less than none to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantAmount(i64);

impl TryFrom<Value> for GrantAmount {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let most = Credits::MAX.gained();
        match value.as_i64() {
            Some(amount) if amount != 0 && (-most..=most).contains(&amount) => Ok(Self(amount)),
            _ => Err(InvalidField::new(format!("Give a whole number from -{most} to {most}, and not 0."))),
        }
    }
}

/// Why, in 1 to 500 characters, for whoever reads the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The most characters of a reason.
    pub const MAX_CHARACTERS: usize = 500;
}

impl TryFrom<String> for Reason {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        check_text(&text)?;
        check_length(&text, Self::MAX_CHARACTERS)?;
        Ok(Self(text))
    }
}

/// The operator's own name for one grant, by which it is given once: 1 to 255 visible ASCII
/// characters, of which only the SHA-256 is kept. It is used once for all users, so that a grant
/// that is repeated with the wrong name is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantId {
    digest: String,
}

impl GrantId {
    /// The most characters of a grant's id.
    pub const MAX_CHARACTERS: usize = 255;

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

impl TryFrom<String> for GrantId {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        let is_visible = text.chars().all(|character| character.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::MAX_CHARACTERS || !is_visible {
            let rule = format!("A grant's id has 1 to {} visible ASCII characters.", Self::MAX_CHARACTERS);
            return Err(InvalidField::new(rule));
        }
        Ok(Self { digest: sha256(&[b"grant\0", text.as_bytes()]) })
    }
}

/// What an operator gives, or takes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// How much.
    pub amount: GrantAmount,
    /// Why.
    pub reason: Reason,
    /// What it is repeated by.
    pub id: GrantId,
}

/// What became of a grant.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// Its ledger entry.
    pub entry_id: EntryId,
    /// The signed amount.
    pub amount: i64,
    /// The balance right after it.
    pub balance: Credits,
    /// Whether it was given before, and is not given again.
    pub repeated: bool,
}

/// What a grant's id was used for: the grant record, which is kept for ever.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    entry_id: EntryId,
    fingerprint: Fingerprint,
    balance: Credits,
}

/// What an attempt to grant came to.
enum Attempt {
    Granted,
    /// The grant's id was used, for this grant or another.
    Used(Record),
    /// The account has changed since it was read.
    Overtaken,
}

impl Ledger {
    /// Gives `grant` to a user, or takes it back, once for its id: account, entry and record are
    /// written in one transaction, on the condition that the account is as it was read. Also an
    /// inactive account can be granted.
    ///
    /// # Errors
    /// [`DirectError::GrantMismatch`] if the id was used for another grant,
    /// [`DirectError::UserNotFound`] without the account, [`DirectError::InsufficientTokens`] or
    /// [`DirectError::TooManyTokens`] if the balance would leave its bounds,
    /// [`DirectError::Unavailable`] if the outcome is not known.
    pub async fn grant(&self, user_id: UserId, grant: &Grant, deadline: Timestamp) -> Result<Granted, DirectError> {
        let fingerprint = Fingerprint::of_grant(user_id, grant.amount.0, &grant.reason.0);
        for _ in 0..MAX_ROUNDS {
            let [account, record] = self.table.get_both([Key::account(user_id), Key::grant_record(&grant.id)]).await?;
            if let Some(record) = record {
                return repeated(grant, &fingerprint, &from_item(record)?);
            }
            let account: Account = from_item(account.ok_or(DirectError::UserNotFound)?)?;
            if account.status == Status::Deleting {
                return Err(DirectError::DeletionInProgress);
            }
            if self.give_expired_back(user_id, &account.holds, deadline).await? {
                continue;
            }
            let balance = balance_after(&account, grant.amount)?;
            let record = Record { entry_id: EntryId::new(&self.clock), fingerprint: fingerprint.clone(), balance };
            match self.attempt_grant(user_id, grant, &account, &record, deadline).await? {
                Attempt::Granted => return Ok(granted(grant, &record, false)),
                // An attempt whose answer was lost had written it.
                Attempt::Used(found) if found.entry_id == record.entry_id => return Ok(granted(grant, &found, false)),
                Attempt::Used(found) => return repeated(grant, &fingerprint, &found),
                Attempt::Overtaken => {}
            }
        }
        Err(DirectError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    /// Expired holds can be spent, so they can be taken back too. Says whether there were any.
    async fn give_expired_back(
        &self,
        user_id: UserId,
        holds: &Holds,
        deadline: Timestamp,
    ) -> Result<bool, DirectError> {
        let now = self.clock.now().seconds();
        let mut any = false;
        for (place, hold) in holds.iter().filter(|(_, hold)| hold.expires_at <= now) {
            self.give_back(user_id, place, hold, deadline).await?;
            any = true;
        }
        Ok(any)
    }

    async fn attempt_grant(
        &self,
        user_id: UserId,
        grant: &Grant,
        account: &Account,
        record: &Record,
        deadline: Timestamp,
    ) -> Result<Attempt, DirectError> {
        let entry = Entry::by_operator(grant.amount.0, grant.reason.0.clone(), self.clock.now().to_string());
        let items = vec![
            self.change_balance(user_id, account, record.balance)?,
            self.table.put_new(Key::entry(user_id, record.entry_id).with(&entry)?)?,
            self.table.put_new(Key::grant_record(&grant.id).with(record)?)?,
        ];
        let token = format!("grant-{}", record.entry_id);
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(Attempt::Granted);
        };
        match cancellation_reasons(&error) {
            Some([_, _, used]) if condition_failed(used) => Ok(Attempt::Used(record_of(used)?)),
            Some([account, ..]) if condition_failed(account) => Ok(Attempt::Overtaken),
            _ => Err(unavailable(error).into()),
        }
    }

    /// On the condition that neither balance nor holds have changed, from which the new balance was
    /// computed; `version` counts their changes. Without the account there is none.
    fn change_balance(
        &self,
        user_id: UserId,
        account: &Account,
        balance: Credits,
    ) -> Result<TransactWriteItem, ApiError> {
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Key::account(user_id).into_item()))
            .update_expression("SET balance = :after, version = version + :one")
            .condition_expression("version = :version AND balance = :before")
            .expression_attribute_values(":before", number(account.balance))
            .expression_attribute_values(":after", number(balance))
            .expression_attribute_values(":version", number(account.version))
            .expression_attribute_values(":one", number(1_u64))
            .build()
            .map_err(|error| ApiError::Internal(Cause::new(error)))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// The balance after `amount`, if it is not below zero and, with all that is held and may come
/// back, not above [`Credits::MAX`].
fn balance_after(account: &Account, GrantAmount(amount): GrantAmount) -> Result<Credits, DirectError> {
    let before = account.balance.gained();
    let held: i64 = account.holds.values().map(|hold| hold.amount.gained()).sum();
    let owned = before.saturating_add(held);
    if amount > 0 && owned.saturating_add(amount) > Credits::MAX.gained() {
        return Err(DirectError::TooManyTokens { owned: account.balance.saturating_plus(credits(held)) });
    }
    u64::try_from(before + amount)
        .ok()
        .and_then(|balance| Credits::new(balance).ok())
        .ok_or(DirectError::InsufficientTokens { balance: account.balance })
}

fn credits(amount: i64) -> Credits {
    Credits::new(amount.unsigned_abs()).unwrap_or(Credits::MAX)
}

fn repeated(grant: &Grant, fingerprint: &Fingerprint, record: &Record) -> Result<Granted, DirectError> {
    if record.fingerprint != *fingerprint {
        return Err(DirectError::GrantMismatch);
    }
    Ok(granted(grant, record, true))
}

fn granted(grant: &Grant, record: &Record, repeated: bool) -> Granted {
    Granted { entry_id: record.entry_id, amount: grant.amount.0, balance: record.balance, repeated }
}

fn record_of(reason: &CancellationReason) -> Result<Record, ApiError> {
    let item = reason.item().cloned();
    from_item(item.ok_or_else(|| ApiError::Internal(Cause::because("a refusal without the item in its way")))?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::callers::Caller;
    use crate::jwt::LoggedIn;
    use crate::ledger::{EntryKind, Order};
    use crate::testing::{NOW, TestTable};
    use aws_sdk_dynamodb::types::AttributeValue;
    use testkit::recorder::Fault;

    struct Scene {
        test: TestTable,
        ledger: Ledger,
        ada: LoggedIn,
    }

    impl Scene {
        async fn with_balance(balance: u64) -> Self {
            let test = TestTable::start().await;
            let ledger = Ledger::new(test.table.clone(), test.clock.clone(), 10);
            let ada = test.person("ada", balance).await;
            Self { test, ledger, ada }
        }

        async fn grant(&self, amount: i64, id: &str) -> Result<Granted, DirectError> {
            self.ledger.grant(self.ada.user_id(), &grant(amount, "a present", id), soon()).await
        }

        async fn hold(&self, amount: u64) {
            let amount = Credits::new(amount).unwrap();
            let order =
                Order { caller: &Caller::from(&self.ada), amount, least: amount, remembered: None, deadline: soon() };
            let _held = self.ledger.start(&order).await.unwrap();
        }

        async fn account(&self) -> Account {
            self.test.table.get(Key::account(self.ada.user_id())).await.unwrap().unwrap()
        }

        async fn balance(&self) -> u64 {
            self.account().await.balance.into()
        }
    }

    fn grant(amount: i64, reason: &str, id: &str) -> Grant {
        Grant {
            amount: GrantAmount::try_from(Value::from(amount)).unwrap(),
            reason: Reason::try_from(reason.to_owned()).unwrap(),
            id: GrantId::try_from(id.to_owned()).unwrap(),
        }
    }

    fn soon() -> Timestamp {
        NOW.plus(Duration::from_secs(28))
    }

    #[tokio::test]
    async fn a_grant_raises_the_balance_and_an_entry_says_why() {
        let scene = Scene::with_balance(10).await;
        let granted = scene.grant(50, "one").await.unwrap();
        assert_eq!((granted.amount, u64::from(granted.balance), granted.repeated), (50, 60, false));
        assert_eq!(scene.balance().await, 60);
        assert_eq!(scene.account().await.version, 1);
        let entry: Entry =
            scene.test.table.get(Key::entry(scene.ada.user_id(), granted.entry_id)).await.unwrap().unwrap();
        assert_eq!((entry.kind, entry.amount, entry.reason.as_deref()), (EntryKind::Grant, 50, Some("a present")));
    }

    #[tokio::test]
    async fn what_is_taken_back_is_an_adjustment_and_stops_at_zero() {
        let scene = Scene::with_balance(10).await;
        let granted = scene.grant(-10, "one").await.unwrap();
        let entry: Entry =
            scene.test.table.get(Key::entry(scene.ada.user_id(), granted.entry_id)).await.unwrap().unwrap();
        assert_eq!((entry.kind, entry.amount), (EntryKind::Adjustment, -10));
        let refused = scene.grant(-1, "two").await.unwrap_err();
        assert!(matches!(refused, DirectError::InsufficientTokens { balance: Credits::ZERO }), "{refused:?}");
        assert_eq!(scene.balance().await, 0);
        assert_eq!(scene.grant(1, "two").await.unwrap().amount, 1, "what was refused did not use the id");
    }

    #[tokio::test]
    async fn what_is_held_cannot_be_taken_back_until_its_hold_expires() {
        let scene = Scene::with_balance(10).await;
        scene.hold(4).await;
        assert!(matches!(scene.grant(-7, "one").await, Err(DirectError::InsufficientTokens { .. })));
        scene.test.clock.advance(Duration::from_secs(60));
        assert_eq!(u64::from(scene.grant(-7, "one").await.unwrap().balance), 3);
        assert!(scene.account().await.holds.is_empty());
    }

    #[tokio::test]
    async fn nobody_has_more_than_the_most_also_with_what_is_held() {
        let scene = Scene::with_balance(10).await;
        scene.hold(4).await;
        let most = Credits::MAX.gained();
        let refused = scene.grant(most - 9, "one").await.unwrap_err();
        let DirectError::TooManyTokens { owned } = refused else { panic!("{refused:?}") };
        assert_eq!(u64::from(owned), 10);
        assert_eq!(scene.grant(most - 10, "one").await.unwrap().balance.gained(), most - 4);
        scene.test.clock.advance(Duration::from_secs(60));
        assert_eq!(scene.grant(-1, "two").await.unwrap().balance.gained(), most - 1);
    }

    #[tokio::test]
    async fn nobody_without_an_account_is_granted_anything() {
        let scene = Scene::with_balance(10).await;
        let stranger = UserId::new(&scene.test.clock);
        let outcome = scene.ledger.grant(stranger, &grant(1, "a present", "one"), soon()).await;
        assert!(matches!(outcome, Err(DirectError::UserNotFound)));
    }

    #[tokio::test]
    async fn a_grant_that_is_repeated_has_the_same_result_and_no_second_entry() {
        let scene = Scene::with_balance(10).await;
        let first = scene.grant(50, "one").await.unwrap();
        scene.grant(-30, "two").await.unwrap();
        scene.test.clock.advance(Duration::from_secs(366 * 24 * 3600));
        let again = scene.grant(50, "one").await.unwrap();
        assert_eq!(again, Granted { repeated: true, ..first });
        assert_eq!(scene.balance().await, 30);
        assert_eq!(scene.account().await.version, 2);
    }

    #[tokio::test]
    async fn a_grants_id_is_not_used_for_another_amount_reason_or_user() {
        let scene = Scene::with_balance(10).await;
        scene.grant(50, "one").await.unwrap();
        assert!(matches!(scene.grant(51, "one").await, Err(DirectError::GrantMismatch)));
        assert!(matches!(scene.grant(-50, "one").await, Err(DirectError::GrantMismatch)));
        let ada = scene.ada.user_id();
        let other_reason = scene.ledger.grant(ada, &grant(50, "a gift", "one"), soon()).await;
        assert!(matches!(other_reason, Err(DirectError::GrantMismatch)));
        let bob = scene.test.register("bob", 0).await;
        let other_user = scene.ledger.grant(bob, &grant(50, "a present", "one"), soon()).await;
        assert!(matches!(other_user, Err(DirectError::GrantMismatch)));
        assert_eq!(scene.balance().await, 60);
    }

    #[tokio::test]
    async fn of_the_same_grant_many_times_at_once_one_is_given() {
        let scene = Scene::with_balance(10).await;
        let outcomes = futures_util::future::join_all((0..10).map(|_| scene.grant(5, "one"))).await;
        let outcomes: Vec<Granted> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes.iter().filter(|granted| !granted.repeated).count(), 1);
        assert!(outcomes.iter().all(|granted| granted.entry_id == outcomes[0].entry_id));
        assert_eq!(scene.balance().await, 15);
    }

    #[tokio::test]
    async fn a_grants_id_that_is_used_for_two_users_at_once_is_given_to_one() {
        for _ in 0..5 {
            let scene = Scene::with_balance(10).await;
            let bob = scene.test.register("bob", 10).await;
            let present = grant(5, "a present", "one");
            let grants = [scene.ada.user_id(), bob].map(|user_id| scene.ledger.grant(user_id, &present, soon()));
            let outcomes = futures_util::future::join_all(grants).await;
            let refused = outcomes.into_iter().filter_map(Result::err).collect::<Vec<_>>();
            assert!(matches!(refused[..], [DirectError::GrantMismatch]), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn different_grants_at_once_are_all_given() {
        let scene = Scene::with_balance(0).await;
        let ids: Vec<String> = (0..4).map(|number| format!("grant-{number}")).collect();
        let outcomes = futures_util::future::join_all(ids.iter().map(|id| scene.grant(5, id))).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(scene.balance().await, 20);
    }

    #[tokio::test]
    async fn a_grant_whose_answers_are_lost_is_given_once() {
        let scene = Scene::with_balance(10).await;
        scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 2);
        let granted = scene.grant(5, "one").await.unwrap();
        assert!(!granted.repeated);
        assert_eq!(scene.balance().await, 15);
    }

    #[tokio::test]
    async fn a_grant_of_unknown_outcome_is_settled_by_repeating_it() {
        for fault in [Fault::AnswerLost, Fault::NotApplied] {
            let scene = Scene::with_balance(10).await;
            scene.test.recorder.fail_next("TransactWriteItems", fault, 3);
            assert!(matches!(scene.grant(5, "one").await, Err(DirectError::Unavailable(_))));
            assert_eq!(scene.grant(5, "one").await.unwrap().repeated, fault == Fault::AnswerLost);
            assert_eq!(scene.balance().await, 15);
        }
    }

    #[tokio::test]
    async fn a_grant_that_collides_with_another_write_is_repeated() {
        let scene = Scene::with_balance(10).await;
        scene.test.recorder.fail_next("TransactWriteItems", Fault::Conflict, 2);
        assert_eq!(u64::from(scene.grant(5, "one").await.unwrap().balance), 15);
    }

    #[tokio::test]
    async fn an_inactive_account_can_be_granted() {
        let scene = Scene::with_balance(10).await;
        let inactive = AttributeValue::S("inactive".to_owned());
        scene.test.set(Key::account(scene.ada.user_id()), "status", inactive).await;
        assert_eq!(u64::from(scene.grant(5, "one").await.unwrap().balance), 15);
    }

    #[test]
    fn amounts_reasons_and_ids_have_their_rules() {
        for value in [Value::from(0), Value::from(1.5), Value::from("5"), Value::Null, Value::from(u64::MAX)] {
            assert!(GrantAmount::try_from(value.clone()).is_err(), "{value}");
        }
        assert!(GrantAmount::try_from(Value::from(-9_007_199_254_740_991_i64)).is_ok());
        assert!(GrantAmount::try_from(Value::from(-9_007_199_254_740_992_i64)).is_err());
        assert!(Reason::try_from("x".repeat(500)).is_ok());
        for reason in ["", " ", "a\0b", &"x".repeat(501)] {
            assert!(Reason::try_from(reason.to_owned()).is_err(), "{reason:?}");
        }
        assert!(GrantId::try_from("x".repeat(255)).is_ok());
        for id in ["", "a b", "schlüssel", &"x".repeat(256)] {
            assert!(GrantId::try_from(id.to_owned()).is_err(), "{id:?}");
        }
    }
}
