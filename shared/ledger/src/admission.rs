//! Admission: an account is found open, with room for one more message, before anything else is done for its caller.

use domain::credits::Credits;
use domain::ids::{ConversationId, UserId};
use domain::time::Timestamp;

use crate::account::Account;
use crate::buckets::{Bucket, MinuteRoom, check_requests, removable, tightest};
use crate::budgets::{KeyBudget, SeenBudget};
use crate::claimed_payer::{ClaimedPayer, FoundItems};
use crate::conversations;
use crate::error::LedgerError;
use crate::gate::{Accepting, Gate};
use crate::holds::{Hold, Holds, expired, number_of, number_of_hour};
use crate::hourly::HourlyWork;
use crate::idempotency::{IdempotencyRecord, Remembered};
use crate::ledger::Ledger;
use crate::paying_key::{KeyLimits, PayingKey};
use crate::replay::Replay;

/// The outcome of [`Ledger::admit`] and [`Ledger::admit_to`].
#[derive(Debug)]
pub enum Admission<A = OpenAccount> {
    /// The account is open, and a message may be held for.
    Open(A),
    /// The message was answered before, under the same idempotency key.
    Replay(Box<Replay>),
}

/// An account for one more message. Only an admission makes one, and [`Ledger::hold`] takes it: so nothing is read, asked or
/// written for a caller before.
#[derive(Debug)]
pub enum AdmittedAccount {
    /// The account was read for this request: what it says may be told.
    Read(OpenAccount),
    /// The account is remembered: nothing may be told from it, and the hold's condition decides whether it is open.
    Remembered(RememberedAccount),
}

impl AdmittedAccount {
    /// The limits of the API key by which the payer pays, if they do, as far as is known.
    #[must_use]
    pub fn key_limits(&self) -> Option<&KeyLimits> {
        let (Self::Read(open) | Self::Remembered(RememberedAccount(open))) = self;
        open.key_limits()
    }
}

impl From<OpenAccount> for AdmittedAccount {
    fn from(open: OpenAccount) -> Self {
        Self::Read(open)
    }
}

/// An account that seems open to its payer, as the last hold of this function left it. It is good for a hold, or for
/// [`Ledger::confirm`], which has to come before every refusal.
#[derive(Debug)]
pub struct RememberedAccount(pub(crate) OpenAccount);

/// An account that was read and found open to its payer, whom it has confirmed.
#[derive(Debug)]
pub struct OpenAccount {
    pub(crate) claimed: ClaimedPayer,
    pub(crate) account: Account,
    /// The budget of the payer's API key as it was read, or as a refusal showed it.
    pub(crate) budget: Option<SeenBudget>,
    /// The proof that the gate was open. Nobody reads it.
    _accepting: Accepting,
    pub(crate) remembered: Option<Remembered>,
    pub(crate) asked_in: AskedIn,
}

/// The conversation that a message is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskedIn {
    /// None: it is complete in itself.
    Nothing,
    /// One that was found, whose exchanges are stored under this id.
    Conversation(ConversationId),
    /// One that the user does not have.
    NoConversation,
}

impl AskedIn {
    /// Whether an answer that was stored in `conversation` is no longer there for a request that asked in this one.
    fn has_lost(self, conversation: Option<ConversationId>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Conversation(id) => conversation.is_some_and(|stored_as| stored_as != id),
            Self::NoConversation => true,
        }
    }
}

impl OpenAccount {
    /// The user whose account it is.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.claimed.user_id()
    }

    /// The id under which the exchange of the message is stored, if it is a part of a conversation.
    #[must_use]
    pub fn conversation(&self) -> Option<ConversationId> {
        match self.asked_in {
            AskedIn::Conversation(stored_as) => Some(stored_as),
            AskedIn::Nothing | AskedIn::NoConversation => None,
        }
    }

    /// The limits of the API key by which the payer pays, if they do.
    #[must_use]
    pub fn key_limits(&self) -> Option<&KeyLimits> {
        self.claimed.key_limits()
    }

    /// The budget of the payer's API key in the period of `moment`, if it has one.
    pub(crate) fn budget_at(&self, moment: Timestamp, now: Timestamp) -> Option<KeyBudget> {
        let PayingKey { id, limits } = self.claimed.paying_key()?;
        limits.budget.map(|budget| KeyBudget::new(*id, budget, self.budget, &self.account, moment, now))
    }

    /// Checks that the account can pay `cost` at `now`, its expired holds included, and that the budget of the payer's API
    /// key allows it.
    ///
    /// # Errors
    /// [`LedgerError::InsufficientCredits`] if the account cannot; [`LedgerError::BudgetSpent`] if the budget does not.
    pub fn check_covers(&self, cost: Credits, now: Timestamp) -> Result<(), LedgerError> {
        self.spendable_of(self.budget_at(now, now).as_ref(), cost, now, now).map(|_| ())
    }

    /// The credits that the payer can spend at `now`: those of the account, its expired holds and what is due of its
    /// allowance included, and no more than the budget of the payer's API key allows.
    #[must_use]
    pub fn spendable(&self, now: Timestamp) -> Credits {
        let (balance, _) = self.account.spendable_and_held(now);
        self.budget_at(now, now).map_or(balance, |budget| balance.min(budget.remaining()))
    }

    /// The credits that a hold whose id was made at `moment` can take at `now` of the account and of `budget`, which must be at
    /// least `least`.
    ///
    /// # Errors
    /// As [`OpenAccount::check_covers`].
    pub(crate) fn spendable_of(
        &self,
        budget: Option<&KeyBudget>,
        least: Credits,
        moment: Timestamp,
        now: Timestamp,
    ) -> Result<Credits, LedgerError> {
        let balance = self.account.spendable_by_hold_of(moment, now);
        if balance < least {
            return Err(LedgerError::InsufficientCredits { balance, cost: least });
        }
        let Some(budget) = budget else { return Ok(balance) };
        let remaining = budget.remaining();
        if remaining < least {
            return Err(LedgerError::BudgetSpent { remaining, cost: least, renews_at: budget.renews_at() });
        }
        Ok(balance.min(remaining))
    }

    /// The credits that a hold can take without a release and without a step of the allowance: the balance, and those of the
    /// hold that is taken over.
    pub(crate) fn available(&self) -> Credits {
        let returned = self.predecessor().map_or(Credits::ZERO, |hold| hold.amount);
        self.account.balance.saturating_plus(returned)
    }

    /// The expired hold of the same idempotency key, whose place the message takes over.
    pub(crate) fn predecessor(&self) -> Option<&Hold> {
        self.account.holds.get(self.remembered.as_ref()?.key.digest())
    }
}

/// Checks that no message with the same idempotency key is being answered: a key has one hold at a time. An expired one is
/// taken over.
fn check_in_flight(account: &Account, remembered: Option<&Remembered>, now: Timestamp) -> Result<(), LedgerError> {
    let Some(remembered) = remembered else { return Ok(()) };
    match account.holds.get(remembered.key.digest()) {
        Some(hold) if !hold.is_expired(now) => {
            let is_same = hold.fingerprint.as_ref() == Some(&remembered.fingerprint);
            Err(if is_same { LedgerError::InProgress } else { LedgerError::IdempotencyMismatch })
        }
        _ => Ok(()),
    }
}

/// The room for one more message in an account.
pub(crate) struct Room {
    /// The hour's work, of which the hold's condition requires that it did not grow.
    pub(crate) hourly: HourlyWork,
    /// The number of holds below which one more may be added.
    pub(crate) most_holds: u32,
    /// Expired holds that must be released first.
    pub(crate) in_the_way: Holds,
    /// The buckets of which a request is taken. Each has one.
    pub(crate) buckets: Vec<Bucket>,
    /// Buckets that the hold removes, as they were seen.
    pub(crate) removable: Vec<(String, u64)>,
    /// The time for which they have it.
    pub(crate) now: Timestamp,
}

impl Ledger {
    /// Finds the account of `payer` and `gate` open, with room for one more message, or finds the answer to an earlier
    /// request with the same idempotency key, which costs nothing and passes a closed gate too. It reads the account, then
    /// an API key that is remembered and may have ended, then the key's record if there is an idempotency key, then what the
    /// gate has to read; it writes nothing.
    ///
    /// The budget of the payer's API key is read together with the account. Whether it covers the message is not asked here,
    /// where nobody knows what that costs.
    ///
    /// Without an idempotency key or a budget, an account in which this function held lately is not read: it is admitted as it is
    /// remembered, and [`Ledger::hold`] finds out whether that was right. If it does not seem open, it is read.
    ///
    /// # Errors
    /// In this order: [`LedgerError::Closed`] if the account is not open to the payer;
    /// [`LedgerError::IdempotencyMismatch`] if the key was used for another message; [`LedgerError::AnswerGone`] if the
    /// answer to the key is no longer kept; [`LedgerError::NotAccepting`] if the gate is closed;
    /// [`LedgerError::InProgress`] while the key's first request is being answered; [`LedgerError::TooManyHolds`] and
    /// [`LedgerError::TooMuchUnpaid`] without room, and [`LedgerError::TooManyRequests`] where this minute has no request
    /// left. [`LedgerError::Unavailable`] if the table cannot be read.
    pub async fn admit(
        &self,
        gate: &Gate,
        payer: impl Into<ClaimedPayer>,
        remembered: Option<Remembered>,
    ) -> Result<Admission<AdmittedAccount>, LedgerError> {
        let mut claimed = payer.into();
        let remembered = remembered.map(|remembered| remembered.by(claimed.api_key()));
        // The budget of an API key is no part of what is remembered, and has to be read.
        if remembered.is_none()
            && claimed.budget_place(self.clock.now()).is_none()
            && let Some(account) = self.recall(gate, &claimed).await
        {
            return Ok(Admission::Open(AdmittedAccount::Remembered(account)));
        }
        let found = claimed.read::<LedgerError>(&self.table, None, self.clock.now()).await?;
        Ok(match self.admit_found(gate, claimed, found, remembered, AskedIn::Nothing).await? {
            Admission::Open(open) => Admission::Open(open.into()),
            Admission::Replay(replay) => Admission::Replay(replay),
        })
    }

    /// The account as it is remembered, if that and the gate seem open to the payer. Every reason against it is found again
    /// in the account as it is, and told from there. A step of the allowance takes the account as it is.
    async fn recall(&self, gate: &Gate, claimed: &ClaimedPayer) -> Option<RememberedAccount> {
        let now = self.clock.now();
        let account = self.memory.recall(claimed.user_id(), now)?;
        if !claimed.agrees_with(&account) || account.allowance_step(now).is_some() {
            return None;
        }
        let accepting = gate.accepting().await.ok()?;
        let (claimed, asked_in) = (claimed.clone(), AskedIn::Nothing);
        let open = OpenAccount { claimed, account, budget: None, _accepting: accepting, remembered: None, asked_in };
        self.room(&open).ok()?;
        Some(RememberedAccount(open))
    }

    /// Reads an account that was admitted as it is remembered, and admits it again. It comes before whatever a caller is told
    /// of an account that was not held in.
    ///
    /// # Errors
    /// As [`Ledger::admit`].
    pub async fn confirm(&self, account: impl Into<AdmittedAccount>) -> Result<OpenAccount, LedgerError> {
        let mut open = match account.into() {
            AdmittedAccount::Read(open) => return Ok(open),
            AdmittedAccount::Remembered(RememberedAccount(open)) => open,
        };
        self.memory.forget(open.user_id());
        self.read_again(&mut open).await?;
        self.room(&open)?;
        Ok(open)
    }

    /// Reads the account once more, which has to be open to its payer still, and the budget of the payer's API key.
    pub(crate) async fn read_again(&self, open: &mut OpenAccount) -> Result<(), LedgerError> {
        let found = open.claimed.read::<LedgerError>(&self.table, None, self.clock.now()).await?;
        (open.account, open.budget) = (found.account, found.budget);
        Ok(())
    }

    /// As [`Ledger::admit`], for a message in one of the payer's conversations, which is read together with the account:
    /// one read unit more, unless it is the first.
    ///
    /// # Errors
    /// As [`Ledger::admit`]; [`LedgerError::NoConversation`] before the gate is asked, if the payer has no such
    /// conversation and no message with the same idempotency key is being answered.
    pub async fn admit_to(
        &self,
        gate: &Gate,
        payer: impl Into<ClaimedPayer>,
        conversation: ConversationId,
        remembered: Option<Remembered>,
    ) -> Result<Admission, LedgerError> {
        let mut claimed = payer.into();
        let remembered = remembered.map(|remembered| remembered.by(claimed.api_key()));
        let (found, stored_as) = conversations::find(&self.table, &mut claimed, conversation, self.clock.now()).await?;
        let asked_in = stored_as.map_or(AskedIn::NoConversation, AskedIn::Conversation);
        self.admit_found(gate, claimed, found, remembered, asked_in).await
    }

    async fn admit_found(
        &self,
        gate: &Gate,
        claimed: ClaimedPayer,
        FoundItems { account, budget, .. }: FoundItems,
        remembered: Option<Remembered>,
        asked_in: AskedIn,
    ) -> Result<Admission, LedgerError> {
        if let Some(remembered) = &remembered {
            let key = IdempotencyRecord::key(claimed.user_id(), &remembered.key);
            if let Some(record) = self.table.get(key).await?
                && let Some(replay) = self.replay_of(&account, &claimed, remembered, asked_in, record).await?
            {
                return Ok(Admission::Replay(Box::new(replay)));
            }
        }
        if asked_in == AskedIn::NoConversation {
            // An earlier request with the same key may still be under way: it began before the conversation ended.
            check_in_flight(&account, remembered.as_ref(), self.clock.now())?;
            return Err(LedgerError::NoConversation);
        }
        // One read after the other: they share a connection, and another one would take longer to open.
        let accepting = gate.accepting().await?;
        let open = OpenAccount { claimed, account, budget, _accepting: accepting, remembered, asked_in };
        self.room(&open)?;
        Ok(Admission::Open(open))
    }

    /// The answer to an earlier request with the same key, if `record` is still live.
    pub(crate) async fn replay_of(
        &self,
        account: &Account,
        payer: &ClaimedPayer,
        remembered: &Remembered,
        asked_in: AskedIn,
        record: IdempotencyRecord,
    ) -> Result<Option<Replay>, LedgerError> {
        if !record.is_live(self.clock.now()) {
            return Ok(None);
        }
        if record.fingerprint != remembered.fingerprint {
            return Err(LedgerError::IdempotencyMismatch);
        }
        if asked_in.has_lost(record.conversation) {
            return Err(LedgerError::AnswerGone);
        }
        self.replay(account, payer, record).await.map(Some)
    }

    /// The buckets of which a message takes a request: that of the account and that of its payer's API key, where there are
    /// limits.
    pub(crate) fn buckets(&self, account: &Account, key: Option<&PayingKey>) -> Vec<Bucket> {
        let buckets = account.buckets.as_ref();
        let of_user = self.requests_per_minute.map(|limit| Bucket::of_user(limit, buckets));
        let of_key = key.and_then(|PayingKey { id, limits }| {
            limits.requests_per_minute.map(|limit| Bucket::of_key(*id, limit, buckets))
        });
        of_user.into_iter().chain(of_key).collect()
    }

    /// The requests that are left of this minute, as `account` says, if there is a limit on them.
    pub(crate) fn minute_room(&self, account: &Account, key: Option<&PayingKey>) -> Option<MinuteRoom> {
        tightest(&self.buckets(account, key), self.clock.now())
    }

    /// The room for one more message. Expired holds are named if it takes their place.
    ///
    /// # Errors
    /// As [`Ledger::admit`], from [`LedgerError::IdempotencyMismatch`] on.
    pub(crate) fn room(&self, open: &OpenAccount) -> Result<Room, LedgerError> {
        let now = self.clock.now();
        check_in_flight(&open.account, open.remembered.as_ref(), now)?;
        let account = &open.account;
        let hourly = account.hourly.at(now);
        let unpaid_left = hourly.unpaid_left(self.unpaid_per_hour);
        let too_much_unpaid = || LedgerError::TooMuchUnpaid {
            limit: hourly.unpaid_limit(self.unpaid_per_hour),
            retry_after: hourly.remaining(now),
        };
        let too_many_holds = || LedgerError::TooManyHolds { limit: self.in_flight(account).limit };
        if unpaid_left == 0 {
            return Err(too_much_unpaid());
        }
        let expired = expired(account.holds.clone(), now);
        let (count, live) = (number_of(&account.holds), number_of(&account.holds) - number_of(&expired));
        if live >= self.max_holds {
            return Err(too_many_holds());
        }
        let takes_over = open.predecessor().is_some();
        let most_holds = if takes_over { unpaid_left } else { self.max_holds.min(unpaid_left) };
        let in_the_way = if count < most_holds { Holds::new() } else { expired };
        // Each message in flight may become one more that nobody pays, and each expired one of this hour is one.
        if live + number_of_hour(&in_the_way, hourly) >= unpaid_left {
            return Err(match live {
                0 => too_much_unpaid(),
                _ => too_many_holds(),
            });
        }
        let buckets = self.buckets(account, open.claimed.paying_key());
        check_requests(&buckets, now)?;
        let removable = removable(account.buckets.as_ref(), &buckets, now);
        Ok(Room { hourly, most_holds, in_the_way, buckets, removable, now })
    }
}
