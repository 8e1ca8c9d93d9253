//! Registering an account, and reading it.

use std::collections::{BTreeMap, BTreeSet};

use acts::{Act, ActSubject, Deed};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::allowance::AllowanceTerms;
use domain::credits::Credits;
use domain::ids::UserId;
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use ledger::account::{Account, Beginning, Epoch, Status};
use ledger::authority::RecentAuthority;
use ledger::claimed_payer::ClaimedPayer;
use ledger::gate::Accepting;
use ledger::paying_key::KeyLimits;
use ledger::vouchers::Invitation;
use serde_json::json;
use store::transaction::{cancellation_reasons, condition_failed};
use store::{StoreError, Table, from_item};
use telemetry::invocation::identify;

use crate::accounts::superusers::CountChange;
use crate::callers::Caller;
use crate::error::IdentityError;
use crate::login::Login;
use crate::password_hash::PasswordHash;

/// The accounts in the table.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(super) table: Table,
    pub(super) clock: Clock,
}

impl Accounts {
    /// The accounts in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// Registers `username` with `grant` starting credits: one transaction puts login, account and first ledger entry,
    /// or nothing. The credits are given away, so the gate must have been asked.
    ///
    /// # Errors
    /// [`IdentityError::UsernameTaken`], also if another user takes it at the same moment.
    pub async fn register(
        &self,
        accepting: Accepting,
        username: &Username,
        password_hash: PasswordHash,
        grant: Credits,
        deadline: Timestamp,
    ) -> Result<UserId, IdentityError> {
        let beginning = Beginning::with_credits(grant, &self.clock);
        self.begin(accepting, username, password_hash, &beginning, None, deadline).await
    }

    /// Registers `username` by `invitation`: the same transaction uses it once. The account begins with the invitation's credits,
    /// and with `allowance`, the one for accounts that come by invitation.
    ///
    /// # Errors
    /// As [`Accounts::register`], and [`IdentityError::InvitationSpent`] if nobody can register by the invitation any more.
    pub async fn register_invited(
        &self,
        accepting: Accepting,
        username: &Username,
        password_hash: PasswordHash,
        (invitation, allowance): (&Invitation, Option<AllowanceTerms>),
        deadline: Timestamp,
    ) -> Result<UserId, IdentityError> {
        let beginning = Beginning::by_invitation(invitation.credits(), allowance, &self.clock);
        self.begin(accepting, username, password_hash, &beginning, Some(invitation), deadline).await
    }

    async fn begin(
        &self,
        accepting: Accepting,
        username: &Username,
        password_hash: PasswordHash,
        beginning: &Beginning,
        invitation: Option<&Invitation>,
        deadline: Timestamp,
    ) -> Result<UserId, IdentityError> {
        let user_id = UserId::new(&self.clock);
        let login = first_login(user_id, username, password_hash);
        let mut items = vec![self.table.put_new(login.listed(username)?)?];
        items.extend(Account::beginning(accepting, &self.table, user_id, username, beginning, &self.clock)?);
        if let Some(invitation) = invitation {
            items.extend(invitation.using(user_id, beginning.entry_id(), &self.table, &self.clock)?);
        }
        self.write(user_id, items, invitation, deadline).await
    }

    /// Creates the account of a superuser, without credits. One transaction puts login, account and first ledger entry, counts
    /// the superuser, and records the act. Nothing is given away, so neither the gate nor the setting of registrations matters.
    ///
    /// # Errors
    /// [`IdentityError::UsernameTaken`], [`IdentityError::Unavailable`] if the outcome is not known.
    pub async fn create_superuser(
        &self,
        username: &Username,
        password_hash: PasswordHash,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<UserId, IdentityError> {
        let user_id = UserId::new(&self.clock);
        let mut login = first_login(user_id, username, password_hash).listed(username)?;
        login.insert("staff".to_owned(), AttributeValue::Bool(true));
        let [account, entry] = Account::opening_of_superuser(&self.table, user_id, username, &self.clock)?;
        let act = Act {
            deed: Deed::CreateSuperuser,
            subject: ActSubject::User(user_id),
            before: json!({}),
            after: json!({"status": Status::Active, "staff": true}),
            reason: None,
        };
        let mut items = vec![self.table.put_new(login)?, account, entry, CountChange::Plus.part(&self.table)?];
        items.extend(authority.authority().parts(&act, &self.table, &self.clock)?);
        self.write(user_id, items, None, deadline).await
    }

    /// Writes the `items` of a new account, of which the first puts the login and the last use the invitation.
    async fn write(
        &self,
        user_id: UserId,
        items: Vec<TransactWriteItem>,
        invitation: Option<&Invitation>,
        deadline: Timestamp,
    ) -> Result<UserId, IdentityError> {
        let Err(error) = self.table.transact(&user_id.to_string(), items, &self.clock, deadline).await else {
            identify(user_id);
            return Ok(user_id);
        };
        let Some(reasons) = cancellation_reasons(&error) else { return Err(StoreError::from(error).into()) };
        if let Some(login) = reasons.first().filter(|login| condition_failed(login)) {
            let owner: Option<Login> = login.item().cloned().map(from_item).transpose()?;
            // A write of this very request may have registered the username although its answer was lost.
            return match owner {
                Some(owner) if owner.user_id == user_id => Ok(user_id),
                _ => Err(IdentityError::UsernameTaken),
            };
        }
        let end = invitation.map(|invitation| invitation.refusal(reasons, self.clock.now())).transpose()?.flatten();
        match end {
            Some(end) => Err(IdentityError::InvitationSpent(end)),
            None => Err(StoreError::from(error).into()),
        }
    }

    /// The limits within which `caller` uses their account, which is open to them: those of the API key, if it is by one.
    ///
    /// # Errors
    /// As [`Accounts::read`].
    pub async fn confirm(&self, caller: impl Into<Caller>) -> Result<KeyLimits, IdentityError> {
        let mut claimed: ClaimedPayer = caller.into().into();
        let found = self.table.get(Account::key(claimed.user_id())).await?;
        claimed.confirm::<IdentityError>(found).await?;
        Ok(claimed.key_limits().cloned().unwrap_or_default())
    }

    /// The account of `caller`.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the account is gone or the caller's epoch has passed,
    /// [`IdentityError::UserInactive`] if it is deactivated.
    pub async fn read(&self, caller: impl Into<Caller>) -> Result<Account, IdentityError> {
        let mut claimed: ClaimedPayer = caller.into().into();
        let found = self.table.get(Account::key(claimed.user_id())).await?;
        claimed.confirm(found).await
    }
}

/// The login of a user who has no session yet.
fn first_login(user_id: UserId, username: &Username, password_hash: PasswordHash) -> Login {
    Login {
        user_id,
        username: username.as_str().to_owned(),
        password_hash,
        session_epoch: Epoch::FIRST,
        sessions: BTreeSet::new(),
        networks: BTreeMap::new(),
        reset: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use acts::{ActFilter, ActOrigin, ActReader};
    use domain::voucher_end::VoucherEnd;
    use ledger::vouchers::{
        BatchTerms, NewBatch, VoucherAmount, VoucherCount, VoucherExpiry, VoucherKind, VoucherNote, VoucherUses,
        Vouchers,
    };
    use testkit::recorder::Fault;
    use testkit::test_table::NOW;

    use crate::accounts::SuperuserCount;
    use crate::testing::{TestPeople, an_operator};

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    fn hash() -> PasswordHash {
        serde_json::from_str("\"hash\"").unwrap()
    }

    #[tokio::test]
    async fn a_new_account_has_its_grant_and_an_entry_that_explains_it() {
        let test = TestPeople::start().await;
        let ada = test.person("Ada", 100).await;
        let account = test.accounts().read(&ada).await.unwrap();
        assert_eq!(account.username, "Ada");
        assert_eq!(account.balance, Credits::new(100).unwrap());
        assert_eq!(account.created_at, NOW.to_string());
        let put = &test.recorder.requests()[0];
        assert_eq!(put.operation, "TransactWriteItems");
        let entry = &put.body["TransactItems"][2]["Put"]["Item"];
        assert_eq!(entry["kind"]["S"], "grant");
        assert_eq!(entry["amount"]["N"], "100");
    }

    #[tokio::test]
    async fn a_name_is_taken_once_however_many_want_it_at_the_same_moment() {
        let test = TestPeople::start().await;
        let accounts = test.accounts();
        let names = ["bob", "Bob", "BOB", "bOb", "boB"].map(name);
        let attempts =
            names.iter().map(|name| accounts.register(Accepting::unasked(), name, hash(), Credits::ZERO, NOW));
        let outcomes = futures_util::future::join_all(attempts).await;
        let (taken, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(taken.len(), 1);
        assert!(refused.iter().all(|outcome| matches!(outcome, Err(IdentityError::UsernameTaken))));
    }

    #[tokio::test]
    async fn a_superuser_is_created_once_is_counted_and_is_listed_as_staff() {
        let test = TestPeople::start().await;
        let operator = RecentAuthority::operator(ActOrigin::new(None, "a-request"));
        let create = async || test.accounts().create_superuser(&name("Grace"), hash(), &operator, NOW).await;
        let grace = create().await.unwrap();
        assert!(matches!(create().await, Err(IdentityError::UsernameTaken)));
        let account: Account = test.table.get(Account::key(grace)).await.unwrap().unwrap();
        assert_eq!((account.staff, account.balance), (true, Credits::ZERO));
        let count: SuperuserCount = test.table.get(SuperuserCount::key()).await.unwrap().unwrap();
        assert_eq!(count.active, 1);
        let login = test.isolated.items().await.into_iter().find(|item| item["sk"]["S"] == "LOGIN").unwrap();
        assert_eq!(login["staff"]["BOOL"], true);
        let acts = ActReader::new(test.table.clone()).page(ActFilter::default(), None, 10).await.unwrap().acts;
        let told: Vec<_> = acts.iter().map(|act| (act.act.as_str(), act.subject.clone())).collect();
        assert_eq!(told, [("create_superuser", grace.to_string())]);
        assert!(!format!("{acts:?}").contains("Grace"));
    }

    #[tokio::test]
    async fn a_registration_that_collides_with_another_write_is_repeated() {
        let test = TestPeople::start().await;
        test.recorder.fail_next("TransactWriteItems", Fault::Conflict, 2);
        test.register("bob", 1).await;
        assert_eq!(test.recorder.requests().len(), 3);
    }

    #[tokio::test]
    async fn a_registration_whose_answer_was_lost_is_not_taken_for_somebody_elses() {
        let test = TestPeople::start().await;
        test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
        test.register("bob", 1).await;
        assert!(matches!(
            test.accounts().register(Accepting::unasked(), &name("bob"), hash(), Credits::ZERO, NOW).await,
            Err(IdentityError::UsernameTaken)
        ));
    }

    #[tokio::test]
    async fn an_invitation_registers_as_many_as_it_may_however_many_come_at_once_and_each_once_for_a_name() {
        let test = TestPeople::start().await;
        let invitation = invitation(&test, 3).await;
        let names: Vec<Username> = ["ada", "bob", "eve", "ivan", "ADA", "mary"].map(name).into();
        let attempts = names.iter().map(|name| register_invited(&test, name, &invitation));
        let outcomes = futures_util::future::join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3, "{outcomes:?}");
        for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            let is_told =
                matches!(refused, IdentityError::UsernameTaken | IdentityError::InvitationSpent(VoucherEnd::UsedUp));
            assert!(is_told, "{refused:?}");
        }
        let late = register_invited(&test, &name("late"), &invitation).await;
        assert!(matches!(late, Err(IdentityError::InvitationSpent(VoucherEnd::UsedUp))));
        let stored = test.isolated.items().await;
        let count =
            |prefix: &str| stored.iter().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with(prefix)).count();
        assert_eq!((count("USE#"), count("ACCOUNT"), count("LOGIN")), (3, 3, 3));
    }

    #[tokio::test]
    async fn a_registration_by_invitation_whose_answer_was_lost_has_registered() {
        let test = TestPeople::start().await;
        let invitation = invitation(&test, 1).await;
        test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
        let user_id = register_invited(&test, &name("bob"), &invitation).await.unwrap();
        let account = test.accounts().read(&test.subject(user_id).into()).await.unwrap();
        assert_eq!(account.balance, Credits::new(7).unwrap());
        let taken = register_invited(&test, &name("bob"), &invitation).await;
        assert!(matches!(taken, Err(IdentityError::UsernameTaken)), "the name comes first: {taken:?}");
    }

    async fn register_invited(
        test: &TestPeople,
        username: &Username,
        invitation: &Invitation,
    ) -> Result<UserId, IdentityError> {
        let deadline = NOW.plus(std::time::Duration::from_secs(28));
        test.accounts().register_invited(Accepting::unasked(), username, hash(), (invitation, None), deadline).await
    }

    /// An invitation with 7 credits.
    async fn invitation(test: &TestPeople, uses: u32) -> Invitation {
        let vouchers = Vouchers::new(test.table.clone(), test.clock.clone());
        let terms = BatchTerms {
            kind: VoucherKind::Invitation,
            amount: VoucherAmount::try_from(serde_json::json!(7)).unwrap(),
            count: VoucherCount::default(),
            uses: VoucherUses::try_from(serde_json::json!(uses)).unwrap(),
            expiry: VoucherExpiry::default(),
            note: VoucherNote::default(),
        };
        let new = NewBatch::new(terms, Credits::MAX, NOW).unwrap();
        let made = vouchers.make(&new, &an_operator(), NOW.plus(std::time::Duration::from_secs(28))).await.unwrap();
        vouchers.find_invitation(&made.codes[0]).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn an_account_is_closed_to_tokens_of_an_earlier_epoch_and_when_it_is_inactive() {
        let test = TestPeople::start().await;
        let ada = test.person("ada", 1).await;
        let key = || Account::key(ada.user_id());
        test.set(key(), "session_epoch", AttributeValue::N("2".to_owned())).await;
        assert!(matches!(test.accounts().read(&ada).await, Err(IdentityError::TokenNotValid(_))));
        test.set(key(), "status", AttributeValue::S("inactive".to_owned())).await;
        assert!(matches!(test.accounts().read(&ada).await, Err(IdentityError::UserInactive)));
    }

    #[tokio::test]
    async fn nobody_reads_an_account_that_is_gone() {
        let test = TestPeople::start().await;
        let nobody = test.subject(UserId::new(&test.clock)).into();
        assert!(matches!(test.accounts().read(&nobody).await, Err(IdentityError::TokenNotValid(_))));
    }
}
