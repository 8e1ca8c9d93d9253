//! Reset codes: who makes them, and when they set a password.

use super::*;

use std::time::Duration;

use acts::ActOrigin;
use domain::code::ResetCode;
use domain::time::Timestamp;
use domain::username::Username;
use ledger::authority::{Authority, RecentAuthority};
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::accounts::UserRef;
use crate::error::ChangeError;
use crate::password_hash::PasswordHash;
use crate::testing::{TestPeople, an_operator};

struct ResetScene {
    test: TestPeople,
    codes: ResetCodes,
}

impl ResetScene {
    async fn start() -> Self {
        let test = TestPeople::start().await;
        test.register("ada", 0).await;
        Self { codes: ResetCodes::new(test.table.clone(), test.clock.clone()), test }
    }

    async fn make(&self) -> ResetCode {
        self.codes.make(&ada(), &an_operator(), soon()).await.unwrap().code
    }

    async fn reset(&self, code: &ResetCode) -> Result<(), ResetCodeError> {
        let found = self.codes.find(code).await?;
        self.codes.reset(&found, &hash("new"), soon()).await
    }
}

fn ada() -> UserRef {
    Username::parse("ada").unwrap().into()
}

fn hash(text: &str) -> PasswordHash {
    serde_json::from_value(text.into()).unwrap()
}

fn soon() -> Timestamp {
    NOW.plus(Duration::from_secs(3 * 24 * 3600))
}

#[tokio::test]
async fn a_code_is_good_for_a_day() {
    let scene = ResetScene::start().await;
    let (first, second) = (scene.make().await, ResetCode::new().unwrap());
    assert!(matches!(scene.codes.find(&second).await, Err(ResetCodeError::Worthless)), "nobody made it");
    scene.test.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    assert!(scene.codes.find(&first).await.is_ok());
    scene.test.clock.advance(Duration::from_secs(1));
    assert!(matches!(scene.codes.find(&first).await, Err(ResetCodeError::Worthless)));
}

#[tokio::test]
async fn a_code_that_was_found_and_then_used_or_overtaken_or_whose_account_has_changed_sets_nothing() {
    let scene = ResetScene::start().await;
    for meanwhile in ["used", "overtaken", "deactivated"] {
        let code = scene.make().await;
        let found = scene.codes.find(&code).await.unwrap();
        match meanwhile {
            "used" => scene.reset(&code).await.unwrap(),
            "overtaken" => {
                scene.make().await;
            }
            _ => {
                scene.test.accounts().deactivate(&Username::parse("ada").unwrap(), soon()).await.unwrap();
            }
        }
        let outcome = scene.codes.reset(&found, &hash("another"), soon()).await;
        assert!(matches!(outcome, Err(ResetCodeError::Worthless)), "{meanwhile}");
        let login = scene.test.logins().find(&Username::parse("ada").unwrap()).await.unwrap().unwrap();
        assert_eq!(login.password_hash, hash("new"), "{meanwhile}");
    }
}

#[tokio::test]
async fn a_code_is_made_by_staff_of_now_for_an_active_user() {
    let scene = ResetScene::start().await;
    let grace = scene.test.register("grace", 0).await;
    let no_staff = RecentAuthority::of_recent_login(Authority::of_staff(grace, 1, ActOrigin::new(None, "a-request")));
    let outcome = scene.codes.make(&ada(), &no_staff, soon()).await;
    assert!(matches!(outcome, Err(MakeResetCodeError::Change(ChangeError::AuthorityLost(_)))), "{outcome:?}");
    let nobody = Username::parse("nobody").unwrap().into();
    let outcome = scene.codes.make(&nobody, &an_operator(), soon()).await;
    assert!(matches!(outcome, Err(MakeResetCodeError::Change(ChangeError::UserNotFound))), "{outcome:?}");
    scene.test.accounts().deactivate(&Username::parse("ada").unwrap(), soon()).await.unwrap();
    let outcome = scene.codes.make(&ada(), &an_operator(), soon()).await;
    assert!(matches!(outcome, Err(MakeResetCodeError::Inactive)), "{outcome:?}");
}

#[tokio::test]
async fn a_code_that_could_not_be_stored_is_none() {
    let scene = ResetScene::start().await;
    scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 100);
    let outcome = scene.codes.make(&ada(), &an_operator(), NOW).await;
    assert!(matches!(outcome, Err(MakeResetCodeError::Change(ChangeError::Unavailable(_)))), "{outcome:?}");
}
