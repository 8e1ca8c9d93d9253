//! Changing what an account may do and get: whether it may be used, whether it is staff, and its allowance.

use acts::{Act, ActSubject, Actor, Deed};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use domain::allowance::AllowanceTerms;
use domain::cause::Cause;
use domain::ids::TokenId;
use domain::reason::Reason;
use domain::term_change::TermChange;
use domain::time::Timestamp;
use domain::username::Username;
use ledger::account::{Account, Status};
use ledger::allowance::{Allowance, allowance_at_its_beginning};
use ledger::authority::{Authority, AuthorityLost, RecentAuthority};
use serde_json::{Map, Value, json};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, number};

use crate::accounts::registration::Accounts;
use crate::accounts::superusers::CountChange;
use crate::accounts::user_ref::UserRef;
use crate::error::ChangeError;
use crate::login::{LIST_BY_NAME, Login};

/// The most rounds of a change that collides with other changes of the account.
const MAX_ROUNDS: usize = 5;

/// What an account shall be. What is `None` stays as it is. So a request names the members that it changes, and
/// `..AccountChange::default()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// Whether it may be used.
    pub active: Option<bool>,
    /// Whether it is staff.
    pub staff: Option<bool>,
    /// The allowance that it gets, or none. It gives credits, so a change of it has a reason.
    pub allowance: TermChange<Option<AllowanceTerms>>,
}

impl AccountChange {
    /// Whether it takes the login of staff to be recent: it gives access to everything, or credits.
    #[must_use]
    pub fn takes_recent_login(&self) -> bool {
        self.staff.is_some() || self.allowance != TermChange::None
    }
}

/// What an account may do and get, and the epochs of its proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AccountRights {
    status: Status,
    staff: bool,
    allowance: Option<Allowance>,
    session_epoch: u64,
    api_key_epoch: u64,
}

impl AccountRights {
    fn of(account: &Account) -> Self {
        let Account { status, staff, allowance, session_epoch, api_key_epoch, .. } = *account;
        Self { status, staff, allowance, session_epoch, api_key_epoch }
    }

    /// The rights after `change` at `now`. A deactivation raises both epochs, so that the tokens and API keys of before stay worthless
    /// after an activation.
    fn after(self, change: AccountChange, login: &Login, now: Timestamp) -> Self {
        let staff = change.staff.unwrap_or(self.staff);
        let allowance = match change.allowance {
            TermChange::None => self.allowance,
            TermChange::To(terms) => terms.map(|terms| match self.allowance {
                Some(allowance) => allowance.with_terms(terms, now),
                None => allowance_at_its_beginning(terms, now),
            }),
        };
        match (change.active, self.status) {
            (Some(true), Status::Inactive) => Self { status: Status::Active, staff, allowance, ..self },
            (Some(false), Status::Active) => Self {
                status: Status::Inactive,
                staff,
                allowance,
                session_epoch: self.session_epoch.max(login.session_epoch) + 1,
                api_key_epoch: self.api_key_epoch + 1,
            },
            _ => Self { staff, allowance, ..self },
        }
    }

    fn is_active_superuser(self) -> bool {
        self.staff && self.status == Status::Active
    }

    /// What of it is not as it is in `other`, for the history.
    fn unlike(self, other: Self) -> Value {
        let mut state = Map::new();
        if self.status != other.status {
            state.insert("status".to_owned(), self.status.word().into());
        }
        if self.staff != other.staff {
            state.insert("staff".to_owned(), self.staff.into());
        }
        if self.allowance != other.allowance {
            state.insert(
                "allowance".to_owned(),
                self.allowance.map_or(Value::Null, |allowance| view(allowance.terms())),
            );
        }
        state.into()
    }
}

/// The terms of an allowance, for the history. The decided periods are left out: holds move these, and no act.
fn view(terms: AllowanceTerms) -> Value {
    json!({"credits": terms.credits(), "per": terms.per(), "cap": terms.cap()})
}

/// A change that is about to be written.
struct PlannedChange<'a> {
    login: &'a Login,
    /// What the account was read as.
    seen: AccountRights,
    next: AccountRights,
    reason: Option<&'a Reason>,
    authority: &'a Authority,
}

impl PlannedChange<'_> {
    fn subject(&self) -> ActSubject {
        ActSubject::User(self.login.user_id)
    }

    fn act(&self) -> Act<'_> {
        Act {
            deed: Deed::Change,
            subject: self.subject(),
            before: self.seen.unlike(self.next),
            after: self.next.unlike(self.seen),
            reason: self.reason,
        }
    }

    fn count_change(&self) -> Option<CountChange> {
        match (self.seen.is_active_superuser(), self.next.is_active_superuser(), self.authority.actor()) {
            (false, true, _) => Some(CountChange::Plus),
            (true, false, Actor::Staff(_)) => Some(CountChange::MinusButTheLast),
            (true, false, Actor::Operator) => Some(CountChange::Minus),
            _ => None,
        }
    }

    /// The reason why it was not written; `None` if the account is not as it was read, and is to be read again.
    fn refusal(&self, reasons: &[CancellationReason]) -> Option<ChangeError> {
        if self.authority.is_lost(self.subject(), reasons) {
            return Some(AuthorityLost.into());
        }
        let [account, login, count, ..] = reasons else { return None };
        let is_by_count = condition_failed(count) && !condition_failed(account) && !condition_failed(login);
        match self.count_change().filter(|_| is_by_count)? {
            CountChange::MinusButTheLast => Some(ChangeError::LastSuperuser),
            CountChange::Plus | CountChange::Minus => {
                Some(ChangeError::Internal(Cause::because("the number of superusers is too low")))
            }
        }
    }
}

impl Accounts {
    /// The account with this username, and its login.
    ///
    /// # Errors
    /// [`ChangeError::UserNotFound`] if no account has the username, [`ChangeError::Unavailable`] if the table cannot be read.
    pub async fn find(&self, username: &Username) -> Result<(Login, Account), ChangeError> {
        let login: Option<Login> = self.table.get(Login::key(username)).await?;
        let login = login.ok_or(ChangeError::UserNotFound)?;
        let account = self.table.get(Account::key(login.user_id)).await?.ok_or(ChangeError::UserNotFound)?;
        Ok((login, account))
    }

    /// The account of this user, and its login.
    ///
    /// # Errors
    /// [`ChangeError::UserNotFound`] if there is no such user, [`ChangeError::Unavailable`] if the table cannot be read.
    pub async fn find_user(&self, user: &UserRef) -> Result<(Login, Account), ChangeError> {
        let user_id = match user {
            UserRef::Name(username) => return self.find(username).await,
            UserRef::Id(user_id) => *user_id,
        };
        let account: Option<Account> = self.table.get(Account::key(user_id)).await?;
        let Some(account) = account else {
            let name = Username::parse(&user_id.to_string()).map_err(|_| ChangeError::UserNotFound)?;
            return self.find(&name).await;
        };
        let login: Option<Login> = self.table.get(Login::key(&account.parsed_username()?)).await?;
        // Between the two reads the account may have been deleted, and its name registered again.
        let login = login.filter(|login| login.user_id == user_id).ok_or(ChangeError::UserNotFound)?;
        Ok((login, account))
    }

    /// Activates or deactivates the account of a user who is no superuser. The user of an inactive one cannot log in, and all tokens and API keys are
    /// worthless, also after an activation: the user logs in again.
    ///
    /// # Errors
    /// As [`Accounts::change`], and [`ChangeError::LoginRequiredAgain`] for a superuser's account: its status is whether it opens
    /// everything.
    pub async fn set_active(
        &self,
        user: &UserRef,
        active: bool,
        reason: Option<&Reason>,
        authority: &Authority,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ChangeError> {
        let change = AccountChange { active: Some(active), ..AccountChange::default() };
        self.change_by(user, (change, false), reason, authority, deadline).await
    }

    /// Changes what an account may do and get, also whether it is staff, and its allowance. One transaction has the account, the
    /// copies in its login, the number of superusers and the act. What is so already stays as it is, and is no act.
    ///
    /// An allowance under other terms keeps the periods that are decided. A new one, or one of another period, begins with the
    /// period after the present one.
    ///
    /// # Errors
    /// [`ChangeError::Internal`] if the allowance is to change and there is no reason: whoever asks has to look first.
    /// [`ChangeError::UserNotFound`] if there is no such user, [`ChangeError::DeletionInProgress`] if the account is being
    /// deleted, [`ChangeError::LastSuperuser`] if staff would leave no active superuser, [`ChangeError::AuthorityLost`] if the
    /// actor is no longer staff, [`ChangeError::Unavailable`] if the outcome is not known.
    pub async fn change(
        &self,
        user: &UserRef,
        change: AccountChange,
        reason: Option<&Reason>,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ChangeError> {
        self.change_by(user, (change, true), reason, authority.authority(), deadline).await
    }

    /// Writes until it reads what is wanted. So a write whose answer was lost is found done. `is_recent` says whether the actor's
    /// login is.
    async fn change_by(
        &self,
        user: &UserRef,
        (change, is_recent): (AccountChange, bool),
        reason: Option<&Reason>,
        authority: &Authority,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ChangeError> {
        if change.allowance != TermChange::None && reason.is_none() {
            return Err(ChangeError::Internal(Cause::because("an allowance is to change without a reason")));
        }
        for _ in 0..MAX_ROUNDS {
            let (login, account) = self.find_user(user).await?;
            if account.status == Status::Deleting {
                return Err(ChangeError::DeletionInProgress);
            }
            let seen = AccountRights::of(&account);
            let next = seen.after(change, &login, self.clock.now());
            if next == seen {
                return Ok((login, account));
            }
            let needs_recent_login = matches!(authority.actor(), Actor::Staff(_));
            if needs_recent_login && !is_recent && seen.is_active_superuser() != next.is_active_superuser() {
                return Err(ChangeError::LoginRequiredAgain);
            }
            authority.confirm(login.user_id, &account)?;
            let planned = PlannedChange { login: &login, seen, next, reason, authority };
            let token = TokenId::new(&self.clock).to_string();
            let items = self.parts_of(&planned, &account.parsed_username()?)?;
            if let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await {
                let reasons = cancellation_reasons(&error).unwrap_or_default();
                if let Some(refusal) = planned.refusal(reasons) {
                    return Err(refusal);
                }
                if !reasons.iter().any(condition_failed) {
                    return Err(StoreError::from(error).into());
                }
            }
        }
        Err(ChangeError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    fn parts_of(&self, planned: &PlannedChange<'_>, username: &Username) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut items = vec![self.update_account(planned)?, self.update_login(planned, username)?];
        if let Some(change) = planned.count_change() {
            items.push(change.part(&self.table)?);
        }
        items.extend(planned.authority.parts(&planned.act(), &self.table, &self.clock)?);
        Ok(items)
    }

    /// Updates the account on the condition that it is as it was read. The epochs tell: a late write must not activate
    /// an account that was deactivated again meanwhile, nor give API keys back that have ended.
    fn update_account(&self, planned: &PlannedChange<'_>) -> Result<TransactWriteItem, StoreError> {
        let PlannedChange { login, seen, next, authority, .. } = planned;
        let own = authority.own_condition(login.user_id);
        let seen_staff =
            if seen.staff { "staff = :seen_staff" } else { "(attribute_not_exists(staff) OR staff = :seen_staff)" };
        let of_allowance = AllowanceUpdate { seen: seen.allowance, next: next.allowance };
        let update = self
            .table
            .updating(Account::key(login.user_id))
            .update_expression(format!(
                "SET #status = :status, staff = :staff, session_epoch = :epoch, api_key_epoch = :api_key_epoch{}",
                of_allowance.assignment()
            ))
            .condition_expression(format!(
                "#status = :seen AND session_epoch = :seen_epoch AND api_key_epoch = :seen_api_key_epoch AND {seen_staff}{} {}",
                of_allowance.condition(),
                own.expression()
            ))
            .expression_attribute_values(":api_key_epoch", number(next.api_key_epoch))
            .expression_attribute_values(":seen", seen.status.attribute_value())
            .expression_attribute_values(":seen_api_key_epoch", number(seen.api_key_epoch))
            .expression_attribute_values(":seen_staff", AttributeValue::Bool(seen.staff));
        let update = of_allowance.with_values(update)?;
        transaction::update(own.bind(copied(update, *next, seen.session_epoch)))
    }

    /// Updates the login's copies, on the condition that the username is still this user's.
    fn update_login(&self, planned: &PlannedChange<'_>, username: &Username) -> Result<TransactWriteItem, StoreError> {
        let PlannedChange { login, next, .. } = planned;
        let set = format!("SET session_epoch = :epoch, #status = :status, staff = :staff, {LIST_BY_NAME}");
        let update = self
            .table
            .updating(Login::key(username))
            .condition_expression("user_id = :user_id AND session_epoch = :seen_epoch")
            .expression_attribute_values(":user_id", AttributeValue::S(login.user_id.to_string()));
        // A reset code is a proof too, and a deactivation leaves none.
        let update = if next.status == Status::Inactive {
            update.update_expression(set + " REMOVE #reset").expression_attribute_names("#reset", Login::RESET)
        } else {
            update.update_expression(set)
        };
        transaction::update(copied(Login::listing(update, username), *next, login.session_epoch))
    }
}

/// The part of an account's update that changes its allowance, if that changes. A step that a hold has taken since the account
/// was read moves the decided periods, and is not to be undone.
struct AllowanceUpdate {
    seen: Option<Allowance>,
    next: Option<Allowance>,
}

impl AllowanceUpdate {
    /// The end of the update's expression, behind its assignments.
    fn assignment(&self) -> &'static str {
        match self.next {
            _ if self.next == self.seen => "",
            Some(_) => ", allowance = :allowance",
            None => " REMOVE allowance",
        }
    }

    /// The addition to the condition.
    fn condition(&self) -> &'static str {
        match self.seen {
            _ if self.next == self.seen => "",
            Some(_) => " AND allowance = :seen_allowance",
            None => " AND attribute_not_exists(allowance)",
        }
    }

    /// The update with the values of these expressions.
    fn with_values(&self, mut update: UpdateBuilder) -> Result<UpdateBuilder, StoreError> {
        if self.next == self.seen {
            return Ok(update);
        }
        for (name, allowance) in [(":allowance", self.next), (":seen_allowance", self.seen)] {
            if let Some(allowance) = allowance {
                update = update.expression_attribute_values(name, allowance.attribute_value()?);
            }
        }
        Ok(update)
    }
}

/// The values that account and login have both.
fn copied(update: UpdateBuilder, next: AccountRights, seen_epoch: u64) -> UpdateBuilder {
    update
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":status", next.status.attribute_value())
        .expression_attribute_values(":staff", AttributeValue::Bool(next.staff))
        .expression_attribute_values(":epoch", number(next.session_epoch))
        .expression_attribute_values(":seen_epoch", number(seen_epoch))
}

#[cfg(test)]
mod tests;
