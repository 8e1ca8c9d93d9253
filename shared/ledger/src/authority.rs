//! Authority: who may act on the accounts of others, confirmed and recorded in the transaction of each act.
//!
//! Staff is an attribute of the actor's own account, and no token says it. So the transaction of an act checks that account:
//! whoever has ceased to be staff since the request began, or has lost the session, writes nothing. The same transaction has
//! the three records of the act.

use std::iter;

use acts::{Act, ActOrigin, ActSubject, Actor, Signature};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use domain::ids::{JobId, UserId};
use domain::time::Clock;
use store::transaction::{self, condition_failed};
use store::{Key, StoreError, Table, number};

use crate::account::{Account, Status};
use crate::entry::EntrySource;

/// Condition: the actor's account is active, and staff.
const IS_STAFF: &str = "#actor_status = :actor_active AND staff = :actor_staff";
/// Condition: the same, and the session of the actor's request goes on.
const IS_STAFF_OF_EPOCH: &str =
    "#actor_status = :actor_active AND staff = :actor_staff AND session_epoch = :actor_epoch";
/// The same two, in addition to a condition.
const AND_IS_STAFF: &str = "AND #actor_status = :actor_active AND staff = :actor_staff";
const AND_IS_STAFF_OF_EPOCH: &str =
    "AND #actor_status = :actor_active AND staff = :actor_staff AND session_epoch = :actor_epoch";

/// The records of an act, which are the last parts of its transaction.
const RECORDS: usize = 3;

/// The actor is no longer staff, or the session of the request has ended. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the actor has no authority any more")]
pub struct AuthorityLost;

/// The authority of staff or of an operator to act in one request.
///
/// The ledger trusts it. Callers make it only from a proof: an access token that was verified, whose account was found to be
/// staff, or an invocation that IAM has allowed.
#[derive(Clone, Debug)]
pub struct Authority {
    signature: Signature,
    /// The epoch of sessions that the account of staff must still have. `None`: the act outlives the session in which it was
    /// begun, or the actor is an operator.
    session_epoch: Option<u64>,
    /// The bulk job whose rows are granted. Its beginning and its end are acts, and its rows are none: a thousand records
    /// would bury all others.
    job: Option<JobClaim>,
}

/// The claim of a driver on a bulk job: nobody has changed the job since.
#[derive(Clone, Debug)]
pub(crate) struct JobClaim {
    pub(crate) id: JobId,
    pub(crate) key: Key,
    pub(crate) version: u64,
}

impl Authority {
    /// The authority of staff whose access token is of this epoch of sessions.
    #[must_use]
    pub fn of_staff(user_id: UserId, session_epoch: u64, origin: ActOrigin) -> Self {
        let signature = Signature::new(Actor::Staff(user_id), origin);
        Self { signature, session_epoch: Some(session_epoch), job: None }
    }

    /// The authority of an operator.
    #[must_use]
    pub fn operator(origin: ActOrigin) -> Self {
        Self { signature: Signature::new(Actor::Operator, origin), session_epoch: None, job: None }
    }

    /// The actor.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.signature.actor()
    }

    /// The bulk job whose rows are granted, if it is one.
    pub(crate) fn job(&self) -> Option<JobId> {
        self.job.as_ref().map(|claim| claim.id)
    }

    /// The source of the credits that the actor gives.
    pub(crate) fn source(&self) -> EntrySource {
        match self.actor() {
            Actor::Staff(_) => EntrySource::Staff,
            Actor::Operator => EntrySource::Operator,
        }
    }

    /// The last parts of the transaction that does `act`: the check of the actor's account, and the three records. Where staff
    /// act on their own account there is no check, because a transaction takes an item once: the update of the account has
    /// [a condition](Authority::own_condition) for it. The rows of a bulk job have no records, and a check of the driver's claim
    /// before that of the actor.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if a request cannot be built.
    pub fn parts(&self, act: &Act<'_>, table: &Table, clock: &Clock) -> Result<Vec<TransactWriteItem>, StoreError> {
        let check = self.checked(act.subject).map(|user_id| self.check(user_id, table)).transpose()?;
        let Some(claim) = &self.job else {
            return Ok(check.into_iter().chain(self.signature.parts(act, table, clock)?).collect());
        };
        Ok(iter::once(claim.check(table)?).chain(check).collect())
    }

    /// Whether the check of the actor's account was why a transaction with these [parts](Authority::parts) was refused.
    #[must_use]
    pub fn is_lost(&self, subject: ActSubject, reasons: &[CancellationReason]) -> bool {
        let records = if self.job.is_none() { RECORDS } else { 0 };
        let check = reasons.len().checked_sub(records + 1).and_then(|place| reasons.get(place));
        self.checked(subject).is_some() && check.is_some_and(condition_failed)
    }

    /// Whether the check of the driver's claim was why a transaction with these [parts](Authority::parts) was refused.
    pub(crate) fn is_claim_lost(&self, subject: ActSubject, reasons: &[CancellationReason]) -> bool {
        let from_the_end = 1 + usize::from(self.checked(subject).is_some());
        let check = reasons.len().checked_sub(from_the_end).and_then(|place| reasons.get(place));
        self.job.is_some() && check.is_some_and(condition_failed)
    }

    /// The part of the condition that the update of the account of `subject` has beside its own.
    pub fn own_condition(&self, subject: UserId) -> OwnCondition {
        match self.session_epoch {
            _ if self.actor() != Actor::Staff(subject) => OwnCondition::None,
            None => OwnCondition::Staff,
            Some(epoch) => OwnCondition::StaffOfEpoch(epoch),
        }
    }

    /// Confirms the authority by the account of `subject` as it was read, where staff act on their own account: the refusal of
    /// their own condition does not tell why.
    ///
    /// # Errors
    /// [`AuthorityLost`].
    pub fn confirm(&self, subject: UserId, account: &Account) -> Result<(), AuthorityLost> {
        let is_own = self.actor() == Actor::Staff(subject);
        let is_of_epoch = self.session_epoch.is_none_or(|epoch| epoch == account.session_epoch);
        let is_staff = account.staff && account.status == Status::Active && is_of_epoch;
        if is_own && !is_staff { Err(AuthorityLost) } else { Ok(()) }
    }

    /// The staff whose account a part of its own checks in an act on `subject`.
    fn checked(&self, subject: ActSubject) -> Option<UserId> {
        match self.actor() {
            Actor::Staff(user_id) if subject != ActSubject::User(user_id) => Some(user_id),
            Actor::Staff(_) | Actor::Operator => None,
        }
    }

    fn check(&self, user_id: UserId, table: &Table) -> Result<TransactWriteItem, StoreError> {
        let check = table
            .checking(Account::key(user_id))
            .expression_attribute_names("#actor_status", "status")
            .expression_attribute_values(":actor_active", Status::Active.attribute_value())
            .expression_attribute_values(":actor_staff", AttributeValue::Bool(true));
        transaction::check(match self.session_epoch {
            None => check.condition_expression(IS_STAFF),
            Some(epoch) => {
                check.condition_expression(IS_STAFF_OF_EPOCH).expression_attribute_values(":actor_epoch", number(epoch))
            }
        })
    }
}

impl JobClaim {
    fn check(&self, table: &Table) -> Result<TransactWriteItem, StoreError> {
        let check = table.checking(self.key.clone());
        transaction::check(
            check
                .condition_expression("version = :claimed")
                .expression_attribute_values(":claimed", number(self.version)),
        )
    }
}

/// An authority whose login is at most some minutes old, for acts that give credits, or access to everything. An operator's
/// always is: IAM decides for each invocation.
#[derive(Clone, Debug)]
pub struct RecentAuthority(Authority);

impl RecentAuthority {
    /// The authority of staff who have just logged in.
    #[must_use]
    pub fn of_recent_login(authority: Authority) -> Self {
        Self(authority)
    }

    /// The authority of an operator.
    #[must_use]
    pub fn operator(origin: ActOrigin) -> Self {
        Self(Authority::operator(origin))
    }

    /// The authority under which the rows of `job` are granted: that of the superuser who began the job, or resumed it, within
    /// minutes of a login. It outlives that session. Each row still confirms that the actor is staff, and active.
    #[must_use]
    pub(crate) fn of_job(user_id: UserId, job: JobClaim, origin: ActOrigin) -> Self {
        let signature = Signature::new(Actor::Staff(user_id), origin);
        Self(Authority { signature, session_epoch: None, job: Some(job) })
    }

    /// The authority, for an act that a login of any age would do for.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0
    }
}

/// The part of the condition of an update of the subject's account that confirms the actor, if the subject is the actor.
#[derive(Clone, Copy, Debug)]
#[must_use = "it is a part of the condition of the account's update"]
pub enum OwnCondition {
    /// The subject is somebody else, whose account says nothing of the actor.
    None,
    /// The account is active, and staff.
    Staff,
    /// The same, and its epoch of sessions is this one.
    StaffOfEpoch(u64),
}

impl OwnCondition {
    /// The addition to the condition: nothing, or a part that begins with `AND`.
    #[must_use]
    pub fn expression(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Staff => AND_IS_STAFF,
            Self::StaffOfEpoch(_) => AND_IS_STAFF_OF_EPOCH,
        }
    }

    /// Adds the names and values of the addition to `update`.
    #[must_use]
    pub fn bind(self, update: UpdateBuilder) -> UpdateBuilder {
        let update = match self {
            Self::None => return update,
            Self::Staff => update,
            Self::StaffOfEpoch(epoch) => update.expression_attribute_values(":actor_epoch", number(epoch)),
        };
        update
            .expression_attribute_names("#actor_status", "status")
            .expression_attribute_values(":actor_active", Status::Active.attribute_value())
            .expression_attribute_values(":actor_staff", AttributeValue::Bool(true))
    }
}
