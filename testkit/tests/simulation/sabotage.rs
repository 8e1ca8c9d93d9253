//! Sabotages: each breaks one rule of the ledger or of accounts, and the simulation has to find it.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::isolated_table::TABLE_NAME;

use crate::catalogue_witness::CATALOGUE;
use crate::engine::{
    ACCOUNT, Engine, PREFIX_OF_BUDGETS, PREFIX_OF_SESSIONS, PREFIX_OF_TEXTS, Reply, StoredItem, plain,
};
use crate::function::{MOST_EXTRA_BYTES, MOST_PROOF_BYTES, wordless_prompt};
use crate::usage_witness::SUMS_OF_ALL;
use providers::catalogue::Catalogue;
use shared::domain::ids::{ConversationId, EntryId};
use shared::domain::period::Period;
use shared::domain::pricing::{Prices, Usage};
use shared::ledger::account::Account;

/// A condition that every account meets.
const EXISTS: &str = "attribute_exists(pk)";
/// A condition that is always met.
const ANYTHING: &str = "attribute_exists(pk) OR attribute_not_exists(pk)";
/// A condition that a hold of any id meets.
const HOLD_AT_ITS_PLACE: &str = "attribute_exists(holds.#place)";
const AFTER_EVERY_ID: &str = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
const AFTER_EVERY_ENTRY: &str = "ENTRY#7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
/// A value that only the transaction has that closes an account for its deletion.
const CLOSING: &str = "/TransactItems/0/Update/ExpressionAttributeValues/:none";

/// A rule that is broken, mostly on the way to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// A hold is subtracted from any balance.
    UnconditionalDebit,
    /// A capture checks that there is a hold at its place, and not the hold's id.
    CaptureOfAnyHold,
    /// A capture does not return the unused part of its hold.
    CaptureOfTheWholeHold,
    /// A release checks that there is a hold at its place, and not the hold's id.
    ReleaseOfAnyHold,
    /// A release returns credits also if its hold is not there.
    UnconditionalRelease,
    /// Every hold looks expired.
    NothingIsLive,
    /// The idempotency record is written after the capture's transaction, and sometimes not at all.
    RecordOutsideTransaction,
    /// A void entry is acknowledged and not written.
    VoidNotWritten,
    /// A void entry is put also for a user whose deletion has begun or is complete.
    VoidOfTheDeleted,
    /// A login does not check the account's status and epoch.
    LoginToAnyAccount,
    /// A deletion frees the name first.
    NameFreedFirst,
    /// A deletion leaves the holds in the account, where late captures find them.
    HoldsOutliveDeletion,
    /// A password change raises only the login's copy of the epoch.
    EpochOfLoginAlone,
    /// A list shows every text, whether it was charged for or not.
    ListTrustsTexts,
    /// A release leaves the text of its hold.
    ReleaseLeavesTheText,
    /// A capture says that its text is there, although it could not be put.
    CaptureCountsOnTheText,
    /// A hold with an idempotency key trusts the read of the key's record.
    HoldTrustsTheRead,
    /// Releases do not count unpaid work.
    UnpaidWorkNotCounted,
    /// A hold trusts the read of the hour's unpaid work.
    UnpaidWorkNotChecked,
    /// Every hold begins a new hour.
    HourBegunByEveryHold,
    /// The release of an expired hold does not look whether its message was charged.
    ChargeNotLookedFor,
    /// The entry of a capture says other prices than those that were charged.
    EntryAtAnotherPrice,
    /// A capture charges another price than its entry says, and returns the rest of the hold.
    ChargeAtAnotherPrice,
    /// A read of the catalogue gives the newest document under the version before.
    PricesOfAnotherVersion,
    /// A capture charges by the newest catalogue, and not by the one of its request. Its entry agrees.
    ChargeAtTheNewestPrice,
    /// The entry has the name and the prices of the first model, although its fallback has answered.
    EntryNamesTheFirstOffer,
    /// A question is held and charged as if it asked for one choice. A function breaks this rule, and not the way to the
    /// table.
    ChoicesForgotten,
    /// The function forgets to charge for a stream that was handed out before its first words.
    SilenceUncharged,
    /// A capture leaves the images out, of the usage and of the cost.
    ImagesUnpriced,
    /// The input that is charged is lowered to what the images count with the first model, although its fallback has
    /// answered.
    InputOfTheFirstOffer,
    /// A question is held and charged as if it had no extra parameter. A function breaks this rule.
    ExtraNotCounted,
    /// A question is held and charged as if it had no proof of reasoning. A function breaks this rule.
    ProofsNotCounted,
    /// A capture charges tokens that were written to the cache as other input.
    CacheWritesAtTheInputsPrice,
    /// Extra parameters go to models that do not list them. A model breaks this rule.
    ExtraToEveryModel,
    /// An instance reads the catalogue for its first request alone. A function breaks this rule.
    CatalogueNeverReadAgain,
    /// A replacement of the catalogue does not look whether another one was faster.
    ReplacedWithoutLooking,
    /// The deletion of a conversation leaves no marker.
    DeletedWithoutMarker,
    /// The deletion of a conversation does not take it off the count.
    DeletionNotCounted,
    /// A new title does not look whether the conversation is there.
    TitleOfTheDeleted,
    /// A list finds every conversation that it looks for.
    ListFindsEveryConversation,
    /// A first conversation that is emptied goes on under the same id.
    FirstKeepsItsPlace,
    /// A capture for a conversation that was deleted meanwhile stores its exchange in the first one.
    CapturedIntoTheFirst,
    /// Texts of deleted conversations are not deleted.
    TextsOutliveConversation,
    /// Lists, contexts and exports do not look at the age of texts. A reader breaks this rule.
    RetentionForgotten,
    /// The audit erases the texts of all messages, however young.
    YoungTextsErased,
    /// Texts whose time is over are not deleted.
    TextsOutliveRetention,
    /// The account says that texts are erased up to the end of time.
    ErasureNotedTooFar,
    /// The end of an API key does not say in the account that keys have ended.
    EndOfKeyUnsaid,
    /// A hold for an API key that is remembered does not look whether keys have ended since the account was read.
    HoldTrustsTheMemory,
    /// The account is read as if none of its API keys had ended.
    AccountHidesEndsOfKeys,
    /// A hold in an account that is remembered, and was not read, has no condition.
    HoldTrustsTheRememberedAccount,
    /// A hold for vectors is the estimate of their texts, and not the most that these can count. A function breaks
    /// this rule.
    EmbeddingHeldByItsEstimate,
    /// A repetition of a request for vectors is answered as if it were the first. A function breaks this rule.
    RepetitionOfAnEmbeddingChargedAgain,
    /// A hold, a grant or a void entry does not look at the account's seal.
    WritersOverlookTheSeal,
    /// A seal is the newest entry of all, also above holds.
    SealAboveHolds,
    /// A step does not look whether another one has moved the checkpoint.
    StepTrustsTheCheckpointItRead,
    /// The days' sums are written after the transaction of the checkpoint, and sometimes not at all.
    SumsOutsideTransaction,
    /// A step adds to the sums of the account, and not to those of all.
    StepForgetsTheSumsOfAll,
    /// Sums that are thrown away stay in the sums of all.
    SumsOfAllNotTakenBack,
    /// A step counts its entries, and leaves them out of the chain of their digests.
    StepBreaksTheChain,
    /// Vectors are not kept where a record or a text item says that they are.
    VectorsNotKept,
    /// A hold trusts the read of a key's budget.
    BudgetOutsideTheWrite,
    /// A release returns the credits of its hold to the balance, and not to the key's budget.
    ReleaseForgetsTheKey,
    /// A capture returns the unused part of its hold to the balance, and not to the key's budget.
    CaptureForgetsTheKey,
    /// A budget's period ends 40 s late.
    PeriodTurnsLate,
    /// Every hold refills the bucket of which it takes a request.
    BucketRefilledByEveryHold,
    /// A hold that takes requests from two buckets takes none from the second one, which is that of the API key.
    SecondBucketForgotten,
    /// A hold that saw an account without buckets makes them, although another hold has made them since.
    BucketsMadeAgain,
    /// A change of a key's limits does not look whether the session goes on.
    ChangeInAnEndedSession,
    /// A change of a key's limits does not say in the account that functions must read the key again.
    ChangeOfLimitsUnsaid,
    /// A hold for an API key that is remembered takes the limits that are remembered, whatever has become of them.
    LimitsFromMemory,
    /// The step of an allowance trusts the read of the account.
    AllowanceTrustsItsRead,
    /// The step of an allowance gives credits without an entry.
    AllowanceWithoutEntry,
    /// A hold that takes the step of an allowance does not look at the account's seal, nor at its version, which says as much
    /// where all clocks agree.
    AllowanceOverlooksTheSeal,
    /// A new allowance begins with the period in which it is given.
    AllowanceDueAtOnce,
    /// The use of a code is counted, however often the code was used before.
    VoucherCountedWithoutLimit,
    /// A code is used and nobody notes by whom.
    UseNotNoted,
    /// A registration takes a code of any kind for an invitation.
    InvitationOfAnyKind,
    /// A row of a file is granted under another id than its own.
    RowUnderAnotherId,
    /// Credits are given, and the act is written in no transaction of theirs, and so not at all.
    ActOutsideTransaction,
    /// Nobody asks whether the actor is still a superuser.
    ActorNotChecked,
}

impl Sabotage {
    /// Whether only schedules with owners can find it. Without this, most of the search for it would be in vain.
    pub(super) fn needs_owners(self) -> bool {
        matches!(
            self,
            Self::VoidOfTheDeleted
                | Self::LoginToAnyAccount
                | Self::NameFreedFirst
                | Self::HoldsOutliveDeletion
                | Self::EpochOfLoginAlone
                | Self::HoldTrustsTheRememberedAccount
        ) || self.needs_programs()
    }

    /// Whether it strikes processes that have seen no account, and no others.
    pub(super) fn breaks_memories_alone(self) -> bool {
        self == Self::HoldTrustsTheRememberedAccount
    }

    /// Whether only messages of programs can find it, whose keys owners end meanwhile.
    pub(super) fn needs_programs(self) -> bool {
        matches!(self, Self::EndOfKeyUnsaid | Self::HoldTrustsTheMemory | Self::AccountHidesEndsOfKeys)
    }

    /// Whether only captures by a process whose hold has expired can find it.
    pub(super) fn needs_late_captures(self) -> bool {
        matches!(self, Self::CaptureOfAnyHold)
    }

    /// Whether only schedules with bookkeepers can find it.
    pub(super) fn needs_bookkeepers(self) -> bool {
        matches!(
            self,
            Self::WritersOverlookTheSeal
                | Self::SealAboveHolds
                | Self::StepTrustsTheCheckpointItRead
                | Self::SumsOutsideTransaction
                | Self::StepForgetsTheSumsOfAll
                | Self::SumsOfAllNotTakenBack
                | Self::StepBreaksTheChain
                | Self::AllowanceOverlooksTheSeal
        )
    }

    /// Whether only people with allowances can find it.
    pub(super) fn needs_allowances(self) -> bool {
        matches!(
            self,
            Self::AllowanceTrustsItsRead
                | Self::AllowanceWithoutEntry
                | Self::AllowanceOverlooksTheSeal
                | Self::AllowanceDueAtOnce
        )
    }

    /// Whether only keys with limits can find it.
    pub(super) fn needs_limits(self) -> bool {
        matches!(
            self,
            Self::BudgetOutsideTheWrite
                | Self::ReleaseForgetsTheKey
                | Self::CaptureForgetsTheKey
                | Self::PeriodTurnsLate
                | Self::BucketRefilledByEveryHold
                | Self::ChangeInAnEndedSession
                | Self::ChangeOfLimitsUnsaid
                | Self::LimitsFromMemory
        ) || self.needed_requests_per_minute().is_some()
    }

    /// The limit on the requests of each user in a minute with which it shows soonest, if it shows in schedules with one alone.
    pub(super) fn needed_requests_per_minute(self) -> Option<u32> {
        match self {
            // The bucket of a key is exceeded before that of its user is empty.
            Self::SecondBucketForgotten => Some(8),
            Self::BucketsMadeAgain => Some(1),
            _ => None,
        }
    }

    /// Whether only schedules with vouchers can find it.
    pub(super) fn needs_vouchers(self) -> bool {
        matches!(self, Self::VoucherCountedWithoutLimit | Self::UseNotNoted | Self::InvitationOfAnyKind)
    }

    /// Whether only schedules with superusers can find it.
    pub(super) fn needs_superusers(self) -> bool {
        matches!(self, Self::RowUnderAnotherId | Self::ActOutsideTransaction | Self::ActorNotChecked)
    }

    /// Whether only requests for vectors can find it.
    pub(super) fn needs_vectors(self) -> bool {
        matches!(
            self,
            Self::EmbeddingHeldByItsEstimate | Self::RepetitionOfAnEmbeddingChargedAgain | Self::VectorsNotKept
        )
    }

    /// Whether only schedules in which texts are erased can find it.
    pub(super) fn needs_retention(self) -> bool {
        matches!(
            self,
            Self::RetentionForgotten | Self::YoungTextsErased | Self::TextsOutliveRetention | Self::ErasureNotedTooFar
        )
    }

    /// Whether only schedules with organizers can find it.
    pub(super) fn needs_organizers(self) -> bool {
        matches!(
            self,
            Self::DeletedWithoutMarker
                | Self::DeletionNotCounted
                | Self::TitleOfTheDeleted
                | Self::ListFindsEveryConversation
                | Self::FirstKeepsItsPlace
                | Self::CapturedIntoTheFirst
                | Self::TextsOutliveConversation
        )
    }

    /// The answer of the table under this sabotage; `strikes` is random.
    pub(super) fn answer(self, engine: &Engine, operation: &str, body: &Value, strikes: bool) -> Reply {
        let mut body = body.clone();
        match self {
            Self::UnconditionalDebit | Self::HoldTrustsTheRememberedAccount => weaken(&mut body, is_hold, EXISTS),
            Self::CaptureOfAnyHold if token(&body).starts_with("capture-") => {
                weaken(&mut body, is_end_of_hold, HOLD_AT_ITS_PLACE);
            }
            Self::CaptureOfTheWholeHold if token(&body).starts_with("capture-") => {
                body["TransactItems"][0]["Update"]["ExpressionAttributeValues"][":returned"] = json!({"N": "0"});
            }
            Self::ReleaseOfAnyHold if operation == "UpdateItem" => weaken(&mut body, is_end_of_hold, HOLD_AT_ITS_PLACE),
            Self::UnconditionalRelease if operation == "UpdateItem" => weaken(&mut body, is_end_of_hold, EXISTS),
            Self::RecordOutsideTransaction if token(&body).starts_with("capture-") => {
                return capture_without_record(engine, body, strikes);
            }
            Self::VoidNotWritten if token(&body).starts_with("void-") => {
                return Reply { status: 200, body: json!({}) };
            }
            Self::VoidOfTheDeleted if token(&body).starts_with("void-") => weaken(&mut body, is_check, ANYTHING),
            Self::LoginToAnyAccount if is_login(&body) => weaken(&mut body, is_check, ANYTHING),
            Self::NameFreedFirst => return close_and_free_name(engine, operation, &body),
            Self::HoldsOutliveDeletion => keep_holds(&mut body),
            Self::EpochOfLoginAlone => keep_epoch_of_account(&mut body),
            Self::ListTrustsTexts if operation == "Query" => return list_texts(engine, &body),
            Self::ReleaseLeavesTheText if is_deletion_of_text(operation, &body) => {
                return Reply { status: 200, body: json!({}) };
            }
            Self::CaptureCountsOnTheText if token(&body).starts_with("capture-") => call_found(&mut body),
            Self::HoldTrustsTheRead if token(&body).starts_with("hold-") => weaken(&mut body, is_check, ANYTHING),
            Self::UnpaidWorkNotCounted => forget_unpaid_work(&mut body),
            Self::UnpaidWorkNotChecked => allow_unpaid_work(&mut body),
            Self::HourBegunByEveryHold => return hold_and_forget(engine, operation, &body),
            Self::EntryAtAnotherPrice if token(&body).starts_with("capture-") => {
                entry_of(&mut body)["prices"]["M"]["output"] = json!({"N": "9000000"});
            }
            Self::ChargeAtAnotherPrice if token(&body).starts_with("capture-") => charge(&mut body, 0),
            Self::ChargeAtTheNewestPrice if token(&body).starts_with("capture-") => charge_by_newest(engine, &mut body),
            Self::EntryNamesTheFirstOffer if token(&body).starts_with("capture-") => {
                name_first_offer(engine, &mut body);
            }
            Self::ImagesUnpriced if token(&body).starts_with("capture-") => {
                change_usage(&mut body, |usage| Usage { images: 0, ..usage });
            }
            Self::CacheWritesAtTheInputsPrice if token(&body).starts_with("capture-") => {
                change_usage(&mut body, |usage| Usage { cache_write_tokens: 0, ..usage });
            }
            Self::InputOfTheFirstOffer if token(&body).starts_with("capture-") => {
                lower_input_to_first_offer(engine, &mut body);
            }
            Self::ReplacedWithoutLooking if token(&body).starts_with("catalogue-") => {
                weaken(&mut body, |part| is_catalogue(&part["Item"]), ANYTHING);
            }
            Self::PricesOfAnotherVersion if operation == "GetItem" && is_catalogue(&body["Key"]) => {
                return read_under_version_before(engine, &body);
            }
            Self::DeletedWithoutMarker => forget_part(&mut body, |part| is_item_of(&part["Item"], "GONE#")),
            Self::DeletionNotCounted => keep_count(&mut body),
            Self::TitleOfTheDeleted if parts(&body["TransactItems"]).any(is_title) => {
                weaken(&mut body, is_title, ANYTHING);
            }
            Self::ListFindsEveryConversation if operation == "BatchGetItem" => {
                return find_every_conversation(engine, &body);
            }
            Self::FirstKeepsItsPlace => keep_place_of_first(&mut body),
            Self::CapturedIntoTheFirst if token(&body).starts_with("capture-") => {
                move_into_first(engine, &mut body);
            }
            Self::TextsOutliveConversation | Self::TextsOutliveRetention if operation == "BatchWriteItem" => {
                keep_texts(&mut body);
            }
            Self::YoungTextsErased if operation == "Query" => replace_value(&mut body, ":before", AFTER_EVERY_ENTRY),
            Self::ErasureNotedTooFar if operation == "UpdateItem" => {
                replace_value(&mut body, ":through", AFTER_EVERY_ID);
            }
            Self::ChargeNotLookedFor if operation == "GetItem" && is_key_of_entry(&body["Key"]) => {
                return Reply { status: 200, body: json!({}) };
            }
            Self::EndOfKeyUnsaid => leave_end_of_key_unsaid(&mut body),
            Self::HoldTrustsTheMemory | Self::LimitsFromMemory => trust_memory(&mut body),
            Self::VectorsNotKept => forget_vectors(&mut body),
            Self::WritersOverlookTheSeal => overlook_seal(&mut body),
            Self::SealAboveHolds if operation == "Query" => replace_value(&mut body, ":most", AFTER_EVERY_ENTRY),
            Self::StepTrustsTheCheckpointItRead if token(&body).starts_with("sum-") => {
                trust_checkpoint(&mut body);
            }
            Self::SumsOutsideTransaction if token(&body).starts_with("sum-") => {
                return step_without_sums(engine, body, strikes);
            }
            Self::StepForgetsTheSumsOfAll | Self::SumsOfAllNotTakenBack => self.forget_sums_of_all(&mut body),
            Self::StepBreaksTheChain if token(&body).starts_with("sum-") => keep_chain(engine, &mut body),
            _ if self.needs_superusers() => self.forget_staff(&mut body),
            _ if self.needs_limits() => self.forget_limits(&mut body),
            _ if self.needs_vouchers() => self.forget_codes(&mut body),
            _ if self.needs_allowances() => self.break_allowance(engine, &mut body),
            _ => {}
        }
        let mut reply = engine.answer(operation, &body);
        self.falsify(&mut reply.body, operation, &body["Key"]["sk"]["S"]);
        reply
    }

    /// Breaks a rule by an answer that is not true.
    fn falsify(self, answer: &mut Value, operation: &str, sort: &Value) {
        match self {
            Self::AccountHidesEndsOfKeys if operation == "GetItem" && sort == ACCOUNT => {
                hide_ends_of_keys(&mut answer["Item"]);
            }
            Self::InvitationOfAnyKind if operation == "GetItem" && sort == "VOUCHER" => {
                call_invitation(&mut answer["Item"]);
            }
            Self::NothingIsLive => expire_holds(answer),
            _ => {}
        }
    }

    /// Breaks a rule about codes.
    fn forget_codes(self, body: &mut Value) {
        match self {
            Self::VoucherCountedWithoutLimit => {
                replace_in_count(body, "used < uses", "(used < uses OR used >= uses)");
            }
            Self::UseNotNoted => forget_part(body, |part| is_item_of(&part["Item"], "USE#")),
            Self::InvitationOfAnyKind => replace_in_count(body, "kind = :kind", "(kind = :kind OR kind <> :kind)"),
            _ => {}
        }
    }

    /// Breaks a rule about allowances.
    fn break_allowance(self, engine: &Engine, body: &mut Value) {
        const AS_SEEN: &str = "allowance = :allowance AND version = :version";
        const OF_ANY_VERSION: &str = "allowance = :allowance AND (version = :version OR attribute_exists(pk))";
        match self {
            Self::AllowanceTrustsItsRead if has_terms_of_step(engine, body) => {
                let trusting = "(allowance = :allowance OR version = :version OR attribute_exists(pk))";
                replace_in_hold(body, "ConditionExpression", |condition| condition.replace(AS_SEEN, trusting));
            }
            Self::AllowanceWithoutEntry if token(body).starts_with("hold-") => {
                forget_part(body, |part| part["Item"]["source"]["S"] == "allowance");
            }
            Self::AllowanceOverlooksTheSeal => {
                let update =
                    if body["TransactItems"].is_array() { &body["TransactItems"][0]["Update"] } else { &*body };
                if update["ExpressionAttributeValues"][":period"].is_object() {
                    replace_in_hold(body, "ConditionExpression", |condition| {
                        condition.replace(AS_SEEN, OF_ANY_VERSION)
                    });
                    overlook_seal(body);
                }
            }
            Self::AllowanceDueAtOnce => begin_allowance_early(body),
            _ => {}
        }
    }

    /// Breaks a rule about what superusers do.
    fn forget_staff(self, body: &mut Value) {
        match self {
            Self::RowUnderAnotherId => rename_grants_of_jobs(body),
            Self::ActOutsideTransaction if token(body).starts_with("grant-") => forget_part(body, is_act),
            Self::ActorNotChecked => weaken(body, is_check_of_actor, ANYTHING),
            _ => {}
        }
    }

    /// Leaves the sums of all as they are, by a step or where sums are thrown away.
    fn forget_sums_of_all(self, body: &mut Value) {
        let act = if self == Self::StepForgetsTheSumsOfAll { "sum-" } else { "clear-" };
        if token(body).starts_with(act) {
            forget_part(body, is_of_all);
        }
    }

    /// Breaks a rule about keys with limits.
    fn forget_limits(self, body: &mut Value) {
        match (self, token(body).split('-').next()) {
            (Self::BudgetOutsideTheWrite, Some("hold")) => weaken(body, is_hold_of_budget, ANYTHING),
            (Self::PeriodTurnsLate, Some("hold")) => turn_period_late(body),
            (Self::CaptureForgetsTheKey | Self::ReleaseForgetsTheKey, act)
                if (self == Self::CaptureForgetsTheKey) == (act == Some("capture")) =>
            {
                forget_part(body, is_return_to_budget);
            }
            (Self::BucketRefilledByEveryHold, _) => refill_buckets(body),
            (Self::SecondBucketForgotten, _) => forget_second_bucket(body),
            (Self::BucketsMadeAgain, _) => make_buckets_again(body),
            (Self::ChangeInAnEndedSession, _) if parts(&body["TransactItems"]).any(is_change_of_key) => {
                weaken(body, |part| is_item_of(&part["Key"], PREFIX_OF_SESSIONS), ANYTHING);
            }
            (Self::ChangeOfLimitsUnsaid, _) if parts(&body["TransactItems"]).any(is_change_of_key) => {
                leave_end_of_key_unsaid(body);
            }
            _ => {}
        }
    }
}

/// Whether the account of a hold still has the terms with which the hold takes its step. A period of another length would make it
/// unreadable.
fn has_terms_of_step(engine: &Engine, body: &Value) -> bool {
    let update = if body["TransactItems"].is_array() { &body["TransactItems"][0]["Update"] } else { body };
    let seen = &update["ExpressionAttributeValues"][":allowance"]["M"];
    if !seen.is_object() || !is_hold(update) {
        return false;
    }
    let get = json!({"TableName": TABLE_NAME, "Key": update["Key"]});
    let account = engine.answer("GetItem", &get).body["Item"].take();
    let stored = &account["allowance"]["M"];
    ["credits", "per", "cap"].iter().all(|member| stored[member] == seen[member])
}

/// Lets a new allowance be decided up to an earlier period than the one in which it is given.
fn begin_allowance_early(body: &mut Value) {
    let Some(values) = body.pointer_mut("/TransactItems/0/Update/ExpressionAttributeValues") else { return };
    if values[":seen_allowance"].is_object() || values[":hold"].is_object() {
        return;
    }
    let Some(through) = values.pointer_mut("/:allowance/M/through/S") else { return };
    let period = Period::parse(through.as_str().unwrap()).unwrap();
    let longest = Duration::from_secs(31 * 24 * 60 * 60);
    let earlier = period.length().period_at(period.end().unwrap().minus(2 * longest));
    *through = json!(earlier.to_string());
}

/// Lets the condition on the checkpoint be met by every one, and by none.
fn trust_checkpoint(body: &mut Value) {
    let put = &mut body["TransactItems"][1]["Put"];
    put["ConditionExpression"] = json!(ANYTHING);
    put.as_object_mut().unwrap().remove("ExpressionAttributeValues");
}

/// Leaves the chain as the checkpoint has it that is replaced.
fn keep_chain(engine: &Engine, body: &mut Value) {
    let checkpoint = &mut body["TransactItems"][1]["Put"]["Item"];
    let key = json!({"pk": checkpoint["pk"], "sk": checkpoint["sk"]});
    let before = engine.answer("GetItem", &json!({"TableName": TABLE_NAME, "Key": key})).body["Item"].take();
    let chain = before.pointer("/history/M/chain").cloned();
    checkpoint["history"]["M"]["chain"] = chain.unwrap_or_else(|| json!({"S": ""}));
}

/// Lets the part of a condition that is about the seal be met by every account. A seal itself keeps it.
fn overlook_seal(body: &mut Value) {
    const ABOVE_SEAL: &str = "(attribute_not_exists(sealed_to) OR sealed_to < :entry)";
    let overlook = |part: &mut Value| {
        let is_seal = part["UpdateExpression"].as_str().is_some_and(|text| text.contains("sealed_to"));
        if let (false, Some(condition)) = (is_seal, part["ConditionExpression"].as_str()) {
            let weak = condition.replace(ABOVE_SEAL, "(attribute_exists(pk) OR sealed_to < :entry)");
            part["ConditionExpression"] = json!(weak);
        }
    };
    if body["ConditionExpression"].is_string() {
        overlook(body);
    }
    for part in body["TransactItems"].as_array_mut().into_iter().flatten() {
        part.as_object_mut().into_iter().flat_map(|part| part.values_mut()).for_each(overlook);
    }
}

/// Checks the account and moves the checkpoint, and writes the sums only if `strikes` is not.
fn step_without_sums(engine: &Engine, mut body: Value, strikes: bool) -> Reply {
    let sums = body["TransactItems"].as_array_mut().unwrap().split_off(2);
    let reply = engine.answer("TransactWriteItems", &body);
    if reply.is_success() && !strikes {
        for part in &sums {
            let mut update = part["Update"].clone();
            update.as_object_mut().unwrap().remove("ReturnValuesOnConditionCheckFailure");
            engine.answer("UpdateItem", &update);
        }
    }
    reply
}

/// Replaces a value of an expression, if there is one of this name.
fn replace_value(body: &mut Value, name: &str, value: &str) {
    if let Some(found) = body["ExpressionAttributeValues"].get_mut(name) {
        *found = json!({"S": value});
    }
}

/// Takes the vectors out of all texts that are written.
fn forget_vectors(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(texts) = members.get_mut("texts").and_then(|texts| texts["M"].as_object_mut()) {
                texts.remove("embeddings");
            }
            members.values_mut().for_each(forget_vectors);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_vectors),
        _ => {}
    }
}

/// Counts the end of a key where nobody looks.
fn leave_end_of_key_unsaid(body: &mut Value) {
    for item in body["TransactItems"].as_array_mut().into_iter().flatten() {
        let Some(expression) = item.pointer_mut("/Update/UpdateExpression") else { continue };
        let unsaid = expression.as_str().unwrap().replace(" keys_version ", " unsaid ");
        *expression = json!(unsaid);
    }
}

/// Makes the part on API keys of a hold's condition one that is always met.
fn trust_memory(body: &mut Value) {
    let update = if body["TransactItems"].is_array() { &mut body["TransactItems"][0]["Update"] } else { body };
    if is_hold(update) {
        let condition = update["ConditionExpression"].as_str().unwrap();
        let condition = condition.replace(" AND attribute_not_exists(keys_version)", "");
        let either = "(keys_version = :keys_version OR keys_version <> :keys_version)";
        update["ConditionExpression"] = json!(condition.replace("keys_version = :keys_version", either));
    }
}

fn hide_ends_of_keys(account: &mut Value) {
    if let Some(account) = account.as_object_mut() {
        account.remove("keys_version");
    }
}

/// Replaces a part of the condition on which a use of a code is counted.
fn replace_in_count(body: &mut Value, part: &str, instead: &str) {
    for item in body["TransactItems"].as_array_mut().into_iter().flatten() {
        let Some(update) = item.get_mut("Update") else { continue };
        if update["Key"]["sk"]["S"] == "VOUCHER" {
            let condition = update["ConditionExpression"].as_str().unwrap().replace(part, instead);
            update["ConditionExpression"] = json!(condition);
        }
    }
}

fn call_invitation(code: &mut Value) {
    if code.is_object() {
        code["kind"] = json!({"S": "invitation"});
    }
}

fn token(body: &Value) -> &str {
    body["ClientRequestToken"].as_str().unwrap_or_default()
}

fn is_hold(update: &Value) -> bool {
    update["ExpressionAttributeValues"][":hold"].is_object()
}

fn is_end_of_hold(update: &Value) -> bool {
    update["ExpressionAttributeValues"][":returned"].is_object()
}

/// A part of a transaction that writes nothing. No part of the sabotaged transactions deletes.
fn is_check(part: &Value) -> bool {
    part["UpdateExpression"].is_null() && part["Item"].is_null()
}

/// The transaction that puts a session.
fn is_login(body: &Value) -> bool {
    parts(&body["TransactItems"]).any(|part| part["Item"]["refresh_token_id"].is_object())
}

/// The actions of a transaction's items.
fn parts(items: &Value) -> impl Iterator<Item = &Value> {
    items.as_array().into_iter().flatten().filter_map(|item| item.as_object()?.values().next())
}

/// Adds `instead` as an alternative to the conditions of the parts that are `meant`. The conditions stay, since
/// `DynamoDB` refuses values that no expression uses.
fn weaken(body: &mut Value, meant: fn(&Value) -> bool, instead: &str) {
    let parts: Vec<&mut Value> = match body["TransactItems"].as_array_mut() {
        Some(items) => items.iter_mut().filter_map(|item| item.as_object_mut()?.values_mut().next()).collect(),
        None => vec![body],
    };
    for part in parts.into_iter().filter(|part| meant(part)) {
        let condition = part["ConditionExpression"].as_str().unwrap();
        part["ConditionExpression"] = json!(format!("{instead} OR ({condition})"));
    }
}

/// The part of a hold's transaction that takes from a budget.
fn is_hold_of_budget(part: &Value) -> bool {
    is_item_of(&part["Key"], PREFIX_OF_BUDGETS) && part["ConditionExpression"].is_string()
}

/// The part of a transaction that gives back to a budget.
fn is_return_to_budget(part: &Value) -> bool {
    is_item_of(&part["Key"], PREFIX_OF_BUDGETS) && part["ExpressionAttributeValues"][":unspent"].is_object()
}

/// The part of a transaction that changes the limits of an API key.
fn is_change_of_key(part: &Value) -> bool {
    part["ExpressionAttributeValues"][":limits"].is_object()
}

/// Holds in the period in which the hold would have been made 40 s earlier.
fn turn_period_late(body: &mut Value) {
    let hold = &body["TransactItems"][0]["Update"]["ExpressionAttributeValues"][":hold"]["M"];
    let (Some(place), Some(id)) = (hold["budget"]["S"].as_str(), hold["id"]["S"].as_str()) else { return };
    let (key, period) = place.split_once('#').unwrap();
    let made_at = EntryId::parse(id).unwrap().made_at();
    let length = Period::parse(period).unwrap().length();
    let late = length.period_at(made_at.minus(Duration::from_secs(40)));
    let moved = body.to_string().replace(place, &format!("{key}#{late}"));
    *body = serde_json::from_str(&moved).unwrap();
}

fn refill_buckets(body: &mut Value) {
    replace_in_hold(body, "UpdateExpression", |expression| {
        (0..2).fold(expression.to_owned(), |expression, place| {
            let later = format!("buckets.#bucket_{place} + :interval_{place}");
            expression.replace(&later, &format!(":now_us + :interval_{place}"))
        })
    });
}

/// Leaves the second bucket as it is. The values stay in use, for a bucket that is not there.
fn forget_second_bucket(body: &mut Value) {
    replace_in_hold(body, "UpdateExpression", |expression| {
        let as_it_is = |value: &str| format!("buckets.#bucket_1 = if_not_exists(buckets.#bucket_1, {value})");
        let expression = expression.replace("buckets.#bucket_1 = :after_1", &as_it_is(":after_1"));
        expression.replace("buckets.#bucket_1 = buckets.#bucket_1 + :interval_1", &as_it_is(":interval_1"))
    });
}

fn make_buckets_again(body: &mut Value) {
    replace_in_hold(body, "ConditionExpression", |condition| {
        condition.replace(" AND attribute_not_exists(buckets)", "")
    });
}

/// Replaces an expression of the update of an account, alone or as the first part of a transaction.
fn replace_in_hold(body: &mut Value, name: &str, replaced: impl FnOnce(&str) -> String) {
    let update = if body["TransactItems"].is_array() { &mut body["TransactItems"][0]["Update"] } else { body };
    let Some(expression) = update[name].as_str().map(replaced) else { return };
    update[name] = json!(expression);
}

fn is_item_of(item: &Value, prefix: &str) -> bool {
    item["sk"]["S"].as_str().is_some_and(|sort| sort.starts_with(prefix))
}

/// The part of a transaction that changes the sums of all accounts.
fn is_of_all(part: &Value) -> bool {
    part["Key"]["pk"]["S"] == SUMS_OF_ALL
}

fn is_act(part: &Value) -> bool {
    part["Item"]["pk"]["S"].as_str().is_some_and(|partition| partition.starts_with("ACTS"))
}

fn is_check_of_actor(part: &Value) -> bool {
    part["ConditionExpression"].as_str().is_some_and(|condition| condition.starts_with("#actor_status"))
}

/// Puts the record of a row's grant where nobody looks for it. The token is another one in each attempt.
fn rename_grants_of_jobs(body: &mut Value) {
    let token = token(body).to_owned();
    for part in body["TransactItems"].as_array_mut().into_iter().flatten() {
        let Some(item) = part.pointer_mut("/Put/Item") else { continue };
        if item["job"].is_object() && item["pk"]["S"].as_str().is_some_and(|partition| partition.starts_with("GRANT#"))
        {
            item["pk"] = json!({"S": format!("GRANT#{token}")});
        }
    }
}

/// Leaves a part out of a transaction.
fn forget_part(body: &mut Value, is_meant: fn(&Value) -> bool) {
    if let Some(items) = body["TransactItems"].as_array_mut() {
        items.retain(|item| !item.as_object().into_iter().flat_map(|item| item.values()).any(is_meant));
    }
}

fn keep_count(body: &mut Value) {
    let Some(update) = body.pointer_mut("/TransactItems/0/Update") else { return };
    let expression = update["UpdateExpression"].as_str().unwrap_or_default();
    let counted = "conversations = if_not_exists(conversations, :one) - :one, ";
    update["UpdateExpression"] = json!(expression.replace(counted, ""));
}

/// Changes the conversation of a capture, in its entry and in the key of its message item.
fn move_into_first(engine: &Engine, body: &mut Value) {
    let entry = entry_of(body).clone();
    let Some(asked_in) = entry["conversation"]["S"].as_str().map(ToOwned::to_owned) else { return };
    let partition = entry["pk"]["S"].as_str().unwrap();
    let items = engine.items();
    let of_user = |sort: &str| items.iter().find(|item| item.partition == partition && item.sort == sort);
    let Some(account) = of_user(ACCOUNT) else { return };
    let first = account.parsed::<Account>().first_conversation().to_string();
    let is_there = of_user(&format!("CONVERSATION#{asked_in}")).is_some();
    if is_there || asked_in == ConversationId::COMPLETIONS.to_string() || asked_in == first {
        return;
    }
    entry_of(body)["conversation"] = json!({"S": first});
    for part in body["TransactItems"].as_array_mut().unwrap() {
        if let Some(sort) = part.pointer_mut("/Put/Item/sk/S") {
            *sort = json!(sort.as_str().unwrap().replace(&format!("MESSAGE#{asked_in}"), &format!("MESSAGE#{first}")));
        }
    }
}

fn is_title(part: &Value) -> bool {
    part["ExpressionAttributeValues"][":title"].is_object()
}

/// Adds each conversation that was asked for alone and is not there. (A message asks for it together with the account.)
fn find_every_conversation(engine: &Engine, body: &Value) -> Reply {
    let mut reply = engine.answer("BatchGetItem", body);
    let keys = body["RequestItems"][TABLE_NAME]["Keys"].as_array().unwrap();
    let Some(found) = reply.body["Responses"][TABLE_NAME].as_array_mut() else { return reply };
    if keys.iter().all(|key| is_item_of(key, "CONVERSATION#")) {
        for key in keys.iter().filter(|key| !found.iter().any(|item| item["sk"] == key["sk"])).collect::<Vec<_>>() {
            let (title, created_at) = (json!({"S": "Title"}), json!({"S": ""}));
            found.push(json!({"pk": key["pk"], "sk": key["sk"], "title": title, "created_at": created_at}));
        }
    }
    reply
}

/// The value stays in use, in an attribute without readers.
fn keep_place_of_first(body: &mut Value) {
    let Some(update) = body.pointer_mut("/TransactItems/0/Update") else { return };
    let expression = update["UpdateExpression"].as_str().unwrap_or_default();
    update["UpdateExpression"] = json!(expression.replace("first_conversation = :fresh", "another = :fresh"));
}

/// Texts that a batch would delete stay, if message items of the same user are there: it is no deletion of an account.
fn keep_texts(body: &mut Value) {
    let requests = body["RequestItems"][TABLE_NAME].as_array_mut().unwrap();
    if requests.iter().all(|request| is_item_of(&request["DeleteRequest"]["Key"], PREFIX_OF_TEXTS)) {
        // A batch has at least one request: the last one is sent, with a key that nobody has.
        requests.truncate(1);
        requests[0]["DeleteRequest"]["Key"]["sk"] = json!({"S": "NOTHING"});
    }
}

/// The deletion's first transaction, after which the login is gone.
fn close_and_free_name(engine: &Engine, operation: &str, body: &Value) -> Reply {
    let reply = engine.answer(operation, body);
    let closes = body.pointer(CLOSING).is_some();
    if closes && reply.is_success() {
        let login = &body["TransactItems"][1]["Update"];
        engine.answer("DeleteItem", &json!({"TableName": login["TableName"], "Key": login["Key"]}));
    }
    reply
}

fn keep_holds(body: &mut Value) {
    if body.pointer(CLOSING).is_some() {
        let update = &mut body["TransactItems"][0]["Update"];
        let expression = update["UpdateExpression"].as_str().unwrap();
        // The value stays in use, in an attribute without readers.
        update["UpdateExpression"] = json!(expression.replace("holds = :none", "former_holds = :none"));
    }
}

fn keep_epoch_of_account(body: &mut Value) {
    let is_change = body.pointer("/TransactItems/1/Update/ExpressionAttributeValues/:new").is_some();
    if is_change {
        let values = &mut body["TransactItems"][0]["Update"]["ExpressionAttributeValues"];
        values[":next"] = values[":epoch"].clone();
    }
}

fn capture_without_record(engine: &Engine, mut body: Value, record_is_lost: bool) -> Reply {
    let items = body["TransactItems"].as_array_mut().unwrap();
    let place = items.iter().position(|item| is_item_of(&item["Put"]["Item"], "IDEMPOTENCY#"));
    let record = place.map(|place| items.remove(place));
    let reply = engine.answer("TransactWriteItems", &body);
    if let Some(record) = record
        && reply.is_success()
        && !record_is_lost
    {
        engine.answer("PutItem", &record["Put"]);
    }
    reply
}

fn expire_holds(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(holds) = members.get_mut("holds") {
                for hold in holds["M"].as_object_mut().into_iter().flat_map(|holds| holds.values_mut()) {
                    hold["M"]["expires_at"]["N"] = json!("0");
                }
            }
            members.values_mut().for_each(expire_holds);
        }
        Value::Array(values) => values.iter_mut().for_each(expire_holds),
        _ => {}
    }
}

fn is_deletion_of_text(operation: &str, body: &Value) -> bool {
    operation == "DeleteItem" && body["Key"]["sk"]["S"].as_str().is_some_and(|sort| sort.starts_with(PREFIX_OF_TEXTS))
}

/// Adds an entry to a list for each text without one.
fn list_texts(engine: &Engine, body: &Value) -> Reply {
    let mut reply = engine.answer("Query", body);
    let values = &body["ExpressionAttributeValues"];
    let is_of_entries = values[":first"]["S"].as_str().is_some_and(|first| first.starts_with("ENTRY#"));
    if !is_of_entries {
        return reply;
    }
    let of_user = |item: &&StoredItem| values[":pk"]["S"] == item.partition.as_str();
    let stored = engine.items();
    for id in stored.iter().filter(of_user).filter_map(|item| item.sort.strip_prefix(PREFIX_OF_TEXTS)) {
        let sort = format!("ENTRY#{id}");
        if !stored.iter().filter(of_user).any(|item| item.sort == sort) {
            reply.body["Items"].as_array_mut().unwrap().push(entry_of_text(&values[":pk"], &sort));
        }
    }
    reply
}

fn entry_of_text(partition: &Value, sort: &str) -> Value {
    let usage = json!({"input_tokens": {"N": "0"}, "output_tokens": {"N": "0"}});
    json!({
        "pk": partition, "sk": {"S": sort}, "kind": {"S": "chat"}, "amount": {"N": "0"}, "created_at": {"S": ""},
        "model": {"S": "model-0"}, "usage": {"M": usage}, "texts": {"S": "apart"}, "json_bytes": {"N": "0"},
        "conversation": {"S": ConversationId::FIRST.to_string()},
    })
}

/// Says of lost texts that they are apart.
fn call_found(value: &mut Value) {
    match value {
        Value::String(text) if text == "lost" => "apart".clone_into(text),
        Value::Object(members) => members.values_mut().for_each(call_found),
        Value::Array(values) => values.iter_mut().for_each(call_found),
        _ => {}
    }
}

fn forget_unpaid_work(body: &mut Value) {
    let Some(expression) = body["UpdateExpression"].as_str() else { return };
    body["UpdateExpression"] = json!(expression.replace(", hourly.unpaid = hourly.unpaid + :one", ""));
}

fn allow_unpaid_work(body: &mut Value) {
    let update = if body["TransactItems"].is_array() { &mut body["TransactItems"][0]["Update"] } else { body };
    if is_hold(update) {
        let values = &mut update["ExpressionAttributeValues"];
        (values[":most"], values[":unpaid"]) = (json!({"N": "1000"}), json!({"N": "1000"}));
    }
}

/// The entry in the transaction of a capture.
fn entry_of(body: &mut Value) -> &mut Value {
    &mut body["TransactItems"][1]["Put"]["Item"]
}

/// Charges `cost`, as far as it was held, and returns the rest.
fn charge(body: &mut Value, cost: i64) {
    let charged = -number(&entry_of(body)["amount"]);
    let returned = &mut body["TransactItems"][0]["Update"]["ExpressionAttributeValues"][":returned"];
    let held = number(returned) + charged;
    let cost = cost.min(held);
    *returned = json!({"N": (held - cost).to_string()});
    entry_of(body)["amount"] = json!({"N": (-cost).to_string()});
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn is_catalogue(key: &Value) -> bool {
    key["pk"]["S"] == CATALOGUE
}

/// The newest catalogue, with its version as a request has it.
fn newest_catalogue(engine: &Engine) -> Option<(Value, Catalogue)> {
    let key = json!({"pk": {"S": CATALOGUE}, "sk": {"S": CATALOGUE}});
    let item = engine.answer("GetItem", &json!({"TableName": TABLE_NAME, "Key": key})).body["Item"].take();
    let document = item["catalogue"]["S"].as_str()?;
    Some((item["version"].clone(), Catalogue::parse(document).unwrap()))
}

fn charge_by_newest(engine: &Engine, body: &mut Value) {
    let entry = entry_of(body);
    let Some((version, catalogue)) = newest_catalogue(engine) else { return };
    let Some(model) = catalogue.find(entry["model"]["S"].as_str().unwrap()) else { return };
    if entry["catalogue"] != version {
        let usage: Usage = serde_json::from_value(plain(&entry["usage"])).unwrap();
        (entry["prices"], entry["catalogue"]) = (attribute_of(&model.prices), version);
        charge(body, model.prices.cost(&usage).gained());
    }
}

fn name_first_offer(engine: &Engine, body: &mut Value) {
    let entry = entry_of(body);
    let Some((version, catalogue)) = newest_catalogue(engine) else { return };
    let answered = entry["model"]["S"].as_str().unwrap();
    let first = catalogue.models().iter().find(|model| model.fallbacks.iter().any(|fallback| fallback == answered));
    if let Some(first) = first.filter(|_| entry["catalogue"] == version) {
        (entry["model"], entry["prices"]) = (json!({"S": first.id}), attribute_of(&first.prices));
    }
}

/// Charges for another usage, which the entry says.
fn change_usage(body: &mut Value, change: impl FnOnce(Usage) -> Usage) {
    let entry = entry_of(body);
    let usage: Usage = serde_json::from_value(plain(&entry["usage"])).unwrap();
    let prices: Prices = serde_json::from_value(plain(&entry["prices"])).unwrap();
    let changed = change(usage);
    if changed != usage {
        entry["usage"] = attribute_of_usage(&changed);
        charge(body, prices.cost(&changed).gained());
    }
}

fn attribute_of_usage(usage: &Usage) -> Value {
    let mut members = serde_json::to_value(usage).unwrap();
    for member in members.as_object_mut().unwrap().values_mut() {
        *member = if member.is_boolean() { json!({"BOOL": member}) } else { json!({"N": member.to_string()}) };
    }
    json!({"M": members})
}

fn lower_input_to_first_offer(engine: &Engine, body: &mut Value) {
    let Some((_, catalogue)) = newest_catalogue(engine) else { return };
    let answered = entry_of(body)["model"]["S"].as_str().unwrap().to_owned();
    let mut models = catalogue.models().iter();
    let Some(first) = models.find(|model| model.fallbacks.contains(&answered)) else { return };
    change_usage(body, |usage| {
        // The question may have had an extra parameter and a proof, whose tokens are not lowered.
        let prompt = wordless_prompt(usage.images, MOST_PROOF_BYTES);
        let of_images = prompt.most_input_tokens(first.image_tokens.unwrap_or(0));
        usage.within(of_images + 2 * MOST_EXTRA_BYTES as u64, u64::MAX)
    });
}

/// The prices as `DynamoDB` has them.
fn attribute_of(prices: &Prices) -> Value {
    let members = serde_json::to_value(prices).unwrap();
    let members = members.as_object().unwrap().iter();
    let members = members.map(|(name, price)| (name.clone(), json!({"N": price.to_string()})));
    json!({"M": members.collect::<serde_json::Map<_, _>>()})
}

fn read_under_version_before(engine: &Engine, body: &Value) -> Reply {
    let mut reply = engine.answer("GetItem", body);
    if let Some(item) = reply.body["Item"].as_object_mut() {
        let before = number(&item["version"]) - 1;
        item["version"] = json!({"N": before.to_string()});
    }
    reply
}

fn is_key_of_entry(key: &Value) -> bool {
    key["sk"]["S"].as_str().is_some_and(|sort| sort.starts_with("ENTRY#"))
}

/// Forgets the hour's unpaid work after each hold.
fn hold_and_forget(engine: &Engine, operation: &str, body: &Value) -> Reply {
    let reply = engine.answer(operation, body);
    let update = if operation == "TransactWriteItems" { &body["TransactItems"][0]["Update"] } else { body };
    if reply.is_success() && is_hold(update) {
        let forget = json!({
            "TableName": update["TableName"],
            "Key": update["Key"],
            "UpdateExpression": "SET hourly.unpaid = :none",
            "ExpressionAttributeValues": {":none": {"N": "0"}},
        });
        engine.answer("UpdateItem", &forget);
    }
    reply
}
