//! Vouchers on a table of their own.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

use acts::{ActFilter, ActOrigin, ActReader, RecordedAct};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::allowance::AllowanceTerms;
use domain::code::VoucherCode;
use domain::credits::Credits;
use domain::ids::{BatchId, EntryId, UserId};
use domain::period::PeriodLength;
use domain::time::Timestamp;
use domain::username::Username;
use domain::voucher_end::VoucherEnd;
use futures_util::future::join_all;
use serde_json::json;
use store::{from_item, number};
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use super::code_item::{CodePlace, VoucherItem};
use crate::account::{Account, Beginning, Payer};
use crate::authority::{Authority, RecentAuthority};
use crate::entry::{self, Entry, EntryKind, EntrySource};
use crate::gate::Accepting;
use crate::history::PageRequest;
use crate::testing::{TestTable, an_operator, open_account};

struct VoucherScene {
    test: TestTable,
    vouchers: Vouchers,
    ada: Payer,
}

impl VoucherScene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", 10).await;
        Self { vouchers: Vouchers::new(test.table.clone(), test.clock.clone()), test, ada }
    }

    /// Makes codes of 200 credits.
    async fn make(&self, kind: VoucherKind, count: u32, uses: u32) -> MadeVouchers {
        self.vouchers.make(&new_batch(kind, count, uses, None), &an_operator(), soon()).await.unwrap()
    }

    async fn code(&self, uses: u32) -> VoucherCode {
        self.make(VoucherKind::Credits, 1, uses).await.codes.remove(0)
    }

    async fn find(&self, payer: Payer, code: &VoucherCode) -> Option<CreditVoucher> {
        self.vouchers.find_credits(code, payer.user_id()).await.unwrap()
    }

    async fn redeem(&self, payer: Payer, code: &VoucherCode) -> Result<Redeemed, RedeemError> {
        let voucher = self.find(payer, code).await.expect("the code is there");
        self.redeem_found(payer, voucher).await
    }

    async fn redeem_found(&self, payer: Payer, voucher: CreditVoucher) -> Result<Redeemed, RedeemError> {
        let account = self.account(payer).await;
        self.vouchers.redeem(Accepting::unasked(), payer, account, voucher, soon()).await
    }

    async fn account(&self, payer: Payer) -> Account {
        self.test.table.get(Account::key(payer.user_id())).await.unwrap().unwrap()
    }

    async fn balance(&self, payer: Payer) -> u64 {
        self.account(payer).await.balance.into()
    }

    async fn item(&self, code: &VoucherCode) -> VoucherItem {
        self.test.table.get(CodePlace::of(code).code()).await.unwrap().unwrap()
    }

    async fn acts(&self) -> Vec<RecordedAct> {
        ActReader::new(self.test.table.clone()).page(ActFilter::default(), None, 100).await.unwrap().acts
    }
}

fn new_batch(kind: VoucherKind, count: u32, uses: u32, expiry: Option<&str>) -> NewBatch {
    let terms = BatchTerms {
        kind,
        amount: VoucherAmount::try_from(json!(200)).unwrap(),
        count: VoucherCount::try_from(json!(count)).unwrap(),
        uses: VoucherUses::try_from(json!(uses)).unwrap(),
        expiry: expiry.map(|text| VoucherExpiry::try_from(json!(text)).unwrap()).unwrap_or_default(),
        note: VoucherNote::try_from(json!("for the course")).unwrap(),
    };
    NewBatch::new(terms, Credits::new(1_000_000).unwrap(), NOW).unwrap()
}

fn soon() -> Timestamp {
    NOW.plus(Duration::from_secs(28))
}

fn recent(user_id: UserId) -> RecentAuthority {
    RecentAuthority::of_recent_login(Authority::of_staff(user_id, 1, ActOrigin::new(None, "a-request")))
}

#[tokio::test]
async fn a_voucher_gives_its_credits_by_an_entry_that_says_so() {
    let scene = VoucherScene::start().await;
    let code = scene.code(1).await;
    let redeemed = scene.redeem(scene.ada, &code).await.unwrap();
    assert_eq!((u64::from(redeemed.spendable), scene.balance(scene.ada).await), (210, 210));
    let key = entry::key(scene.ada.user_id(), redeemed.entry_id);
    let entry: Entry = scene.test.table.get(key).await.unwrap().unwrap();
    assert_eq!((entry.kind, entry.amount, entry.source), (EntryKind::Grant, 200, Some(EntrySource::Voucher)));
    assert_eq!(scene.item(&code).await.used, 1);
    assert_eq!(scene.account(scene.ada).await.version, 1);
}

#[tokio::test]
async fn the_table_has_no_code_and_a_code_is_found_by_nothing_else() {
    let scene = VoucherScene::start().await;
    let made = scene.make(VoucherKind::Credits, 3, 1).await;
    let items = format!("{:?}", scene.test.isolated.items().await);
    for code in &made.codes {
        assert!(!items.contains(&code.canonical()) && !items.contains(&code.written()));
        assert!(scene.find(scene.ada, code).await.is_some());
    }
    assert!(scene.find(scene.ada, &VoucherCode::new().unwrap()).await.is_none());
    assert!(scene.vouchers.find_invitation(&made.codes[0]).await.unwrap().is_none(), "a voucher registers nobody");
    let invitation = scene.make(VoucherKind::Invitation, 1, 1).await.codes.remove(0);
    assert!(scene.find(scene.ada, &invitation).await.is_none(), "an invitation is not redeemed");
    assert!(scene.vouchers.find_invitation(&invitation).await.unwrap().is_some());
}

#[tokio::test]
async fn a_code_gives_as_often_as_it_may_however_many_redeem_it_at_once() {
    let scene = VoucherScene::start().await;
    let code = scene.code(7).await;
    let names: Vec<String> = (0..20).map(|number| format!("user-{number}")).collect();
    let users = join_all(names.iter().map(|name| open_account(&scene.test, name, 0))).await;
    let outcomes = join_all(users.iter().map(|user| scene.redeem(*user, &code))).await;
    let given = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!((given, scene.item(&code).await.used), (7, 7), "{outcomes:?}");
    let mut total = 0;
    for user in users {
        total += scene.balance(user).await;
    }
    assert_eq!(total, 7 * 200);
}

#[tokio::test]
async fn a_user_redeems_a_code_once_however_often_they_try_at_once() {
    let scene = VoucherScene::start().await;
    let code = scene.code(50).await;
    let found = scene.find(scene.ada, &code).await.unwrap();
    let outcomes = join_all((0..20).map(|_| scene.redeem_found(scene.ada, found.clone()))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert_eq!((scene.balance(scene.ada).await, scene.item(&code).await.used), (210, 1));
    assert!(matches!(scene.redeem(scene.ada, &code).await, Err(RedeemError::AlreadyRedeemed)));
}

#[tokio::test]
async fn a_code_that_is_used_up_over_or_ended_between_the_look_and_the_write_gives_nothing() {
    for end in [VoucherEnd::UsedUp, VoucherEnd::Expired, VoucherEnd::Withdrawn] {
        let scene = VoucherScene::start().await;
        let made = scene.make(VoucherKind::Credits, 1, 1).await;
        let code = &made.codes[0];
        let found = scene.find(scene.ada, code).await.unwrap();
        let place = CodePlace::of(code).code();
        match end {
            VoucherEnd::UsedUp => {
                let bob = open_account(&scene.test, "bob", 0).await;
                scene.redeem(bob, code).await.unwrap();
            }
            VoucherEnd::Expired => scene.test.set(place, "ends_at", number(NOW.seconds())).await,
            VoucherEnd::Withdrawn => scene.vouchers.end(made.id, an_operator().authority(), soon()).await.unwrap(),
        }
        for voucher in [found, scene.find(scene.ada, code).await.unwrap()] {
            let refused = scene.redeem_found(scene.ada, voucher).await.unwrap_err();
            assert!(matches!(refused, RedeemError::Spent(found) if found == end), "{refused:?}");
        }
        assert_eq!(scene.balance(scene.ada).await, 10);
    }
}

#[tokio::test]
async fn a_code_gives_until_the_moment_of_its_end_and_not_from_then_on() {
    let scene = VoucherScene::start().await;
    // NOW is 2027-01-15T08:00:00Z.
    let new = new_batch(VoucherKind::Credits, 2, 1, Some("2027-01-15T08:00:10Z"));
    let made = scene.vouchers.make(&new, &an_operator(), soon()).await.unwrap();
    scene.test.clock.advance(Duration::from_millis(9999));
    assert!(scene.redeem(scene.ada, &made.codes[0]).await.is_ok());
    scene.test.clock.advance(Duration::from_millis(1));
    assert!(matches!(scene.redeem(scene.ada, &made.codes[1]).await, Err(RedeemError::Spent(VoucherEnd::Expired))));
}

#[tokio::test]
async fn an_account_that_was_closed_after_it_was_read_gets_nothing() {
    let scene = VoucherScene::start().await;
    let code = scene.code(9).await;
    for (attribute, value) in [
        ("session_epoch", AttributeValue::N("2".to_owned())),
        ("status", AttributeValue::S("inactive".to_owned())),
        ("status", AttributeValue::S("deleting".to_owned())),
    ] {
        let (account, voucher) = (scene.account(scene.ada).await, scene.find(scene.ada, &code).await.unwrap());
        scene.test.set(Account::key(scene.ada.user_id()), attribute, value).await;
        let refused = scene.vouchers.redeem(Accepting::unasked(), scene.ada, account, voucher, soon()).await;
        assert!(matches!(refused, Err(RedeemError::Closed(_))), "{refused:?}");
    }
    assert_eq!((scene.balance(scene.ada).await, scene.item(&code).await.used), (10, 0));
}

#[tokio::test]
async fn credits_are_added_to_the_balance_of_the_moment_and_not_beyond_the_most() {
    let scene = VoucherScene::start().await;
    let code = scene.code(9).await;
    let (account, voucher) = (scene.account(scene.ada).await, scene.find(scene.ada, &code).await.unwrap());
    scene.redeem(scene.ada, &scene.code(1).await).await.unwrap();
    let redeemed = scene.vouchers.redeem(Accepting::unasked(), scene.ada, account, voucher, soon()).await.unwrap();
    assert_eq!((u64::from(redeemed.spendable), scene.balance(scene.ada).await), (410, 410));
    let rich = open_account(&scene.test, "rich", u64::from(Credits::MAX) - 199).await;
    assert!(matches!(scene.redeem(rich, &code).await, Err(RedeemError::TooManyCredits { .. })));
    assert_eq!(scene.item(&code).await.used, 1);
}

#[tokio::test]
async fn a_redemption_above_the_seal_gets_another_id_where_the_account_was_sealed_meanwhile() {
    let scene = VoucherScene::start().await;
    let code = scene.code(1).await;
    let (account, voucher) = (scene.account(scene.ada).await, scene.find(scene.ada, &code).await.unwrap());
    let seal = EntryId::last_of(NOW.plus(Duration::from_secs(5))).to_string();
    scene.test.set(Account::key(scene.ada.user_id()), "sealed_to", AttributeValue::S(seal.clone())).await;
    let redeemed = scene.vouchers.redeem(Accepting::unasked(), scene.ada, account, voucher, soon()).await.unwrap();
    assert!(redeemed.entry_id.to_string() > seal);
}

#[tokio::test]
async fn a_redemption_whose_answers_are_lost_gives_once() {
    for (fault, times) in [(Fault::AnswerLost, 2), (Fault::Conflict, 2)] {
        let scene = VoucherScene::start().await;
        let code = scene.code(1).await;
        scene.test.recorder.fail_next("TransactWriteItems", fault, times);
        scene.redeem(scene.ada, &code).await.unwrap();
        assert_eq!((scene.balance(scene.ada).await, scene.item(&code).await.used), (210, 1));
    }
    let scene = VoucherScene::start().await;
    let code = scene.code(1).await;
    scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 3);
    assert!(matches!(scene.redeem(scene.ada, &code).await, Err(RedeemError::Unavailable(_))));
    assert!(matches!(scene.redeem(scene.ada, &code).await, Err(RedeemError::AlreadyRedeemed)), "a repetition tells");
    assert_eq!(scene.balance(scene.ada).await, 210);
}

#[tokio::test]
async fn the_largest_batch_is_made_listed_counted_and_ended_and_each_is_one_act() {
    let scene = VoucherScene::start().await;
    let staff = open_account(&scene.test, "grace", 0).await.user_id();
    scene.test.set(Account::key(staff), "staff", AttributeValue::Bool(true)).await;
    let new = new_batch(VoucherKind::Credits, VoucherCount::MAX, 2, Some("2027-02-01"));
    let MadeVouchers { id, codes } = scene.vouchers.make(&new, &recent(staff), soon()).await.unwrap();
    let written: BTreeSet<String> = codes.iter().map(VoucherCode::canonical).collect();
    assert_eq!(written.len(), 90);
    scene.redeem(scene.ada, &codes[4]).await.unwrap();
    let (view, counted) = scene.vouchers.batch(id).await.unwrap();
    let used: Vec<usize> = counted.iter().filter(|code| code.used == Some(1)).map(|code| code.number).collect();
    assert_eq!((counted.len(), used), (90, vec![5]));
    let told = (view.count, view.uses, view.note.as_deref(), view.by.as_str(), view.expires_at.as_deref());
    let expected = (90, 2, Some("for the course"), staff.to_string(), Some("2027-02-02T00:00:00Z"));
    assert_eq!(told, (expected.0, expected.1, expected.2, expected.3.as_str(), expected.4));
    // Acts of one millisecond have no order.
    scene.test.clock.advance(Duration::from_millis(1));
    for _ in 0..2 {
        scene.vouchers.end(id, recent(staff).authority(), soon()).await.unwrap();
    }
    assert!(matches!(scene.redeem(scene.ada, &codes[5]).await, Err(RedeemError::Spent(VoucherEnd::Withdrawn))));
    assert_eq!(scene.balance(scene.ada).await, 210, "what was given stays given");
    let acts = scene.acts().await;
    let words: Vec<(&str, String)> = acts.iter().map(|act| (act.act.as_str(), act.subject.clone())).collect();
    assert_eq!(words, [("end_vouchers", id.to_string()), ("make_vouchers", id.to_string())]);
    assert_eq!((acts[1].reason.as_deref(), &acts[1].after["count"]), (Some("for the course"), &json!(90)));
    assert_eq!(acts[0].before["ended_at"], acts[1].after["ended_at"]);
}

#[tokio::test]
async fn whoever_has_lost_the_authority_makes_and_ends_no_codes() {
    let scene = VoucherScene::start().await;
    let staff = open_account(&scene.test, "grace", 0).await.user_id();
    let made = scene.make(VoucherKind::Credits, 2, 1).await;
    let before = scene.test.isolated.items().await.len();
    let new = new_batch(VoucherKind::Credits, 2, 1, None);
    let refused = scene.vouchers.make(&new, &recent(staff), soon()).await;
    assert!(matches!(refused, Err(BatchError::AuthorityLost(_))), "{refused:?}");
    let refused = scene.vouchers.end(made.id, recent(staff).authority(), soon()).await;
    assert!(matches!(refused, Err(BatchError::AuthorityLost(_))), "{refused:?}");
    assert_eq!(scene.test.isolated.items().await.len(), before);
    assert!(scene.redeem(scene.ada, &made.codes[0]).await.is_ok());
}

#[tokio::test]
async fn batches_are_listed_page_by_page_the_newest_first_without_codes() {
    let scene = VoucherScene::start().await;
    let mut ids = Vec::new();
    for _ in 0..25 {
        scene.test.clock.advance(Duration::from_millis(1));
        ids.push(scene.make(VoucherKind::Credits, 1, 1).await.id);
    }
    ids.reverse();
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = scene.vouchers.batches(PageRequest { cursor, ..PageRequest::default() }).await.unwrap();
        assert!(!format!("{page:?}").contains("digest"));
        seen.extend(page.batches.into_iter().map(|batch| batch.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let stranger = BatchId::new(&scene.test.clock);
    assert!(matches!(scene.vouchers.batch(stranger).await, Err(BatchError::NotFound)));
    assert!(matches!(scene.vouchers.end(stranger, an_operator().authority(), soon()).await, Err(BatchError::NotFound)));
}

#[tokio::test]
async fn an_invited_account_begins_with_the_invitations_credits_and_its_allowance_comes_with_the_next_period() {
    let scene = VoucherScene::start().await;
    let code = scene.make(VoucherKind::Invitation, 1, 2).await.codes.remove(0);
    let invitation = scene.vouchers.find_invitation(&code).await.unwrap().unwrap();
    let credits = |amount| Credits::new(amount).unwrap();
    let terms = AllowanceTerms::new(credits(50), PeriodLength::Month, credits(80)).unwrap();
    let beginning = Beginning::by_invitation(invitation.credits(), Some(terms), &scene.test.clock);
    let user_id = UserId::new(&scene.test.clock);
    let username = Username::parse("bob").unwrap();
    let (table, clock) = (&scene.test.table, &scene.test.clock);
    let opening = Account::beginning(Accepting::unasked(), table, user_id, &username, &beginning, clock).unwrap();
    let used = invitation.using(user_id, beginning.entry_id(), table, clock).unwrap();
    let items = opening.into_iter().chain(used).collect();
    table.transact(&user_id.to_string(), items, clock, soon()).await.unwrap();
    let found = table.get_all([Account::key(user_id)]).await.unwrap().remove(0);
    let allowance: serde_json::Value = from_item(found["allowance"].as_m().unwrap().clone()).unwrap();
    assert_eq!(allowance, json!({"credits": 50, "per": "month", "cap": 80, "through": "2027-01"}));
    let account: Account = from_item(found).unwrap();
    assert_eq!(u64::from(account.balance), 200);
    let entry: Entry = table.get(entry::key(user_id, beginning.entry_id())).await.unwrap().unwrap();
    assert_eq!((entry.amount, entry.source), (200, Some(EntrySource::Invitation)));
    assert_eq!(scene.item(&code).await.used, 1);
}
