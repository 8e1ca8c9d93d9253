//! Refusals of questions, where the account of the caller is remembered.

use ledger::account::Status;

use super::*;

/// Ada, in whose account the till has held.
struct RememberedAda(ReplyScene);

impl RememberedAda {
    async fn start() -> Self {
        let scene = Box::pin(ReplyScene::with(10_000, saying("Hi", Some(counted(2, 3)), false))).await;
        Box::pin(scene.ask(None)).await.unwrap();
        scene.test.recorder.clear();
        Self(scene)
    }

    fn question(&self, limits: CallerLimits) -> Question {
        Question {
            candidates: self.0.candidates(),
            prompt: prompt(),
            message: Message::try_from("Hello".to_owned()).unwrap(),
            limits,
            conversation: None,
            deadline: self.0.test.clock.now().plus(Duration::from_secs(28)),
        }
    }

    /// A question that `made` refuses, or the till.
    async fn refused(&self, made: Result<Question, ApiError>) -> ApiError {
        self.0.till.admit_and_hold(self.0.ada, None, |_| made).await.unwrap_err()
    }

    async fn deactivate(&self) {
        let key = Account::key(self.0.ada.user_id());
        self.0.test.set(key, "status", Status::Inactive.attribute_value()).await;
        self.0.test.recorder.clear();
    }

    fn operations(&self) -> Vec<String> {
        let requests = self.0.test.recorder.requests();
        self.0.test.recorder.clear();
        requests.into_iter().map(|request| request.operation).collect()
    }
}

#[tokio::test]
async fn a_question_in_an_account_that_is_remembered_is_held_without_a_read() {
    let ada = RememberedAda::start().await;
    ada.0.ask(None).await.unwrap();
    assert_eq!(ada.operations(), ["UpdateItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn a_question_that_is_refused_has_the_account_read_and_an_account_that_is_closed_comes_first() {
    let too_low = || CallerLimits { max_output_tokens: None, max_cost: Some(Credits::new(1).unwrap()) };
    for (is_unmade, code) in [(true, "not_found"), (false, "invalid_value")] {
        let ada = RememberedAda::start().await;
        let made = || if is_unmade { Err(ApiError::NotFound) } else { Ok(ada.question(too_low())) };
        assert_eq!(ada.refused(made()).await.code(), code);
        assert_eq!(ada.operations(), ["GetItem"]);
        ada.0.ask(None).await.unwrap();
        ada.deactivate().await;
        assert_eq!(ada.refused(made()).await.code(), "user_inactive");
        assert_eq!(ada.operations(), ["GetItem"]);
    }
}
