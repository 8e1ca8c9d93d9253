//! Grants: credits that staff or an operator gives or takes back.

use acts::{Act, ActSubject, Actor, Deed};
use aws_sdk_dynamodb::types::CancellationReason;
use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::{EntryId, JobId, UserId};
use domain::invalid_field::InvalidField;
use domain::reason::Reason;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Key, StoreError, from_item};
use telemetry::metrics::{self, Metric};

use crate::account::{Account, Status};
use crate::authority::{Authority, AuthorityLost, RecentAuthority};
use crate::crediting::Crediting;
use crate::due_allowance::give_due;
use crate::holds::expired;
use crate::idempotency::{Fingerprint, sha256, unquoted};
use crate::ledger::Ledger;

pub use crate::error::GrantError;

/// Attempts at a grant. An attempt is repeated if it released expired holds first, or if another request changed the
/// account between its read and its write.
const MAX_ROUNDS: usize = 10;

/// An amount of credits: above zero to give, below zero to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantAmount(i64);

impl GrantAmount {
    /// The amount of a grant that has at most `most` credits, in either direction.
    ///
    /// # Errors
    /// [`InvalidField`] with the rule, also where there is no whole number.
    pub fn at_most(amount: Option<i64>, most: Credits) -> Result<Self, InvalidField> {
        let most = most.gained();
        match amount {
            Some(amount) if amount != 0 && (-most..=most).contains(&amount) => Ok(Self(amount)),
            _ => Err(InvalidField::new(format!("Give a whole number from -{most} to {most}, and not 0."))),
        }
    }

    /// The signed number.
    #[must_use]
    pub fn signed(self) -> i64 {
        self.0
    }
}

impl TryFrom<Value> for GrantAmount {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        Self::at_most(value.as_i64(), Credits::MAX)
    }
}

/// The actor's own name for one grant, which is made once: 1 to 255 visible ASCII characters, of which only the
/// SHA-256 is kept. An id is unique among all users, so that a repetition with the wrong username is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantId {
    digest: String,
}

impl GrantId {
    /// Longest id in characters.
    pub const MAX_CHARACTERS: usize = 255;

    /// The id of a text that is known to follow the rule.
    pub(crate) fn of_visible(text: &str) -> Self {
        Self { digest: sha256(&[b"grant\0", text.as_bytes()]) }
    }

    pub(crate) fn record_key(&self) -> Key {
        Key::new(format!("GRANT#{}", self.digest), "GRANT")
    }
}

impl GrantId {
    /// Parses the value of the header `Idempotency-Key`, in quotes or without, as
    /// [`IdempotencyKey::parse`](crate::idempotency::IdempotencyKey::parse) does.
    ///
    /// # Errors
    /// [`InvalidField`] with the rule.
    pub fn parse_header(header: &str) -> Result<Self, InvalidField> {
        Self::try_from(unquoted(header).to_owned())
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
        Ok(Self::of_visible(&text))
    }
}

/// A grant, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The amount.
    pub amount: GrantAmount,
    /// The reason.
    pub reason: Reason,
    /// The id. A grant with the same id is a repetition.
    pub id: GrantId,
}

/// A grant that was made.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// The ledger entry.
    pub entry_id: EntryId,
    /// The signed amount.
    pub amount: i64,
    /// The balance right after the grant.
    pub balance: Credits,
    /// Whether an earlier request made the grant.
    pub repeated: bool,
}

/// The grant record: the grant that an id was used for. It is kept for ever.
#[derive(Debug, Serialize, Deserialize)]
struct GrantRecord {
    entry_id: EntryId,
    fingerprint: Fingerprint,
    balance: Credits,
    /// The user who got the credits, or lost them.
    user_id: UserId,
    /// The signed amount.
    amount: i64,
    /// The actor's reason. An entry has no text.
    reason: String,
    /// The actor. Records of earlier releases are of operators, and do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Actor>,
    /// The bulk job that the grant was a row of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<JobId>,
    /// The time of the grant, in RFC 3339.
    created_at: String,
}

/// The outcome of one write of a grant.
enum GrantOutcome {
    Granted,
    /// The grant's id was used before, for this grant or another.
    Used(GrantRecord),
    /// The account changed after it was read.
    Overtaken,
}

impl Ledger {
    /// Makes `grant` for a user, once for its id. Account, entry, record and the act of `authority` are written in one
    /// transaction, on the condition that the account is as it was read. Inactive accounts can get grants too. A repetition
    /// writes nothing, and so is no act.
    ///
    /// # Errors
    /// [`GrantError::Mismatch`] if the id was used for another grant; [`GrantError::AccountNotFound`] without the
    /// account; [`GrantError::DeletionInProgress`] if the account is being deleted; [`GrantError::InsufficientCredits`]
    /// or [`GrantError::TooManyCredits`] if the balance would leave its bounds; [`GrantError::AuthorityLost`] if the actor is
    /// no longer staff; [`GrantError::Unavailable`] if the outcome is not known.
    pub async fn grant(
        &self,
        user_id: UserId,
        grant: &Grant,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<Granted, GrantError> {
        let authority = authority.authority();
        let fingerprint = Fingerprint::of_grant(user_id, grant.amount.0, grant.reason.as_str());
        for _ in 0..MAX_ROUNDS {
            let [account, record] = self.table.get_each([Account::key(user_id), grant.id.record_key()]).await?;
            if let Some(record) = record {
                return repeated(grant, &fingerprint, &from_item(record)?, authority);
            }
            let account: Account = from_item(account.ok_or(GrantError::AccountNotFound)?)?;
            if account.status == Status::Deleting {
                return Err(GrantError::DeletionInProgress);
            }
            authority.confirm(user_id, &account)?;
            // The credits of expired holds can be spent, so they can be taken back too.
            let expired = expired(account.holds.clone(), self.clock.now());
            if !expired.is_empty() {
                self.release_expired(user_id, &account, &expired, deadline).await?;
                continue;
            }
            if give_due(&self.table, &self.clock, user_id, &account, deadline).await? {
                continue;
            }
            let crediting = Crediting::of(user_id, &account, grant.amount.0, &self.clock)?;
            let record = GrantRecord {
                entry_id: crediting.entry_id,
                fingerprint: fingerprint.clone(),
                balance: crediting.balance,
                user_id,
                amount: grant.amount.0,
                reason: grant.reason.as_str().to_owned(),
                by: Some(authority.actor()),
                job: authority.job(),
                created_at: self.clock.now().to_string(),
            };
            match self.write_grant(grant, crediting, &record, authority, deadline).await? {
                GrantOutcome::Granted => {
                    count(grant.amount);
                    return Ok(granted(grant, &record, false));
                }
                // An earlier attempt, whose answer was lost, made the grant.
                GrantOutcome::Used(found) if found.entry_id == record.entry_id => {
                    count(grant.amount);
                    return Ok(granted(grant, &found, false));
                }
                GrantOutcome::Used(found) => return repeated(grant, &fingerprint, &found, authority),
                GrantOutcome::Overtaken => {}
            }
        }
        Err(GrantError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    /// The entry of the grant of this id, if `job` made it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn granted_by_job(&self, id: &GrantId, job: JobId) -> Result<Option<EntryId>, StoreError> {
        let found = self.table.get_all([id.record_key()]).await?.pop();
        let record: Option<GrantRecord> = found.map(from_item).transpose()?;
        Ok(record.filter(|record| record.job == Some(job)).map(|record| record.entry_id))
    }

    async fn write_grant(
        &self,
        grant: &Grant,
        crediting: Crediting<'_>,
        record: &GrantRecord,
        authority: &Authority,
        deadline: Timestamp,
    ) -> Result<GrantOutcome, GrantError> {
        let own = authority.own_condition(crediting.user_id);
        let act = Act {
            deed: Deed::Grant,
            subject: ActSubject::User(crediting.user_id),
            before: json!({}),
            after: json!({"amount": crediting.amount, "entry": crediting.entry_id}),
            reason: Some(&grant.reason),
        };
        let mut items = vec![
            transaction::update(own.bind(crediting.update(&self.table, own.expression())))?,
            crediting.entry(&self.table, authority.source(), &self.clock)?,
            self.table.put_new(grant.id.record_key().with(record)?)?,
        ];
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        let token = format!("grant-{}", record.entry_id);
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(GrantOutcome::Granted);
        };
        match cancellation_reasons(&error) {
            Some([_, _, used, ..]) if condition_failed(used) => Ok(GrantOutcome::Used(record_of(used)?)),
            Some(reasons) if authority.is_lost(act.subject, reasons) => Err(AuthorityLost.into()),
            Some(reasons) if authority.is_claim_lost(act.subject, reasons) => Err(GrantError::ClaimLost),
            Some([account, ..]) if condition_failed(account) => Ok(GrantOutcome::Overtaken),
            _ => Err(StoreError::from(error).into()),
        }
    }
}

/// A grant whose id was used before. A row that an earlier driver of the same job granted is no repetition: its report was lost. It
/// is no mismatch either, if another user has the name meanwhile.
fn repeated(
    grant: &Grant,
    fingerprint: &Fingerprint,
    record: &GrantRecord,
    authority: &Authority,
) -> Result<Granted, GrantError> {
    if authority.job().is_some() && record.job == authority.job() {
        return Ok(granted(grant, record, false));
    }
    if record.fingerprint != *fingerprint {
        return Err(GrantError::Mismatch);
    }
    Ok(granted(grant, record, true))
}

/// Counts credits that were given. Nobody pays for them, and a stolen session could give many.
fn count(GrantAmount(amount): GrantAmount) {
    let credits = u64::try_from(amount).ok().and_then(|amount| Credits::new(amount).ok());
    if let Some(credits) = credits {
        metrics::emit(&[Metric::CreditsGranted(credits)]);
    }
}

fn granted(grant: &Grant, record: &GrantRecord, repeated: bool) -> Granted {
    Granted { entry_id: record.entry_id, amount: grant.amount.0, balance: record.balance, repeated }
}

fn record_of(reason: &CancellationReason) -> Result<GrantRecord, StoreError> {
    let item = reason.item().cloned();
    from_item(item.ok_or_else(|| {
        StoreError::Internal(Cause::because("a refused transaction did not return the item that was there"))
    })?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use acts::{ActFilter, ActOrigin, ActReader, RecordedAct};
    use aws_sdk_dynamodb::types::AttributeValue;

    use crate::account::Payer;
    use crate::entry::{self, Entry, EntryKind, EntrySource};
    use crate::hold::Order;
    use crate::testing::{TestTable, an_operator, open_account};
    use testkit::recorder::Fault;
    use testkit::test_table::NOW;

    struct Scene {
        test: TestTable,
        ledger: Ledger,
        ada: Payer,
    }

    impl Scene {
        async fn with_balance(balance: u64) -> Self {
            let test = TestTable::start().await;
            let ledger = Ledger::new(test.table.clone(), test.clock.clone(), 10);
            let ada = open_account(&test, "ada", balance).await;
            Self { test, ledger, ada }
        }

        async fn grant(&self, amount: i64, id: &str) -> Result<Granted, GrantError> {
            self.grant_by(&an_operator(), amount, id).await
        }

        async fn grant_by(&self, authority: &RecentAuthority, amount: i64, id: &str) -> Result<Granted, GrantError> {
            self.ledger.grant(self.ada.user_id(), &grant(amount, "a present", id), authority, soon()).await
        }

        /// Opens an account, makes it staff, and returns its authority in its first epoch.
        async fn staff(&self, username: &str) -> (UserId, RecentAuthority) {
            let user_id = open_account(&self.test, username, 0).await.user_id();
            self.set(user_id, "staff", AttributeValue::Bool(true)).await;
            (user_id, recent(user_id))
        }

        async fn set(&self, user_id: UserId, attribute: &str, value: AttributeValue) {
            self.test.set(Account::key(user_id), attribute, value).await;
        }

        /// All acts, the newest first.
        async fn acts(&self) -> Vec<RecordedAct> {
            ActReader::new(self.test.table.clone()).page(ActFilter::default(), None, 100).await.unwrap().acts
        }

        async fn hold(&self, amount: u64) {
            let amount = Credits::new(amount).unwrap();
            let open = crate::testing::admitted(&self.ledger, self.ada).await;
            let order = Order { amount, least: amount, deadline: soon() };
            let _held = self.ledger.hold(open, &order).await.unwrap();
        }

        async fn account(&self) -> Account {
            self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap()
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

    /// The authority of a user in the first epoch of sessions.
    fn recent(user_id: UserId) -> RecentAuthority {
        let origin = ActOrigin::new(None, "a-request");
        RecentAuthority::of_recent_login(Authority::of_staff(user_id, 1, origin))
    }

    fn soon() -> Timestamp {
        NOW.plus(Duration::from_secs(28))
    }

    #[tokio::test]
    async fn a_grant_raises_the_balance_by_an_entry_and_its_record_says_why() {
        let scene = Scene::with_balance(10).await;
        let granted = scene.grant(50, "one").await.unwrap();
        assert_eq!((granted.amount, u64::from(granted.balance), granted.repeated), (50, 60, false));
        assert_eq!(scene.balance().await, 60);
        assert_eq!(scene.account().await.version, 1);
        let entry: Entry =
            scene.test.table.get(entry::key(scene.ada.user_id(), granted.entry_id)).await.unwrap().unwrap();
        assert_eq!((entry.kind, entry.amount, entry.source), (EntryKind::Grant, 50, Some(EntrySource::Operator)));
        let record: GrantRecord =
            scene.test.table.get(grant(50, "a present", "one").id.record_key()).await.unwrap().unwrap();
        let expected = (scene.ada.user_id(), granted.entry_id, 50, "a present");
        assert_eq!((record.user_id, record.entry_id, record.amount, record.reason.as_str()), expected);
        assert_eq!(record.by, Some(Actor::Operator));
    }

    #[tokio::test]
    async fn a_grant_is_one_act_and_its_repetition_and_what_is_refused_are_none() {
        let scene = Scene::with_balance(10).await;
        let (grace, authority) = scene.staff("grace").await;
        let granted = scene.grant_by(&authority, 50, "one").await.unwrap();
        assert!(scene.grant_by(&authority, 50, "one").await.unwrap().repeated);
        assert!(scene.grant_by(&authority, -61, "two").await.is_err());
        let acts = scene.acts().await;
        let [act] = &acts[..] else { panic!("{acts:?}") };
        let told = (act.actor.clone(), act.act.as_str(), act.subject.clone(), act.reason.as_deref());
        assert_eq!(told, (grace.to_string(), "grant", scene.ada.user_id().to_string(), Some("a present")));
        assert_eq!(act.after, json!({"amount": 50, "entry": granted.entry_id}));
        let entry: Entry =
            scene.test.table.get(entry::key(scene.ada.user_id(), granted.entry_id)).await.unwrap().unwrap();
        assert_eq!((entry.kind, entry.source), (EntryKind::Grant, Some(EntrySource::Staff)));
    }

    #[tokio::test]
    async fn whoever_has_lost_the_authority_grants_nothing_to_others_or_to_themselves() {
        for (attribute, value) in [
            ("staff", AttributeValue::Bool(false)),
            ("status", AttributeValue::S("inactive".to_owned())),
            ("session_epoch", AttributeValue::N("2".to_owned())),
        ] {
            let scene = Scene::with_balance(10).await;
            let (grace, authority) = scene.staff("grace").await;
            scene.set(grace, attribute, value).await;
            for user_id in [scene.ada.user_id(), grace] {
                let refused = scene.ledger.grant(user_id, &grant(5, "a present", "one"), &authority, soon()).await;
                assert!(matches!(refused, Err(GrantError::AuthorityLost(_))), "{attribute}: {refused:?}");
            }
            assert_eq!((scene.balance().await, scene.acts().await), (10, Vec::new()));
        }
    }

    #[tokio::test]
    async fn staff_grant_themselves_on_the_condition_that_they_still_are() {
        let scene = Scene::with_balance(10).await;
        let (grace, authority) = scene.staff("grace").await;
        let granted = scene.ledger.grant(grace, &grant(5, "a present", "one"), &authority, soon()).await.unwrap();
        assert_eq!(u64::from(granted.balance), 5);
        let requests = scene.test.recorder.requests();
        let written = requests.iter().rfind(|request| request.operation == "TransactWriteItems").unwrap();
        let condition = written.body["TransactItems"][0]["Update"]["ConditionExpression"].as_str().unwrap();
        assert!(condition.ends_with(authority.authority().own_condition(grace).expression()), "{condition}");
        assert_eq!(written.body["TransactItems"].as_array().unwrap().len(), 6, "no item twice");
    }

    #[tokio::test]
    async fn taking_credits_back_is_an_adjustment_and_stops_at_zero() {
        let scene = Scene::with_balance(10).await;
        let granted = scene.grant(-10, "one").await.unwrap();
        let entry: Entry =
            scene.test.table.get(entry::key(scene.ada.user_id(), granted.entry_id)).await.unwrap().unwrap();
        assert_eq!((entry.kind, entry.amount), (EntryKind::Adjustment, -10));
        let refused = scene.grant(-1, "two").await.unwrap_err();
        assert!(matches!(refused, GrantError::InsufficientCredits { balance: Credits::ZERO }), "{refused:?}");
        assert_eq!(scene.balance().await, 0);
        assert_eq!(scene.grant(1, "two").await.unwrap().amount, 1, "what was refused did not use the id");
    }

    #[tokio::test]
    async fn held_credits_cannot_be_taken_back_until_their_hold_expires() {
        let scene = Scene::with_balance(10).await;
        scene.hold(4).await;
        assert!(matches!(scene.grant(-7, "one").await, Err(GrantError::InsufficientCredits { .. })));
        scene.test.clock.advance(Duration::from_secs(60));
        assert_eq!(u64::from(scene.grant(-7, "one").await.unwrap().balance), 3);
        assert!(scene.account().await.holds.is_empty());
    }

    #[tokio::test]
    async fn no_user_has_more_than_the_largest_amount_including_held_credits() {
        let scene = Scene::with_balance(10).await;
        scene.hold(4).await;
        let most = Credits::MAX.gained();
        let refused = scene.grant(most - 9, "one").await.unwrap_err();
        let GrantError::TooManyCredits { owned } = refused else { panic!("{refused:?}") };
        assert_eq!(u64::from(owned), 10);
        assert_eq!(scene.grant(most - 10, "one").await.unwrap().balance.gained(), most - 4);
        scene.test.clock.advance(Duration::from_secs(60));
        assert_eq!(scene.grant(-1, "two").await.unwrap().balance.gained(), most - 1);
    }

    #[tokio::test]
    async fn a_user_without_an_account_gets_no_grant() {
        let scene = Scene::with_balance(10).await;
        let stranger = UserId::new(&scene.test.clock);
        let outcome = scene.ledger.grant(stranger, &grant(1, "a present", "one"), &an_operator(), soon()).await;
        assert!(matches!(outcome, Err(GrantError::AccountNotFound)));
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
        assert!(matches!(scene.grant(51, "one").await, Err(GrantError::Mismatch)));
        assert!(matches!(scene.grant(-50, "one").await, Err(GrantError::Mismatch)));
        let ada = scene.ada.user_id();
        let other_reason = scene.ledger.grant(ada, &grant(50, "a gift", "one"), &an_operator(), soon()).await;
        assert!(matches!(other_reason, Err(GrantError::Mismatch)));
        let bob = open_account(&scene.test, "bob", 0).await.user_id();
        let other_user = scene.ledger.grant(bob, &grant(50, "a present", "one"), &an_operator(), soon()).await;
        assert!(matches!(other_user, Err(GrantError::Mismatch)));
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
            let bob = open_account(&scene.test, "bob", 10).await.user_id();
            let present = grant(5, "a present", "one");
            let operator = an_operator();
            let grants =
                [scene.ada.user_id(), bob].map(|user_id| scene.ledger.grant(user_id, &present, &operator, soon()));
            let outcomes = futures_util::future::join_all(grants).await;
            let refused = outcomes.into_iter().filter_map(Result::err).collect::<Vec<_>>();
            assert!(matches!(refused[..], [GrantError::Mismatch]), "{refused:?}");
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
            assert!(matches!(scene.grant(5, "one").await, Err(GrantError::Unavailable(_))));
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
        scene.test.set(Account::key(scene.ada.user_id()), "status", inactive).await;
        assert_eq!(u64::from(scene.grant(5, "one").await.unwrap().balance), 15);
    }

    #[test]
    fn amounts_and_ids_have_their_rules() {
        for value in [Value::from(0), Value::from(1.5), Value::from("5"), Value::Null, Value::from(u64::MAX)] {
            assert!(GrantAmount::try_from(value.clone()).is_err(), "{value}");
        }
        assert!(GrantAmount::try_from(Value::from(-9_007_199_254_740_991_i64)).is_ok());
        assert!(GrantAmount::try_from(Value::from(-9_007_199_254_740_992_i64)).is_err());
        assert!(GrantId::try_from("x".repeat(255)).is_ok());
        for id in ["", "a b", "schlüssel", &"x".repeat(256)] {
            assert!(GrantId::try_from(id.to_owned()).is_err(), "{id:?}");
        }
    }
}
