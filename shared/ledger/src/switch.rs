//! The switch by which operators and superusers stop and resume messages and registrations. Each command is an act of the history.

use acts::{Act, ActSubject, Deed};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::TokenId;
use domain::reason::Reason;
use domain::time::{Clock, Timestamp};
use serde_json::json;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, Table};

use crate::acceptance::Acceptance;
use crate::authority::{Authority, AuthorityLost};

/// The most rounds of a command that collides with other commands.
const MAX_ROUNDS: usize = 5;

/// The reason why the switch was not turned.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The actor has lost the authority. Nothing was written.
    #[error("{0}")]
    AuthorityLost(#[from] AuthorityLost),
    /// The table could not be read, or it is not known whether it was written.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// The switch by which a command stops and resumes messages and registrations.
#[derive(Clone, Debug)]
pub struct Switch {
    table: Table,
    clock: Clock,
}

impl Switch {
    /// The switch in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// The last command.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn read(&self) -> Result<Acceptance, StoreError> {
        Ok(self.table.get(Acceptance::key()).await?.unwrap_or_default())
    }

    /// Writes a command, and records it. Functions that run hear it within
    /// [`LONGEST_UNHEARD`](crate::gate::LONGEST_UNHEARD). A repetition of the last command writes nothing, and is no act.
    ///
    /// # Errors
    /// [`SwitchError::AuthorityLost`] if the actor is no longer staff; [`SwitchError::Store`] if it is not known whether it was
    /// written.
    pub async fn turn(
        &self,
        accepting: bool,
        reason: &Reason,
        authority: &Authority,
        deadline: Timestamp,
    ) -> Result<Acceptance, SwitchError> {
        for _ in 0..MAX_ROUNDS {
            let seen = match self.read().await {
                Ok(seen) => Some(seen),
                // An item that cannot be read stops everything, and this command mends it.
                Err(StoreError::Internal(_)) => None,
                Err(error) => return Err(error.into()),
            };
            let is_said =
                |seen: &Acceptance| seen.accepting == accepting && seen.reason.as_deref() == Some(reason.as_str());
            if let Some(said) = seen.clone().filter(is_said) {
                return Ok(said);
            }
            let next = Acceptance {
                accepting,
                reason: Some(reason.as_str().to_owned()),
                changed_at: Some(self.clock.now().to_string()),
            };
            let act = Act {
                deed: if accepting { Deed::Resume } else { Deed::Stop },
                subject: ActSubject::Deployment,
                before: json!({"accepting": seen.as_ref().map(|seen| seen.accepting)}),
                after: json!({"accepting": accepting}),
                reason: Some(reason),
            };
            let mut items = vec![self.replace(seen.as_ref(), &next)?];
            items.extend(authority.parts(&act, &self.table, &self.clock)?);
            let token = format!("stop-{}", TokenId::new(&self.clock));
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
                tracing::warn!(accepting, "a command has said whether messages and registrations are accepted");
                return Ok(next);
            };
            let reasons = cancellation_reasons(&error).unwrap_or_default();
            if authority.is_lost(act.subject, reasons) {
                return Err(AuthorityLost.into());
            }
            if !reasons.first().is_some_and(condition_failed) {
                return Err(StoreError::from(error).into());
            }
        }
        Err(StoreError::Unavailable(Cause::because("too many commands are given at once")).into())
    }

    /// The part of a transaction that puts `next` in the place of the command that was `seen`, or of an item that cannot be read.
    fn replace(&self, seen: Option<&Acceptance>, next: &Acceptance) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(self.table.name()).set_item(Some(Acceptance::key().with(next)?));
        transaction::put(match seen {
            None => put,
            Some(Acceptance { changed_at: None, .. }) => put.condition_expression("attribute_not_exists(changed_at)"),
            Some(Acceptance { changed_at: Some(changed_at), accepting, .. }) => put
                .condition_expression("changed_at = :seen AND accepting = :seen_accepting")
                .expression_attribute_values(":seen", AttributeValue::S(changed_at.clone()))
                .expression_attribute_values(":seen_accepting", AttributeValue::Bool(*accepting)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use acts::{ActFilter, ActReader};
    use testkit::recorder::Fault;
    use testkit::test_table::TestTable;

    use crate::testing::an_operator;

    struct SwitchScene {
        test: TestTable,
        switch: Switch,
    }

    impl SwitchScene {
        async fn start() -> Self {
            let test = TestTable::start().await;
            Self { switch: Switch::new(test.table.clone(), test.clock.clone()), test }
        }

        async fn turn(&self, accepting: bool, reason: &str) -> Acceptance {
            self.test.clock.advance(Duration::from_secs(1));
            let reason = Reason::try_from(reason.to_owned()).unwrap();
            let deadline = self.test.clock.now().plus(Duration::from_secs(28));
            self.switch.turn(accepting, &reason, an_operator().authority(), deadline).await.unwrap()
        }

        /// Deeds and reasons, the newest first.
        async fn acts(&self) -> Vec<(String, Option<String>)> {
            let filter = ActFilter { subject: Some(ActSubject::Deployment), ..ActFilter::default() };
            let acts = ActReader::new(self.test.table.clone()).page(filter, None, 100).await.unwrap().acts;
            acts.into_iter().map(|act| (act.act, act.reason)).collect()
        }
    }

    #[tokio::test]
    async fn each_command_is_an_act_and_a_repetition_is_none() {
        let scene = SwitchScene::start().await;
        let stopped = scene.turn(false, "A restore").await;
        assert_eq!(scene.turn(false, "A restore").await, stopped, "with the time of the first");
        scene.turn(false, "A long restore").await;
        scene.turn(true, "It is done").await;
        let act = |deed: &str, reason: &str| (deed.to_owned(), Some(reason.to_owned()));
        let expected = [act("resume", "It is done"), act("stop", "A long restore"), act("stop", "A restore")];
        assert_eq!(scene.acts().await, expected);
        assert!(scene.switch.read().await.unwrap().accepting);
    }

    #[tokio::test]
    async fn a_command_whose_answer_was_lost_is_one_act() {
        let scene = SwitchScene::start().await;
        scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
        assert!(!scene.turn(false, "A restore").await.accepting);
        assert_eq!(scene.acts().await.len(), 1);
    }

    #[tokio::test]
    async fn of_two_commands_at_once_each_is_recorded_and_one_counts() {
        let scene = SwitchScene::start().await;
        tokio::join!(scene.turn(false, "A restore"), scene.turn(true, "No restore"));
        assert_eq!(scene.acts().await.len(), 2);
        let reason = scene.switch.read().await.unwrap().reason.unwrap();
        assert!(["A restore", "No restore"].contains(&reason.as_str()), "{reason}");
    }

    #[tokio::test]
    async fn an_item_that_cannot_be_read_is_replaced_all_the_same() {
        let scene = SwitchScene::start().await;
        scene.turn(true, "Nothing was stopped").await;
        let nonsense = AttributeValue::S("perhaps".to_owned());
        scene.test.set(Acceptance::key(), "accepting", nonsense).await;
        scene.turn(false, "A restore").await;
        assert!(!scene.switch.read().await.unwrap().accepting);
    }
}
