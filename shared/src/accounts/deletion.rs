//! Deleting an account with everything that it has.
//!
//! The account is closed first, in one write that also takes its holds away. From then on nothing
//! enters the user's partition, since whatever does so checks the account: what is in flight comes
//! to nothing. What is there is deleted in pages, and the account and its login last, together: only
//! then the name is free. A deletion that stops half way goes on with the same request, or with the
//! audit, where it stopped.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, TransactWriteItem, WriteRequest};
use futures_util::TryStreamExt;
use futures_util::stream::{self, StreamExt};

use crate::accounts::Login;
use crate::api_keys::{KEYS_OF_LIST, take_keys_of_list};
use crate::attempts::Attempt;
use crate::error::ApiError;
use crate::jwt::LoggedIn;
use crate::table::{
    Item, Key, OwnedKeys as _, StoreError, Table, cancellation_reasons, condition_failed, number, partition_of,
    transact_delete, transact_update, unavailable,
};
use domain::cause::Cause;
use domain::ids::{TokenId, UserId};
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use ledger::account::{Account, Epoch, Status};
use ledger::audit::{AbandonedDeletions, DeletionProgress};

/// The most that `BatchWriteItem` takes.
const BATCH_ITEMS: usize = 25;
/// How many batches are under way at once.
const BATCHES_AT_ONCE: usize = 4;
/// How many keys are read at once: enough for all those batches.
const PAGE_ITEMS: i32 = 100;
/// How often a batch is sent again of which DynamoDB did not take all, and how long it waits
/// before.
const MAX_BATCH_ATTEMPTS: u32 = 8;
const BATCH_PAUSE: Duration = Duration::from_millis(50);
/// What is left of a request's time for the page that is under way and for the last transaction.
const MARGIN: Duration = Duration::from_secs(8);

/// Some of what there is to delete.
struct Page {
    /// What the list of API keys leads to, if that is on this page.
    api_keys: Vec<Item>,
    keys: Vec<Item>,
    /// Nothing comes after it, and nothing more comes in.
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

    /// The account of a person who wants it deleted. Once that has begun, the access token with
    /// which it did still opens it for this and nothing else.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if it is gone or the token's epoch has passed,
    /// [`ApiError::UserInactive`] if it is deactivated.
    pub async fn read(&self, person: &LoggedIn) -> Result<Account, ApiError> {
        let account: Option<Account> = self.table.get(Key::account(person.user_id())).await?;
        let account = account.ok_or(ApiError::TokenNotValid("the account is gone"))?;
        if account.status != Status::Deleting {
            account.admit(Epoch::OfSessions(person.session_epoch()))?;
        } else if account.session_epoch != person.session_epoch() + 1 {
            return Err(ApiError::TokenNotValid("the session's epoch has passed"));
        }
        Ok(account)
    }

    /// Closes the account for good, if it is as the access token says and its password still the
    /// one that was checked; the attempt at it is given back. Where that was done already, nothing is
    /// done.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if the account changed meanwhile,
    /// [`ApiError::InvalidCredentials`] if the password did.
    pub async fn begin(
        &self,
        person: &LoggedIn,
        attempt: &Attempt,
        login: &Login,
        deadline: Timestamp,
    ) -> Result<(), ApiError> {
        let items = vec![
            self.close_account(person)?,
            self.close_login(person, attempt.username(), login)?,
            attempt.give_back(&self.table, self.clock.now())?,
        ];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            Some([account, ..]) if condition_failed(account) => {
                // Another request of the same person may have been faster.
                self.read(person).await.map(|_| ())
            }
            Some([_, login, ..]) if condition_failed(login) => Err(ApiError::InvalidCredentials),
            _ => Err(unavailable(error)),
        }
    }

    /// Its holds go at once, and with them every capture: what is in flight stores nothing.
    fn close_account(&self, person: &LoggedIn) -> Result<TransactWriteItem, StoreError> {
        let update = "SET #status = :deleting, session_epoch = :next, holds = :none, deletion_began_at = :now, \
                      version = version + :one";
        transact_update(
            self.table
                .updating(Key::account(person.user_id()))
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
        transact_update(
            self.table
                .updating(Key::login(username))
                .update_expression("SET session_epoch = :next REMOVE sessions")
                .condition_expression("user_id = :user_id AND password_hash = :seen")
                .expression_attribute_values(":next", number(person.session_epoch() + 1))
                .expression_attribute_values(":user_id", AttributeValue::S(person.user_id().to_string()))
                .expression_attribute_values(":seen", AttributeValue::S(login.password_hash.as_str().to_owned())),
        )
    }

    /// Deletes everything of a user whose account is closed for good, until `deadline` is near.
    /// At least one page is deleted, so that it gets on however little time there is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached. The same request goes on.
    pub async fn finish(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<DeletionProgress, StoreError> {
        loop {
            let page = self.page(user_id).await?;
            // Before the list that leads to them, so that none is lost if this stops here.
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

    /// Some keys of what the user has besides the account, with everything that was written before.
    async fn page(&self, user_id: UserId) -> Result<Page, StoreError> {
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            // Everything else sorts after it.
            .key_condition_expression("pk = :user AND sk > :account")
            .expression_attribute_values(":user", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":account", AttributeValue::S(Account::SORT_KEY.to_owned()))
            .projection_expression(format!("pk, sk, {KEYS_OF_LIST}"))
            .limit(PAGE_ITEMS)
            .consistent_read(true)
            .send()
            .await?;
        let mut page = Page { api_keys: Vec::new(), keys: Vec::new(), is_last: answer.last_evaluated_key.is_none() };
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

    /// A batch is no transaction: some of it may be done, and the rest is sent again.
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

    /// The account and the login together: until then nobody else can have the name.
    async fn delete_account(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let account = self
            .table
            .deleting(Key::account(user_id))
            .condition_expression("#status = :deleting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", Status::Deleting.attribute_value());
        let login = self
            .table
            .deleting(Key::login(username))
            .condition_expression("user_id = :user_id")
            .expression_attribute_values(":user_id", AttributeValue::S(user_id.to_string()));
        let items = vec![transact_delete(account)?, transact_delete(login)?];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            // Another request, or an attempt whose answer was lost, was faster.
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
    use crate::api_keys::{ApiKeyLifetime, ApiKeyTerms, ApiKeys};
    use crate::direct::DirectError;
    use crate::jwt::RefreshTerms;
    use crate::sessions::{Opening, Sessions};
    use crate::testing::{NOW, TestTable};
    use domain::credits::Credits;
    use domain::ids::SessionId;
    use domain::message::Message;
    use ledger::entry::Exchange;
    use ledger::grant::{Grant, GrantAmount};
    use ledger::hold::{HoldOutcome, Order};
    use ledger::idempotency::{IdempotencyKey, Remembered};
    use ledger::{Held, Ledger};
    use testkit::recorder::Fault;

    struct Scene {
        test: TestTable,
        ledger: Ledger,
        deletion: Deletion,
        sessions: Sessions,
        username: Username,
        ada: LoggedIn,
    }

    impl Scene {
        async fn start() -> Self {
            let test = TestTable::start().await;
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
            self.test.accounts().find_login(&self.username).await.unwrap().unwrap()
        }

        async fn begin_session(&self, login: &Login) -> Result<SessionId, ApiError> {
            let (id, issued_at) = (TokenId::new(&self.test.clock), NOW);
            let refresh = RefreshTerms { id, issued_at, expires_at: NOW.plus(Duration::from_secs(600)) };
            let attempt = self.test.attempt(&self.username);
            let opening = Opening { attempt: &attempt, login, renewed_hash: None, refresh, user_agent: None };
            self.sessions.begin(&opening, soon()).await
        }

        async fn hold(&self, key: Option<&IdempotencyKey>) -> Result<Held, ApiError> {
            let amount = Credits::new(1).unwrap();
            let remembered = key.map(|key| Remembered::message(key.clone(), &message()));
            let remembered = remembered.as_ref();
            let order = Order { payer: self.ada.payer(), amount, least: amount, remembered, deadline: soon() };
            match self.ledger.hold(&order).await? {
                HoldOutcome::Held(held) => Ok(held),
                HoldOutcome::Replay(_) => panic!("nothing was answered before"),
            }
        }

        async fn capture(&self, held: &Held) -> Result<(), ApiError> {
            let (message, cost) = (message(), Credits::new(1).unwrap());
            let exchange =
                Exchange { message: &message, reply: &crate::testing::stored_reply("Hi"), standalone: false };
            Ok(self.ledger.capture(held, cost, exchange).await.map(|_| ())?)
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
                api_keys.make(&self.ada, &terms, soon()).await.unwrap();
            }
        }

        async fn begin(&self) -> Result<(), ApiError> {
            self.begin_as(&self.login().await).await
        }

        /// Begins it as somebody who has just proved to know the password of `login`.
        async fn begin_as(&self, login: &Login) -> Result<(), ApiError> {
            let attempt = self.test.attempt(&self.username);
            self.deletion.begin(&self.ada, &attempt, login, soon()).await
        }

        async fn finish(&self, deadline: Timestamp) -> Result<DeletionProgress, ApiError> {
            Ok(self.deletion.finish(self.ada.user_id(), &self.username, deadline).await?)
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
        let scene = Scene::start().await;
        scene.chat(60).await;
        scene.make_api_keys(3).await;
        let _held = scene.hold(None).await.unwrap();
        scene.begin_session(&scene.login().await).await.unwrap();
        scene.begin().await.unwrap();
        assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
        assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
        assert!(matches!(scene.deletion.read(&scene.ada).await, Err(ApiError::TokenNotValid(_))));
        assert_ne!(scene.test.register("ADA", 1).await, scene.ada.user_id());
    }

    #[tokio::test]
    async fn the_name_is_taken_until_everything_else_is_gone() {
        let scene = Scene::start().await;
        scene.chat(1).await;
        scene.begin().await.unwrap();
        let hash = scene.login().await.password_hash;
        let accounts = scene.test.accounts();
        let taken = accounts.register(&scene.username, hash, Credits::ZERO, soon()).await;
        assert!(matches!(taken, Err(ApiError::UsernameTaken)));
    }

    #[tokio::test]
    async fn an_account_that_is_being_deleted_is_closed_to_everything_but_its_deletion() {
        let scene = Scene::start().await;
        let login = scene.login().await;
        scene.begin().await.unwrap();
        assert!(matches!(scene.test.accounts().read(&scene.ada).await, Err(ApiError::TokenNotValid(_))));
        assert!(matches!(scene.hold(None).await, Err(ApiError::TokenNotValid(_))));
        assert!(matches!(scene.begin_session(&login).await, Err(ApiError::InvalidCredentials)));
        assert!(matches!(scene.begin_session(&scene.login().await).await, Err(ApiError::InvalidCredentials)));
        let accounts = scene.test.accounts();
        for outcome in
            [accounts.activate(&scene.username, soon()).await, accounts.deactivate(&scene.username, soon()).await]
        {
            assert!(matches!(outcome, Err(DirectError::DeletionInProgress)));
        }
        let grant = Grant {
            amount: GrantAmount::try_from(serde_json::json!(5)).unwrap(),
            reason: "a present".to_owned().try_into().unwrap(),
            id: "present".to_owned().try_into().unwrap(),
        };
        let granted = scene.ledger.grant(scene.ada.user_id(), &grant, soon()).await;
        assert!(matches!(granted, Err(ledger::GrantError::DeletionInProgress)));
        assert!(scene.deletion.read(&scene.ada).await.is_ok());
    }

    #[tokio::test]
    async fn a_chat_in_flight_stores_nothing_wherever_the_deletion_meets_it() {
        for finishes_first in [false, true] {
            let scene = Scene::start().await;
            let held = scene.hold(None).await.unwrap();
            scene.begin().await.unwrap();
            if finishes_first {
                scene.finish(soon()).await.unwrap();
            }
            assert!(matches!(scene.capture(&held).await, Err(ApiError::Unavailable(_))));
            scene.ledger.release(&held).await;
            scene.finish(soon()).await.unwrap();
            assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
        }
    }

    #[tokio::test]
    async fn a_login_in_flight_leaves_no_session_wherever_the_deletion_meets_it() {
        for finishes_first in [false, true] {
            let scene = Scene::start().await;
            let login = scene.login().await;
            scene.begin().await.unwrap();
            if finishes_first {
                scene.finish(soon()).await.unwrap();
            }
            assert!(matches!(scene.begin_session(&login).await, Err(ApiError::InvalidCredentials)));
            scene.finish(soon()).await.unwrap();
            assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
        }
    }

    #[tokio::test]
    async fn a_deletion_without_time_deletes_a_page_and_goes_on_the_next_time() {
        let scene = Scene::start().await;
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
        let scene = Scene::start().await;
        scene.chat(40).await;
        scene.begin().await.unwrap();
        for operation in ["Query", "BatchWriteItem", "TransactWriteItems"] {
            scene.test.recorder.fail_next(operation, Fault::NotApplied, 100);
            assert!(matches!(scene.finish(soon()).await, Err(ApiError::Unavailable(_))), "{operation}");
            scene.test.recorder.forget_faults();
        }
        scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
        assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
        assert!(scene.left().await.is_empty());
    }

    #[tokio::test]
    async fn a_deletion_that_cannot_delete_the_api_keys_keeps_the_list_that_leads_to_them() {
        let scene = Scene::start().await;
        scene.make_api_keys(2).await;
        let of_keys = async || scene.left().await.into_iter().filter(|key| key.contains("APIKEY")).count();
        scene.begin().await.unwrap();
        scene.test.recorder.fail_next("BatchWriteItem", Fault::NotApplied, 3);
        assert!(matches!(scene.finish(soon()).await, Err(ApiError::Unavailable(_))));
        assert_eq!(of_keys().await, 3);
        assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
        assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
    }

    #[tokio::test]
    async fn two_requests_delete_an_account_together() {
        let scene = Scene::start().await;
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
        let scene = Scene::start().await;
        let stale = Login { password_hash: serde_json::from_value("old".into()).unwrap(), ..scene.login().await };
        let outcome = scene.begin_as(&stale).await;
        assert!(matches!(outcome, Err(ApiError::InvalidCredentials)));
        scene.test.set(Key::account(scene.ada.user_id()), "session_epoch", number(2_u64)).await;
        assert!(matches!(scene.begin().await, Err(ApiError::TokenNotValid(_))));
        assert!(matches!(scene.deletion.read(&scene.ada).await, Err(ApiError::TokenNotValid(_))));
    }
}
