//! The account: balance, holds, and the payers that it is open to.

use acts::Actor;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use domain::allowance::AllowanceTerms;
use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId, UserId};
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use serde::{Deserialize, Serialize};
use store::directory::DirectoryKey;
use store::{Key, StoreError, Table, from_item, number, transaction};

use crate::allowance::{Allowance, AllowanceStep, allowance_at_its_beginning};
use crate::buckets::Buckets;
use crate::entry::{self, Entry, EntrySource};
use crate::gate::Accepting;
use crate::holds::{Holds, sums};
use crate::hourly::HourlyWork;

/// Condition: the account is open to a payer.
pub(crate) const OPEN: &str = "#status = :active AND #epoch = :epoch";

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The account may be used.
    Active,
    /// An operator has deactivated the account, and may activate it again.
    Inactive,
    /// All data of the user are being deleted.
    Deleting,
}

impl Status {
    /// The status as the table stores it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Deleting => "deleting",
        }
    }

    /// The status as an attribute.
    #[must_use]
    pub fn attribute_value(self) -> AttributeValue {
        AttributeValue::S(self.word().to_owned())
    }
}

/// An epoch of an account: a number that only rises. Every token, session and API key names the epoch in which it was
/// made. Raising the epoch revokes all of them at once, without a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// The epoch of access tokens, refresh tokens and sessions. A password change, a logout everywhere, a deactivation
    /// and a deletion raise it.
    OfSessions(u64),
    /// The epoch of API keys. A deactivation raises it, and a logout everywhere that ends them too. Programs go on when a
    /// person changes the password.
    OfApiKeys(u64),
}

impl Epoch {
    /// The first epoch of every kind, in a new account.
    pub const FIRST: u64 = 1;

    /// The account's attribute with the current epoch of this kind.
    #[must_use]
    pub fn attribute(self) -> &'static str {
        match self {
            Self::OfSessions(_) => "session_epoch",
            Self::OfApiKeys(_) => "api_key_epoch",
        }
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::OfSessions(number) | Self::OfApiKeys(number) => number,
        }
    }
}

/// The user who pays, and the epoch of the user's proof. The user may pay as long as the account has this epoch.
///
/// The ledger trusts it. Callers make it only from a proof: an access token that was verified, or an API key that was
/// found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payer {
    user_id: UserId,
    epoch: Epoch,
}

impl Payer {
    /// The payer whose proof names this user and this epoch.
    #[must_use]
    pub fn new(user_id: UserId, epoch: Epoch) -> Self {
        Self { user_id, epoch }
    }

    /// The user whose account pays.
    #[must_use]
    pub fn user_id(self) -> UserId {
        self.user_id
    }

    /// The epoch that the account must still have.
    #[must_use]
    pub fn epoch(self) -> Epoch {
        self.epoch
    }
}

/// The terms on which an account begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    entry_id: EntryId,
    credits: Credits,
    source: Option<EntrySource>,
    allowance: Option<AllowanceTerms>,
    staff: bool,
}

impl Beginning {
    /// The beginning of an account that anybody may open, with `credits` to start with.
    #[must_use]
    pub fn with_credits(credits: Credits, clock: &Clock) -> Self {
        Self { entry_id: EntryId::new(clock), credits, source: None, allowance: None, staff: false }
    }

    /// The beginning of an account by an invitation with `credits`, and with an allowance if there is one for invited accounts.
    #[must_use]
    pub fn by_invitation(credits: Credits, allowance: Option<AllowanceTerms>, clock: &Clock) -> Self {
        let source = Some(EntrySource::Invitation);
        Self { entry_id: EntryId::new(clock), credits, source, allowance, staff: false }
    }

    /// The beginning of a superuser's account, without credits.
    fn of_superuser(clock: &Clock) -> Self {
        Self { staff: true, ..Self::with_credits(Credits::ZERO, clock) }
    }

    /// The entry of the credits.
    #[must_use]
    pub fn entry_id(&self) -> EntryId {
        self.entry_id
    }
}

/// The reason why an account is not open to a payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// There is no account any more.
    #[error("the account is gone")]
    Gone,
    /// An operator has deactivated it.
    #[error("the account is deactivated")]
    Inactive,
    /// Its user is deleting it.
    #[error("the account is being deleted")]
    Deleting,
    /// The payer's session belongs to an epoch that has passed.
    #[error("the session's epoch has passed")]
    SessionEpochPassed,
    /// The payer's API key belongs to an epoch that has passed.
    #[error("the API key's epoch has passed")]
    ApiKeyEpochPassed,
    /// The payer's API key has ended, or expired, since it was read.
    #[error("the API key has ended")]
    ApiKeyEnded,
}

/// The account item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The name as its owner wrote it.
    pub username: String,
    /// The credits that can be spent. Never negative.
    pub balance: Credits,
    /// Credits set aside for messages that are being answered.
    pub holds: Holds,
    /// Whether the account may be used.
    pub status: Status,
    /// Whether the account is staff: its user may use the admin API.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub staff: bool,
    /// The credits that the account gets with every period, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Allowance>,
    /// The current epoch of sessions. Tokens of an earlier epoch are worthless.
    pub session_epoch: u64,
    /// The current epoch of API keys. API keys of an earlier epoch are worthless.
    pub api_key_epoch: u64,
    /// Counts the changes that ended API keys of the account. Where none has ended, the item has no such attribute.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keys_version: u64,
    /// The messages of the hour in which the account was last used.
    pub hourly: HourlyWork,
    /// The number of changes of balance and holds so far.
    pub version: u64,
    /// The credits that were charged so far. They are no [`Credits`], whose bound is that of one account at one time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spent: u64,
    /// The buckets of requests of the account and of its API keys. Absent where no limit on requests ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) buckets: Option<Buckets>,
    /// The time of registration, in RFC 3339.
    pub created_at: String,
    /// The time at which the deletion began, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_began_at: Option<u64>,
    /// The superuser who began the deletion. Absent if it was the user. Whoever ends the deletion records its end in this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_by: Option<Actor>,
    /// The number of conversations that the user has: of those that have an item.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub conversations: u32,
    /// The number of conversations that the user deleted and the audit has not swept.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub deleted_conversations: u32,
    /// The id under which the first conversation is stored since it was emptied. Absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_conversation: Option<ConversationId>,
    /// The entry up to which the audit has erased texts whose [retention](crate::retention) was over. Absent where it never
    /// did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts_erased_through: Option<EntryId>,
    /// The [seal](crate::sealing): no entry gets an id at or below it any more. Absent where there was none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_to: Option<EntryId>,
    /// The time at which the seal was set, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<u64>,
    /// The account's `version` when the audit last found that it adds up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audited_version: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none_of_them(count: &u32) -> bool {
    *count == 0
}

impl Account {
    /// The sort key of every account item.
    pub const SORT_KEY: &str = "ACCOUNT";

    /// The key of a user's account.
    #[must_use]
    pub fn key(user_id: UserId) -> Key {
        Key::of_user(user_id, Self::SORT_KEY)
    }

    /// The parts of a transaction that open an account with `grant` credits: the account, which the directory lists, and
    /// its first entry. The credits are given away, so the gate must have been asked.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if an item cannot be written as attributes.
    pub fn opening(
        accepting: Accepting,
        table: &Table,
        user_id: UserId,
        username: &Username,
        grant: Credits,
        clock: &Clock,
    ) -> Result<[TransactWriteItem; 2], StoreError> {
        Self::beginning(accepting, table, user_id, username, &Beginning::with_credits(grant, clock), clock)
    }

    /// The same parts, for an account that begins as `beginning` says.
    ///
    /// # Errors
    /// As [`Account::opening`].
    pub fn beginning(
        _accepting: Accepting,
        table: &Table,
        user_id: UserId,
        username: &Username,
        beginning: &Beginning,
        clock: &Clock,
    ) -> Result<[TransactWriteItem; 2], StoreError> {
        Self::opened(table, user_id, username, beginning, clock)
    }

    /// The same for an account of a superuser, who has no credits at first. Nothing is given away, so no gate is asked.
    ///
    /// # Errors
    /// As [`Account::opening`].
    pub fn opening_of_superuser(
        table: &Table,
        user_id: UserId,
        username: &Username,
        clock: &Clock,
    ) -> Result<[TransactWriteItem; 2], StoreError> {
        Self::opened(table, user_id, username, &Beginning::of_superuser(clock), clock)
    }

    fn opened(
        table: &Table,
        user_id: UserId,
        username: &Username,
        beginning: &Beginning,
        clock: &Clock,
    ) -> Result<[TransactWriteItem; 2], StoreError> {
        let created_at = clock.now().to_string();
        let account = Self {
            username: username.as_str().to_owned(),
            balance: beginning.credits,
            holds: Holds::new(),
            status: Status::Active,
            staff: beginning.staff,
            allowance: beginning.allowance.map(|terms| allowance_at_its_beginning(terms, clock.now())),
            session_epoch: Epoch::FIRST,
            api_key_epoch: Epoch::FIRST,
            keys_version: 0,
            hourly: HourlyWork::none(clock.now()),
            version: 0,
            spent: 0,
            buckets: None,
            created_at: created_at.clone(),
            deletion_began_at: None,
            deleted_by: None,
            conversations: 0,
            deleted_conversations: 0,
            first_conversation: None,
            texts_erased_through: None,
            sealed_to: None,
            sealed_at: None,
            audited_version: None,
        };
        let account = DirectoryKey::by_age(user_id, Self::SORT_KEY).with(&account)?;
        let entry = Entry { source: beginning.source, ..Entry::starting_grant(beginning.credits, created_at) };
        Ok([table.put_new(account)?, table.put_new(entry::key(user_id, beginning.entry_id).with(&entry)?)?])
    }

    /// The account that was `found`, if it is open to `payer`.
    ///
    /// # Errors
    /// [`Closed`] with the reason.
    pub fn admitted(found: Option<Self>, payer: Payer) -> Result<Self, Closed> {
        let account = found.ok_or(Closed::Gone)?;
        account.admit(payer.epoch)?;
        Ok(account)
    }

    /// Checks that tokens, sessions or API keys made in `epoch` still open this account.
    ///
    /// # Errors
    /// [`Closed`] with the reason.
    pub fn admit(&self, epoch: Epoch) -> Result<(), Closed> {
        match self.status {
            Status::Active => {}
            Status::Inactive => return Err(Closed::Inactive),
            Status::Deleting => return Err(Closed::Deleting),
        }
        match epoch {
            Epoch::OfSessions(number) if number != self.session_epoch => Err(Closed::SessionEpochPassed),
            Epoch::OfApiKeys(number) if number != self.api_key_epoch => Err(Closed::ApiKeyEpochPassed),
            _ => Ok(()),
        }
    }

    /// The part of a transaction that checks that the account is open to `payer`.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the request cannot be built.
    pub fn check_open(table: &Table, payer: Payer) -> Result<TransactWriteItem, StoreError> {
        transaction::check(
            table
                .checking(Self::key(payer.user_id))
                .condition_expression(OPEN)
                .expression_attribute_names("#status", "status")
                .expression_attribute_names("#epoch", payer.epoch.attribute())
                .expression_attribute_values(":active", Status::Active.attribute_value())
                .expression_attribute_values(":epoch", number(payer.epoch.number())),
        )
    }

    /// The beginning of an update in a transaction, on the condition that the account is open to `payer`, and on that
    /// of `further`, which is empty or begins with `AND`.
    pub(crate) fn updating_open(table: &Table, payer: Payer, further: &str) -> UpdateBuilder {
        let update = table.updating(Self::key(payer.user_id)).condition_expression(format!("{OPEN} {further}"));
        Self::bind_open(update, payer)
    }

    /// Adds the names and values of [`OPEN`] to `update`.
    pub(crate) fn bind_open(update: UpdateBuilder, payer: Payer) -> UpdateBuilder {
        update
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#epoch", payer.epoch.attribute())
            .expression_attribute_values(":active", Status::Active.attribute_value())
            .expression_attribute_values(":epoch", number(payer.epoch.number()))
    }

    /// The id under which the exchanges of the first conversation are stored.
    #[must_use]
    pub fn first_conversation(&self) -> ConversationId {
        self.first_conversation.unwrap_or(ConversationId::FIRST)
    }

    /// The part of a transaction that ends or changes API keys of the account, on the condition that it is open to `payer`:
    /// from then on no function trusts what it remembers of them. It costs as much as [`Account::check_open`].
    ///
    /// Every transaction that deletes or changes the item of a key raises `keys_version`, here or with the epoch of API keys. A
    /// deletion of the account closes it first.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the request cannot be built.
    pub fn raise_keys_version(table: &Table, payer: Payer) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            Self::updating_open(table, payer, "")
                .update_expression("ADD keys_version :one")
                .expression_attribute_values(":one", number(1_u64)),
        )
    }

    /// The reason why the account is not open to `payer`, from the account that a failed condition returned.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if that account is open to `payer`, or cannot be read.
    pub fn why_closed(payer: Payer, refused: &CancellationReason) -> Result<Closed, StoreError> {
        let account: Option<Self> = refused.item().cloned().map(from_item).transpose()?;
        let unexplained = || StoreError::Internal(Cause::because("an account that is open was refused"));
        Self::admitted(account, payer).err().ok_or_else(unexplained)
    }

    /// The step of the account's allowance that a hold of `moment` takes. `None` without an allowance, and where the period of
    /// `moment` is decided.
    pub(crate) fn allowance_step(&self, moment: Timestamp) -> Option<AllowanceStep> {
        let owned = || self.holds.values().fold(self.balance, |sum, hold| sum.saturating_plus(hold.amount));
        self.allowance?.step_at(moment, owned())
    }

    /// The credits of the account's allowance that are due at `moment`: the next hold gives them.
    #[must_use]
    pub fn due(&self, moment: Timestamp) -> Credits {
        self.allowance_step(moment).map_or(Credits::ZERO, |step| step.due)
    }

    /// The credits that can be spent at `now`, and those that are held. The credits of an expired hold can be spent,
    /// even while the hold is still there, and so can those of the allowance that are [due](Account::due).
    #[must_use]
    pub fn spendable_and_held(&self, now: Timestamp) -> (Credits, Credits) {
        let (_, held) = sums(&self.holds, now);
        (self.spendable_by_hold_of(now, now), held)
    }

    /// The credits that a hold whose id was made at `moment` can take at `now`. The allowance is as due as its id says, and the
    /// holds have expired by `now`.
    pub(crate) fn spendable_by_hold_of(&self, moment: Timestamp, now: Timestamp) -> Credits {
        let (returning, _) = sums(&self.holds, now);
        self.balance.saturating_plus(returning).saturating_plus(self.due(moment))
    }

    /// The username, which the table stores as text.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the text is not a username.
    pub fn parsed_username(&self) -> Result<Username, StoreError> {
        Username::parse(&self.username)
            .map_err(|_| StoreError::Internal(Cause::because("an account's username breaks the rules for usernames")))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
