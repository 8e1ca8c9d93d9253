//! Deleting an account with everything of its user.
//!
//! The first write closes the account and removes its holds. From then on nothing enters the user's partition, because
//! every write into it checks the account: messages in flight store nothing. The items are deleted in pages, and
//! account and login last, together: only then the username is free. A deletion that stops half way goes on with the
//! next request of its user, or with the audit.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, TransactWriteItem, WriteRequest};
use domain::cause::Cause;
use domain::ids::{TokenId, UserId};
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use futures_util::TryStreamExt;
use futures_util::stream::{self, StreamExt};
use ledger::account::{Account, Closed, Epoch, Status};
use ledger::audit::{AbandonedDeletions, DeletionProgress};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, StoreError, Table, number, partition_of};

use crate::api_keys::{KEYS_OF_LIST, take_keys_of_list};
use crate::attempts::PasswordAttempt;
use crate::error::IdentityError;
use crate::jwt::LoggedIn;
use crate::login::Login;

/// The most items of a `BatchWriteItem`.
const BATCH_ITEMS: usize = 25;
/// The number of batches under way at once.
const BATCHES_AT_ONCE: usize = 4;
/// The keys that one request reads: enough for all those batches.
const PAGE_ITEMS: i32 = 100;
/// The most times that a batch is sent while DynamoDB leaves some of it unprocessed, and the pause in between.
const MAX_BATCH_ATTEMPTS: u32 = 8;
const BATCH_PAUSE: Duration = Duration::from_millis(50);
/// Time reserved at the end of a request: for the page under way, and for the last transaction.
const MARGIN: Duration = Duration::from_secs(8);

/// Some of the items to delete, by their keys.
struct DoomedItems {
    /// The items of the user's API keys, if the list of them is among `keys`.
    api_keys: Vec<Item>,
    keys: Vec<Item>,
    /// No items come after these.
    is_last: bool,
}

/// The deletion of accounts.
#[derive(Clone, Debug)]
pub struct Deletion {
    table: Table,
    clock: Clock,
}

impl Deletion {
    /// The deletion of accounts in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// The account of a person who wants it deleted. After the deletion has begun, the access token that began it opens
    /// the account for the deletion alone.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the account is gone or the token's epoch has passed,
    /// [`IdentityError::UserInactive`] if it is deactivated.
    pub async fn read(&self, person: &LoggedIn) -> Result<Account, IdentityError> {
        let account: Option<Account> = self.table.get(Account::key(person.user_id())).await?;
        let account = account.ok_or(Closed::Gone)?;
        if account.status != Status::Deleting {
            account.admit(Epoch::OfSessions(person.session_epoch()))?;
        } else if account.session_epoch != person.session_epoch() + 1 {
            return Err(Closed::SessionEpochPassed.into());
        }
        Ok(account)
    }

    /// Closes the account for good, if it is as the access token says and the password is still the one that was
    /// checked. The same transaction withdraws the attempt. If the account is closed already, nothing is written.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the account has changed meanwhile, [`IdentityError::InvalidCredentials`] if
    /// the password has.
    pub async fn begin(
        &self,
        person: &LoggedIn,
        attempt: &PasswordAttempt,
        login: &Login,
        deadline: Timestamp,
    ) -> Result<(), IdentityError> {
        let items = vec![
            self.close_account(person)?,
            self.close_login(person, attempt.username(), login)?,
            attempt.withdraw(&self.table, self.clock.now())?,
        ];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            Some([account, ..]) if condition_failed(account) => {
                // Another request of the same person may have been faster.
                self.read(person).await.map(|_| ())
            }
            Some([_, login, ..]) if condition_failed(login) => Err(IdentityError::InvalidCredentials),
            _ => Err(StoreError::from(error).into()),
        }
    }

    /// Removes the holds too, so that no capture succeeds: messages in flight store nothing.
    fn close_account(&self, person: &LoggedIn) -> Result<TransactWriteItem, StoreError> {
        let update = "SET #status = :deleting, session_epoch = :next, holds = :none, deletion_began_at = :now, \
                      version = version + :one";
        transaction::update(
            self.table
                .updating(Account::key(person.user_id()))
                .update_expression(update)
                .condition_expression("#status = :active AND session_epoch = :epoch")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":active", Status::Active.attribute_value())
                .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
                .expression_attribute_values(":epoch", number(person.session_epoch()))
                .expression_attribute_values(":next", number(person.session_epoch() + 1))
                .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
                .expression_attribute_values(":now", number(self.clock.now().seconds()))
                .expression_attribute_values(":one", number(1_u64)),
        )
    }

    fn close_login(
        &self,
        person: &LoggedIn,
        username: &Username,
        login: &Login,
    ) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            self.table
                .updating(Login::key(username))
                .update_expression("SET session_epoch = :next REMOVE sessions")
                .condition_expression("user_id = :user_id AND password_hash = :seen")
                .expression_attribute_values(":next", number(person.session_epoch() + 1))
                .expression_attribute_values(":user_id", AttributeValue::S(person.user_id().to_string()))
                .expression_attribute_values(":seen", AttributeValue::S(login.password_hash.as_str().to_owned())),
        )
    }

    /// Deletes everything of a user whose account is closed for good, until `deadline` is near. It deletes at least one
    /// page, so that every request makes progress.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached. A repetition goes on.
    pub async fn finish(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<DeletionProgress, StoreError> {
        loop {
            let page = self.page(user_id).await?;
            // API keys go before the list that leads to them: if this stops here, the next request finds them.
            self.delete(page.api_keys).await?;
            self.delete(page.keys).await?;
            if page.is_last {
                self.delete_account(user_id, username, deadline).await?;
                return Ok(DeletionProgress::Finished);
            }
            if self.clock.now().plus(MARGIN) >= deadline {
                return Ok(DeletionProgress::OutOfTime);
            }
        }
    }

    /// The keys of some of the user's items besides the account.
    async fn page(&self, user_id: UserId) -> Result<DoomedItems, StoreError> {
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            // All other items sort after the account.
            .key_condition_expression("pk = :user AND sk > :account")
            .expression_attribute_values(":user", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":account", AttributeValue::S(Account::SORT_KEY.to_owned()))
            .projection_expression(format!("pk, sk, {KEYS_OF_LIST}"))
            .limit(PAGE_ITEMS)
            .consistent_read(true)
            .send()
            .await?;
        let mut page =
            DoomedItems { api_keys: Vec::new(), keys: Vec::new(), is_last: answer.last_evaluated_key.is_none() };
        for mut item in answer.items.unwrap_or_default() {
            page.api_keys.extend(take_keys_of_list(&mut item)?);
            page.keys.push(item);
        }
        Ok(page)
    }

    async fn delete(&self, keys: Vec<Item>) -> Result<(), StoreError> {
        let batches: Vec<Vec<Item>> = keys.chunks(BATCH_ITEMS).map(<[Item]>::to_vec).collect();
        let deletions = stream::iter(batches).map(|batch| self.delete_batch(batch));
        deletions.buffer_unordered(BATCHES_AT_ONCE).try_collect().await
    }

    /// Deletes one batch. A batch is no transaction: DynamoDB may process a part, and the rest is sent again.
    async fn delete_batch(&self, keys: Vec<Item>) -> Result<(), StoreError> {
        let mut requests = keys.into_iter().map(delete_request).collect::<Result<Vec<_>, _>>()?;
        for _ in 0..MAX_BATCH_ATTEMPTS {
            let batch = self.table.client().batch_write_item().request_items(self.table.name(), requests);
            let answer = batch.send().await?;
            let left = answer.unprocessed_items.and_then(|mut tables| tables.remove(self.table.name()));
            requests = left.unwrap_or_default();
            if requests.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(BATCH_PAUSE).await;
        }
        Err(StoreError::Unavailable(Cause::because("DynamoDB is throttling")))
    }

    /// Deletes account and login together: until then no other user can register the username.
    async fn delete_account(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let account = self
            .table
            .deleting(Account::key(user_id))
            .condition_expression("#status = :deleting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", Status::Deleting.attribute_value());
        let login = self
            .table
            .deleting(Login::key(username))
            .condition_expression("user_id = :user_id")
            .expression_attribute_values(":user_id", AttributeValue::S(user_id.to_string()));
        let items = vec![transaction::delete(account)?, transaction::delete(login)?];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            // Another request was faster, or an earlier write of this one whose answer was lost.
            Some([account, login]) if condition_failed(account) && condition_failed(login) => Ok(()),
            _ => Err(error.into()),
        }
    }
}

impl AbandonedDeletions for Deletion {
    async fn finish(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<DeletionProgress, StoreError> {
        Self::finish(self, user_id, username, deadline).await
    }
}

fn delete_request(key: Item) -> Result<WriteRequest, StoreError> {
    let delete = DeleteRequest::builder().set_key(Some(key)).build()?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::credits::Credits;
    use domain::ids::SessionId;
    use domain::message::Message;
    use ledger::audit::{Audit, Report};
    use ledger::entry::Exchange;
    use ledger::grant::GrantError;
    use ledger::grant::{Grant, GrantAmount};
    use ledger::hold::{HoldOutcome, Order};
    use ledger::idempotency::{IdempotencyKey, Remembered};
    use ledger::{Held, Ledger, LedgerError};
    use testkit::recorder::Fault;
    use testkit::test_table::NOW;

    use crate::api_keys::{ApiKeyLifetime, ApiKeyTerms, ApiKeys, NewApiKey};
    use crate::error::ActivationError;
    use crate::jwt::RefreshTerms;
    use crate::sessions::{Opening, Sessions};
    use crate::testing::{TestPeople, stored_reply};

    struct DeletionScene {
        test: TestPeople,
        ledger: Ledger,
        deletion: Deletion,
        sessions: Sessions,
        username: Username,
        ada: LoggedIn,
    }

    impl DeletionScene {
        async fn start() -> Self {
            let test = TestPeople::start().await;
            let (table, clock) = (test.table.clone(), test.clock.clone());
            let ada = test.person("ada", 1000).await;
            Self {
                ledger: Ledger::new(table.clone(), clock.clone(), 10),
                deletion: Deletion::new(table.clone(), clock.clone()),
                sessions: Sessions::new(table, clock),
                username: Username::parse("Ada").unwrap(),
                ada,
                test,
            }
        }

        async fn login(&self) -> Login {
            self.test.logins().find(&self.username).await.unwrap().unwrap()
        }

        async fn begin_session(&self, login: &Login) -> Result<SessionId, IdentityError> {
            let (id, issued_at) = (TokenId::new(&self.test.clock), NOW);
            let refresh = RefreshTerms { id, issued_at, expires_at: NOW.plus(Duration::from_secs(600)) };
            let attempt = self.test.attempt(&self.username);
            let opening = Opening { attempt: &attempt, login, renewed_hash: None, refresh, user_agent: None };
            self.sessions.begin(&opening, soon()).await
        }

        async fn hold(&self, key: Option<&IdempotencyKey>) -> Result<Held, LedgerError> {
            let amount = Credits::new(1).unwrap();
            let remembered = key.map(|key| Remembered::message(key.clone(), &message()));
            let remembered = remembered.as_ref();
            let order = Order { payer: self.ada.payer(), amount, least: amount, remembered, deadline: soon() };
            match self.ledger.hold(&order).await? {
                HoldOutcome::Held(held) => Ok(held),
                HoldOutcome::Replay(_) => panic!("nothing was answered before"),
            }
        }

        async fn capture(&self, held: &Held) -> Result<(), LedgerError> {
            let (message, cost) = (message(), Credits::new(1).unwrap());
            let exchange = Exchange { message: &message, reply: &stored_reply("Hi"), standalone: false };
            self.ledger.capture(held, cost, exchange).await.map(|_| ())
        }

        /// So many messages, each with an idempotency record.
        async fn chat(&self, messages: usize) {
            for number in 0..messages {
                let key = IdempotencyKey::parse(&format!("key-{number}")).unwrap();
                self.capture(&self.hold(Some(&key)).await.unwrap()).await.unwrap();
            }
        }

        async fn make_api_keys(&self, keys: usize) {
            let api_keys = ApiKeys::new(self.test.table.clone(), self.test.clock.clone());
            let name = "my program".to_owned().try_into().unwrap();
            let terms = ApiKeyTerms { name, lifetime: ApiKeyLifetime::default() };
            self.test.end_session_at(&self.ada, soon()).await;
            for _ in 0..keys {
                let room = api_keys.room(&self.ada).await.unwrap();
                let attempt = self.test.attempt(&self.username);
                let new = NewApiKey { person: &self.ada, attempt: &attempt, terms: &terms };
                api_keys.make(&new, room, soon()).await.unwrap();
            }
        }

        async fn begin(&self) -> Result<(), IdentityError> {
            self.begin_as(&self.login().await).await
        }

        /// Begins it as somebody who has just proved to know the password of `login`.
        async fn begin_as(&self, login: &Login) -> Result<(), IdentityError> {
            let attempt = self.test.attempt(&self.username);
            self.deletion.begin(&self.ada, &attempt, login, soon()).await
        }

        async fn finish(&self, deadline: Timestamp) -> Result<DeletionProgress, StoreError> {
            self.deletion.finish(self.ada.user_id(), &self.username, deadline).await
        }

        /// Everything in the table but the attempts at a password, which expire.
        async fn left(&self) -> Vec<String> {
            let items = self.test.isolated.items().await.into_iter();
            let items = items.filter(|item| item["sk"]["S"] != "ATTEMPTS");
            items.map(|item| format!("{} {}", item["pk"]["S"], item["sk"]["S"])).collect()
        }
    }

    fn soon() -> Timestamp {
        NOW.plus(Duration::from_secs(28))
    }

    fn message() -> Message {
        Message::try_from("Hello".to_owned()).unwrap()
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_deleted_account_and_its_name_is_free() {
        let scene = DeletionScene::start().await;
        scene.chat(60).await;
        scene.make_api_keys(3).await;
        let _held = scene.hold(None).await.unwrap();
        scene.begin_session(&scene.login().await).await.unwrap();
        scene.begin().await.unwrap();
        assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
        assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
        assert!(matches!(scene.deletion.read(&scene.ada).await, Err(IdentityError::TokenNotValid(_))));
        assert_ne!(scene.test.register("ADA", 1).await, scene.ada.user_id());
    }

    #[tokio::test]
    async fn the_name_is_taken_until_everything_else_is_gone() {
        let scene = DeletionScene::start().await;
        scene.chat(1).await;
        scene.begin().await.unwrap();
        let hash = scene.login().await.password_hash;
        let accounts = scene.test.accounts();
        let taken = accounts.register(&scene.username, hash, Credits::ZERO, soon()).await;
        assert!(matches!(taken, Err(IdentityError::UsernameTaken)));
    }

    #[tokio::test]
    async fn an_account_that_is_being_deleted_is_closed_to_everything_but_its_deletion() {
        let scene = DeletionScene::start().await;
        let login = scene.login().await;
        scene.begin().await.unwrap();
        assert!(matches!(scene.test.accounts().read(&scene.ada).await, Err(IdentityError::TokenNotValid(_))));
        assert!(matches!(scene.hold(None).await, Err(LedgerError::Closed(Closed::Deleting))));
        assert!(matches!(scene.begin_session(&login).await, Err(IdentityError::InvalidCredentials)));
        assert!(matches!(scene.begin_session(&scene.login().await).await, Err(IdentityError::InvalidCredentials)));
        let accounts = scene.test.accounts();
        for outcome in
            [accounts.activate(&scene.username, soon()).await, accounts.deactivate(&scene.username, soon()).await]
        {
            assert!(matches!(outcome, Err(ActivationError::DeletionInProgress)));
        }
        let grant = Grant {
            amount: GrantAmount::try_from(serde_json::json!(5)).unwrap(),
            reason: "a present".to_owned().try_into().unwrap(),
            id: "present".to_owned().try_into().unwrap(),
        };
        let granted = scene.ledger.grant(scene.ada.user_id(), &grant, soon()).await;
        assert!(matches!(granted, Err(GrantError::DeletionInProgress)));
        assert!(scene.deletion.read(&scene.ada).await.is_ok());
    }

    #[tokio::test]
    async fn a_chat_in_flight_stores_nothing_wherever_the_deletion_meets_it() {
        for finishes_first in [false, true] {
            let scene = DeletionScene::start().await;
            let held = scene.hold(None).await.unwrap();
            scene.begin().await.unwrap();
            if finishes_first {
                scene.finish(soon()).await.unwrap();
            }
            assert!(matches!(scene.capture(&held).await, Err(LedgerError::Unavailable(_))));
            scene.ledger.release(&held).await;
            scene.finish(soon()).await.unwrap();
            assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
        }
    }

    #[tokio::test]
    async fn a_login_in_flight_leaves_no_session_wherever_the_deletion_meets_it() {
        for finishes_first in [false, true] {
            let scene = DeletionScene::start().await;
            let login = scene.login().await;
            scene.begin().await.unwrap();
            if finishes_first {
                scene.finish(soon()).await.unwrap();
            }
            assert!(matches!(scene.begin_session(&login).await, Err(IdentityError::InvalidCredentials)));
            scene.finish(soon()).await.unwrap();
            assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
        }
    }

    #[tokio::test]
    async fn a_deletion_without_time_deletes_a_page_and_goes_on_the_next_time() {
        let scene = DeletionScene::start().await;
        scene.chat(120).await;
        scene.begin().await.unwrap();
        let before = scene.left().await.len();
        assert_eq!(scene.finish(NOW).await.unwrap(), DeletionProgress::OutOfTime);
        assert_eq!(before - scene.left().await.len(), 100);
        assert!(scene.deletion.read(&scene.ada).await.is_ok(), "the same token goes on");
        let mut rounds = 0;
        while scene.finish(NOW).await.unwrap() == DeletionProgress::OutOfTime {
            rounds += 1;
        }
        assert_eq!(rounds, 1);
        assert!(scene.left().await.is_empty());
    }

    #[tokio::test]
    async fn a_deletion_that_fails_half_way_goes_on() {
        let scene = DeletionScene::start().await;
        scene.chat(40).await;
        scene.begin().await.unwrap();
        for operation in ["Query", "BatchWriteItem", "TransactWriteItems"] {
            scene.test.recorder.fail_next(operation, Fault::NotApplied, 100);
            assert!(matches!(scene.finish(soon()).await, Err(StoreError::Unavailable(_))), "{operation}");
            scene.test.recorder.forget_faults();
        }
        scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
        assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
        assert!(scene.left().await.is_empty());
    }

    #[tokio::test]
    async fn a_deletion_that_cannot_delete_the_api_keys_keeps_the_list_that_leads_to_them() {
        let scene = DeletionScene::start().await;
        scene.make_api_keys(2).await;
        let of_keys = async || scene.left().await.into_iter().filter(|key| key.contains("APIKEY")).count();
        scene.begin().await.unwrap();
        scene.test.recorder.fail_next("BatchWriteItem", Fault::NotApplied, 3);
        assert!(matches!(scene.finish(soon()).await, Err(StoreError::Unavailable(_))));
        assert_eq!(of_keys().await, 3);
        assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
        assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
    }

    #[tokio::test]
    async fn two_requests_delete_an_account_together() {
        let scene = DeletionScene::start().await;
        scene.chat(30).await;
        let login = scene.login().await;
        let (one, two) = tokio::join!(scene.begin_as(&login), scene.begin_as(&login));
        assert!(one.is_ok() && two.is_ok());
        let (one, two) = tokio::join!(scene.finish(soon()), scene.finish(soon()));
        assert_eq!((one.unwrap(), two.unwrap()), (DeletionProgress::Finished, DeletionProgress::Finished));
        assert!(scene.left().await.is_empty());
    }

    #[tokio::test]
    async fn a_changed_password_or_a_passed_epoch_deletes_nothing() {
        let scene = DeletionScene::start().await;
        let stale = Login { password_hash: serde_json::from_value("old".into()).unwrap(), ..scene.login().await };
        let outcome = scene.begin_as(&stale).await;
        assert!(matches!(outcome, Err(IdentityError::InvalidCredentials)));
        scene.test.set(Account::key(scene.ada.user_id()), "session_epoch", number(2_u64)).await;
        assert!(matches!(scene.begin().await, Err(IdentityError::TokenNotValid(_))));
        assert!(matches!(scene.deletion.read(&scene.ada).await, Err(IdentityError::TokenNotValid(_))));
    }

    impl DeletionScene {
        /// A run of the audit with time for everything.
        async fn audit(&self) -> Report {
            self.audit_until(self.test.clock.now().plus(Duration::from_secs(900))).await
        }

        async fn audit_until(&self, deadline: Timestamp) -> Report {
            let audit = Audit::new(self.test.table.clone(), self.test.clock.clone());
            audit.run(&self.deletion, deadline).await.unwrap()
        }

        async fn is_there(&self, user_id: UserId) -> bool {
            let items = self.test.isolated.items().await;
            items.iter().any(|item| item["pk"]["S"] == partition_of(user_id))
        }
    }

    fn clean(accounts: u64) -> Report {
        Report { finished: true, accounts, ..Report::default() }
    }

    #[tokio::test]
    async fn a_deletion_that_was_left_unfinished_for_an_hour_is_finished() {
        let scene = DeletionScene::start().await;
        let grace = scene.test.person("grace", 10).await.user_id();
        scene.chat(1).await;
        scene.begin().await.unwrap();
        let ada = scene.ada.user_id();
        scene.test.clock.advance(Duration::from_secs(3599));
        assert_eq!(scene.audit().await, clean(2));
        assert!(scene.is_there(ada).await, "she may be at it herself");
        scene.test.clock.advance(Duration::from_secs(1));
        assert_eq!(scene.audit().await, Report { deletions: 1, ..clean(2) });
        assert!(!scene.is_there(ada).await && scene.is_there(grace).await);
        assert_eq!(scene.audit().await, clean(1));
        scene.test.register("ada", 1).await;
    }

    #[tokio::test]
    async fn a_deletion_that_cannot_be_finished_does_not_stop_the_audit() {
        let scene = DeletionScene::start().await;
        scene.chat(1).await;
        scene.begin().await.unwrap();
        let no_name = AttributeValue::S("no name".to_owned());
        scene.test.set(Account::key(scene.ada.user_id()), "username", no_name).await;
        scene.test.person("grace", 10).await;
        scene.test.clock.advance(Duration::from_secs(3600));
        assert_eq!(scene.audit().await, Report { unsettled: 1, ..clean(2) });
    }

    #[tokio::test]
    async fn a_long_deletion_goes_on_in_the_next_run() {
        let scene = DeletionScene::start().await;
        scene.chat(150).await;
        scene.begin().await.unwrap();
        scene.test.clock.advance(Duration::from_secs(3600));
        let mut runs = 0;
        let last = loop {
            runs += 1;
            assert!(runs < 100, "the audit does not get on");
            // A run without time reads one page, and a deletion without time deletes one.
            let report = scene.audit_until(NOW).await;
            assert_eq!(report.unsettled, 0);
            if report.finished {
                break report;
            }
        };
        assert_eq!(last.deletions, 1);
        assert!(runs > 1 && !scene.is_there(scene.ada.user_id()).await);
    }
}
