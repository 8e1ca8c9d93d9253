//! The schedules that run with every `cargo test`, and more on demand:
//!
//! ```sh
//! SIMULATION_SCHEDULES=100000 cargo test -p testkit every_schedule -- --nocapture
//! SIMULATION_SEED=17 cargo test -p testkit every_schedule
//! ```

use std::collections::BTreeMap;
use std::env;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::allowance_witness::AllowanceCounts;
use crate::request::Wish;
use crate::sabotage::Sabotage;
use crate::schedule::{self, Outcome};
use crate::verdict_on_budgets::is_out_of_limits;

/// The number of schedules in one `cargo test`.
const SCHEDULES: u64 = 2_000;
/// A long run prints its progress once in this many schedules.
const PROGRESS: u64 = 2_000;

fn number_from_environment(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

fn prove(seed: u64) {
    let outcome = schedule::run(seed, None);
    assert!(
        outcome.violations.is_empty(),
        "{}\n\nschedule {seed} failed; SIMULATION_SEED={seed} cargo test -p testkit every_schedule runs it alone:\n{}",
        outcome.trace.join("\n"),
        outcome.violations.join("\n"),
    );
}

/// Runs the schedules from `next` to the last one.
fn prove_all(next: &AtomicU64, schedules: u64, started: Instant) {
    loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if seed >= schedules {
            return;
        }
        prove(seed);
        if (seed + 1).is_multiple_of(PROGRESS) {
            eprintln!("simulation: {} of {schedules} schedules after {} s", seed + 1, started.elapsed().as_secs());
        }
    }
}

#[test]
fn the_ledger_is_right_after_every_schedule() {
    if let Some(seed) = number_from_environment("SIMULATION_SEED") {
        return prove(seed);
    }
    let schedules = number_from_environment("SIMULATION_SCHEDULES").unwrap_or(SCHEDULES);
    let (next, started) = (AtomicU64::new(0), Instant::now());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| prove_all(&next, schedules, started));
        }
    });
}

#[test]
fn a_seed_is_a_schedule() {
    for seed in 0..10 {
        let (first, second) = (schedule::run(seed, None), schedule::run(seed, None));
        assert_eq!(first.trace, second.trace, "schedule {seed}");
        assert_ne!(first.trace, schedule::run(seed + 1, None).trace);
    }
}

/// A proof about answers that no schedule produces would prove nothing.
#[test]
fn schedules_meet_everything_that_they_are_to_prove() {
    let mut met = BTreeMap::new();
    for seed in 0..600 {
        count(&mut met, schedule::run(seed, None));
    }
    let of_accounts = ["change of the password", "deletion", "login", "logout everywhere", "refresh"];
    let wanted = of_accounts.iter().flat_map(|wish| [(*wish, "done"), (*wish, "unknown"), (*wish, "token_not_valid")]);
    for wanted in wanted.filter(|wanted| *wanted != ("login", "token_not_valid")).chain([
        ("chat", "charged"),
        ("chat", "charged less than was held"),
        ("chat", "charged by a fallback"),
        ("chat", "model_not_found"),
        ("chat", "unsupported_parameter"),
        ("chat", "broken off"),
        ("chat", "replayed"),
        ("chat", "token_not_valid"),
        ("chat", "throttled"),
        ("chat", "answer_gone"),
        ("embeddings", "charged"),
        ("embeddings", "charged less than was held"),
        ("embeddings", "replayed"),
        ("embeddings", "answer_gone"),
        ("embeddings", "model_not_found"),
        ("chat", "invalid"),
        ("conversation", "done"),
        ("conversation", "unknown"),
        ("conversation", "token_not_valid"),
        ("title", "done"),
        ("title", "not_found"),
        ("deletion of a conversation", "done"),
        ("deletion of a conversation", "not_found"),
        ("deletion of a conversation", "unknown"),
        ("change of the password", "invalid_credentials"),
        ("deletion", "invalid_credentials"),
        ("login", "invalid_credentials"),
        ("chat by a program", "charged"),
        ("chat by a program", "replayed"),
        ("chat by a program", "token_not_valid"),
        ("seal", "done"),
        ("step", "done"),
        ("summing again", "done"),
        ("late directory", "hides a user"),
        ("late directory", "lists what is gone"),
        ("hold in a remembered account", "done"),
        ("hold in a remembered account", "refused"),
        ("program out of limits", "budget_spent"),
        ("program out of limits", "too_many_requests"),
        ("person out of limits", "too_many_requests"),
        ("hold with two buckets", "done"),
        ("step of an allowance", "gave credits"),
        ("step of an allowance", "gave those of several periods"),
        ("step of an allowance", "gave less than its periods have"),
        ("change of an allowance", "done"),
        ("change of a key", "done"),
        ("change of a key", "not_found"),
        ("change of a key", "token_not_valid"),
        ("end of a key", "done"),
        ("end of a key", "not_found"),
        ("logout", "done"),
        ("new key", "done"),
        ("register", "done"),
        ("register", "username_taken"),
        ("redemption", "done"),
        ("redemption", "already_redeemed"),
        ("redemption", "token_not_valid"),
        ("redemption", "unknown"),
        ("redemption", "voucher_not_found"),
        ("redemption", "voucher_spent"),
        ("registration by invitation", "done"),
        ("registration by invitation", "voucher_not_found"),
        ("registration by invitation", "voucher_spent"),
    ]) {
        assert!(met.get(&wanted).is_some_and(|times| *times >= 5), "{wanted:?} of {met:#?}");
    }
}

/// Counts what `outcome` has met.
fn count(met: &mut BTreeMap<(&'static str, &'static str), usize>, outcome: Outcome) {
    let (held, refused) = outcome.remembered_holds;
    *met.entry(("seal", "done")).or_insert(0) += outcome.sealed;
    *met.entry(("step", "done")).or_insert(0) += outcome.summed;
    *met.entry(("summing again", "done")).or_insert(0) += usize::try_from(outcome.summed_again).unwrap();
    *met.entry(("late directory", "hides a user")).or_insert(0) += outcome.staleness.hidden;
    *met.entry(("late directory", "lists what is gone")).or_insert(0) += outcome.staleness.gone;
    *met.entry(("hold with two buckets", "done")).or_insert(0) += outcome.holds_of_two_buckets;
    *met.entry(("budget", "below zero")).or_insert(0) += outcome.budgets_below_zero;
    *met.entry(("hold in a remembered account", "done")).or_insert(0) += held;
    *met.entry(("hold in a remembered account", "refused")).or_insert(0) += refused;
    let AllowanceCounts { giving, of_several_periods, capped, changed } = outcome.allowances;
    for (what, times) in [
        ("gave credits", giving),
        ("gave those of several periods", of_several_periods),
        ("gave less than its periods have", capped),
    ] {
        *met.entry(("step of an allowance", what)).or_insert(0) += times;
    }
    *met.entry(("change of an allowance", "done")).or_insert(0) += changed;
    for (request, told) in outcome.journal {
        *met.entry((request.wish.kind(), told.kind())).or_insert(0) += 1;
        if let Wish::Chat(chat) = &request.wish
            && is_out_of_limits(&told)
        {
            let by = if chat.program.is_some() { "program out of limits" } else { "person out of limits" };
            *met.entry((by, told.kind())).or_insert(0) += 1;
        }
        if matches!(&request.wish, Wish::Chat(chat) if chat.program.is_some()) {
            *met.entry(("chat by a program", told.kind())).or_insert(0) += 1;
        }
    }
}

/// A test of the simulation, not of the ledger: some schedule shows that this rule is broken.
fn assert_found(sabotage: Sabotage) {
    assert_found_by(sabotage, "");
}

/// As [`assert_found`], by the verdict that speaks of `words`, whatever else is wrong then.
fn assert_found_by(sabotage: Sabotage, words: &str) {
    let found = (0..SCHEDULES).find_map(|seed| {
        let mut violations = schedule::run(seed, Some(sabotage)).violations.into_iter();
        Some((seed, violations.find(|violation| violation.contains(words))?))
    });
    let (seed, violation) = found.unwrap_or_else(|| panic!("{SCHEDULES} schedules do not find {sabotage:?}"));
    eprintln!("simulation: {sabotage:?} is found by schedule {seed}: {violation}");
}

#[test]
fn the_simulation_finds_an_unconditional_debit() {
    assert_found(Sabotage::UnconditionalDebit);
}

#[test]
fn the_simulation_finds_a_capture_of_another_hold_in_its_place() {
    assert_found(Sabotage::CaptureOfAnyHold);
}

#[test]
fn the_simulation_finds_a_capture_that_keeps_what_was_not_used() {
    assert_found(Sabotage::CaptureOfTheWholeHold);
}

#[test]
fn the_simulation_finds_a_release_of_another_hold_in_its_place() {
    assert_found(Sabotage::ReleaseOfAnyHold);
}

#[test]
fn the_simulation_finds_a_release_without_a_condition() {
    assert_found(Sabotage::UnconditionalRelease);
}

#[test]
fn the_simulation_finds_holds_that_all_look_expired() {
    assert_found(Sabotage::NothingIsLive);
}

#[test]
fn the_simulation_finds_an_idempotency_record_outside_the_transaction() {
    assert_found(Sabotage::RecordOutsideTransaction);
}

#[test]
fn the_simulation_finds_a_void_entry_that_was_not_written() {
    assert_found(Sabotage::VoidNotWritten);
}

#[test]
fn the_simulation_finds_a_void_entry_of_a_deleted_user() {
    assert_found(Sabotage::VoidOfTheDeleted);
}

#[test]
fn the_simulation_finds_a_login_that_does_not_look_at_the_account() {
    assert_found(Sabotage::LoginToAnyAccount);
}

#[test]
fn the_simulation_finds_a_deletion_that_frees_the_name_first() {
    assert_found(Sabotage::NameFreedFirst);
}

#[test]
fn the_simulation_finds_a_deletion_that_leaves_the_holds() {
    assert_found(Sabotage::HoldsOutliveDeletion);
}

#[test]
fn the_simulation_finds_a_password_change_that_does_not_raise_the_accounts_epoch() {
    assert_found(Sabotage::EpochOfLoginAlone);
}

#[test]
fn the_simulation_finds_a_list_that_trusts_texts() {
    assert_found(Sabotage::ListTrustsTexts);
}

#[test]
fn the_simulation_finds_a_release_that_leaves_the_text() {
    assert_found(Sabotage::ReleaseLeavesTheText);
}

#[test]
fn the_simulation_finds_a_capture_that_counts_on_the_text() {
    assert_found(Sabotage::CaptureCountsOnTheText);
}

#[test]
fn the_simulation_finds_a_hold_that_trusts_the_read_of_its_keys_record() {
    assert_found(Sabotage::HoldTrustsTheRead);
}

#[test]
fn the_simulation_finds_unpaid_work_that_is_not_counted() {
    assert_found(Sabotage::UnpaidWorkNotCounted);
}

#[test]
fn the_simulation_finds_a_hold_that_trusts_the_read_of_unpaid_work() {
    assert_found(Sabotage::UnpaidWorkNotChecked);
}

#[test]
fn the_simulation_finds_an_hour_that_every_hold_begins_anew() {
    assert_found(Sabotage::HourBegunByEveryHold);
}

#[test]
fn the_simulation_finds_a_release_that_does_not_look_for_the_charge() {
    assert_found(Sabotage::ChargeNotLookedFor);
}

#[test]
fn the_simulation_finds_an_entry_at_another_price_than_was_charged() {
    assert_found_by(Sabotage::EntryAtAnotherPrice, "is not what its usage costs at its prices");
}

#[test]
fn the_simulation_finds_a_charge_at_another_price_than_its_entry_says() {
    assert_found_by(Sabotage::ChargeAtAnotherPrice, "is not what its usage costs at its prices");
}

#[test]
fn the_simulation_finds_prices_of_another_version_than_their_entry_says() {
    assert_found_by(Sabotage::PricesOfAnotherVersion, "has prices that its model never had in that catalogue");
}

#[test]
fn the_simulation_finds_a_charge_at_the_newest_price_and_not_at_that_of_the_request() {
    assert_found_by(Sabotage::ChargeAtTheNewestPrice, "is of a catalogue that was not current while it was asked");
}

#[test]
fn the_simulation_finds_an_entry_that_names_the_first_model_although_its_fallback_answered() {
    assert_found_by(Sabotage::EntryNamesTheFirstOffer, "names a model that did not answer");
}

#[test]
fn the_simulation_finds_a_stream_that_is_free_because_it_began_without_words() {
    assert_found_by(Sabotage::SilenceUncharged, "has the entry None");
}

#[test]
fn the_simulation_finds_a_hold_that_forgets_the_choices() {
    assert_found_by(Sabotage::ChoicesForgotten, "was not held as the candidates of its catalogue cost");
}

#[test]
fn the_simulation_finds_a_charge_that_forgets_the_choices() {
    assert_found_by(Sabotage::ChoicesForgotten, "which agreed to");
}

#[test]
fn the_simulation_finds_a_charge_without_the_images() {
    assert_found_by(Sabotage::ImagesUnpriced, "does not count the images of its message");
}

#[test]
fn the_simulation_finds_input_that_is_lowered_to_the_images_of_the_first_model_although_its_fallback_answered() {
    assert_found_by(Sabotage::InputOfTheFirstOffer, "which agreed to");
}

#[test]
fn the_simulation_finds_a_hold_that_forgets_an_extra_parameter() {
    assert_found_by(Sabotage::ExtraNotCounted, "was not held as the candidates of its catalogue cost");
}

#[test]
fn the_simulation_finds_a_charge_that_forgets_an_extra_parameter() {
    assert_found_by(Sabotage::ExtraNotCounted, "does not have the input that its model counted");
}

#[test]
fn the_simulation_finds_a_hold_that_forgets_a_proof_of_reasoning() {
    assert_found_by(Sabotage::ProofsNotCounted, "was not held as the candidates of its catalogue cost");
}

#[test]
fn the_simulation_finds_a_charge_that_forgets_a_proof_of_reasoning() {
    assert_found_by(Sabotage::ProofsNotCounted, "does not have the input that its model counted");
}

#[test]
fn the_simulation_finds_writes_to_the_cache_at_the_price_of_other_input() {
    assert_found_by(
        Sabotage::CacheWritesAtTheInputsPrice,
        "does not have the parts of the input that its model counted",
    );
}

#[test]
fn the_simulation_finds_an_extra_parameter_at_a_model_that_does_not_list_it() {
    assert_found_by(Sabotage::ExtraToEveryModel, "was given other members than it lists");
}

#[test]
fn the_simulation_finds_a_catalogue_that_an_instance_never_reads_again() {
    assert_found_by(Sabotage::CatalogueNeverReadAgain, "was not asked for in the minute before");
}

#[test]
fn the_simulation_finds_a_replacement_that_does_not_look_at_the_version() {
    assert_found_by(Sabotage::ReplacedWithoutLooking, "of the catalogue was written again");
}

#[test]
fn the_simulation_finds_a_deleted_conversation_without_a_marker() {
    assert_found_by(Sabotage::DeletedWithoutMarker, "items GONE#");
}

#[test]
fn the_simulation_finds_a_deleted_conversation_that_is_still_counted() {
    assert_found_by(Sabotage::DeletionNotCounted, "items CONVERSATION#");
}

#[test]
fn the_simulation_finds_a_title_that_brings_a_deleted_conversation_back() {
    assert_found_by(Sabotage::TitleOfTheDeleted, "items CONVERSATION#");
}

#[test]
fn the_simulation_finds_a_list_that_does_not_look_for_conversations() {
    assert_found_by(Sabotage::ListFindsEveryConversation, "no stored charge in a living conversation");
}

#[test]
fn the_simulation_finds_a_first_conversation_that_keeps_its_id_when_it_is_emptied() {
    assert_found_by(Sabotage::FirstKeepsItsPlace, "is in a conversation that");
}

#[test]
fn the_simulation_finds_a_capture_into_the_first_conversation_after_its_own_was_deleted() {
    assert_found_by(Sabotage::CapturedIntoTheFirst, "is in a conversation that");
}

#[test]
fn the_simulation_finds_texts_that_outlive_their_conversation() {
    assert_found_by(Sabotage::TextsOutliveConversation, "is left of a deleted conversation");
}

#[test]
fn the_simulation_finds_readers_that_forget_the_age_of_texts() {
    assert_found_by(Sabotage::RetentionForgotten, "or too old, are told");
    assert_found_by(Sabotage::RetentionForgotten, "in a living conversation, or too old");
}

#[test]
fn the_simulation_finds_an_erasure_of_young_texts() {
    assert_found_by(Sabotage::YoungTextsErased, "does not show");
}

#[test]
fn the_simulation_finds_texts_that_outlive_their_retention() {
    assert_found_by(Sabotage::TextsOutliveRetention, "is left although its time is over");
}

#[test]
fn the_simulation_finds_an_account_that_says_more_than_was_erased() {
    assert_found_by(Sabotage::ErasureNotedTooFar, "does not show");
}

#[test]
fn the_simulation_finds_an_end_of_a_key_that_the_account_does_not_say() {
    assert_found_by(Sabotage::EndOfKeyUnsaid, "was served with a key that had ended before it began");
}

#[test]
fn the_simulation_finds_a_hold_that_trusts_the_memory_of_a_key() {
    assert_found_by(Sabotage::HoldTrustsTheMemory, "held for a key that it had not read before its end");
}

#[test]
fn the_simulation_finds_an_account_that_hides_the_ends_of_its_keys() {
    assert_found_by(Sabotage::AccountHidesEndsOfKeys, "was served with a key that had ended before it began");
}

#[test]
fn the_simulation_finds_a_hold_that_overdraws_an_account_as_it_is_remembered() {
    assert_found_by(Sabotage::HoldTrustsTheRememberedAccount, "has a balance of -");
}

#[test]
fn the_simulation_finds_a_hold_in_an_account_that_is_remembered_in_an_epoch_that_has_passed() {
    assert_found_by(Sabotage::HoldTrustsTheRememberedAccount, "held credits of");
}

#[test]
fn the_simulation_finds_a_budget_that_is_checked_outside_the_write() {
    assert_found_by(Sabotage::BudgetOutsideTheWrite, "brought a budget of");
}

#[test]
fn the_simulation_finds_a_release_that_forgets_the_key() {
    assert_found_by(Sabotage::ReleaseForgetsTheKey, "was charged and is held");
}

#[test]
fn the_simulation_finds_a_capture_that_forgets_the_key() {
    assert_found_by(Sabotage::CaptureForgetsTheKey, "was charged and is held");
}

#[test]
fn the_simulation_finds_a_period_that_turns_at_the_wrong_instant() {
    assert_found_by(Sabotage::PeriodTurnsLate, "was charged and is held");
}

#[test]
fn the_simulation_finds_a_bucket_that_every_hold_refills() {
    assert_found_by(Sabotage::BucketRefilledByEveryHold, "more requests were taken from the bucket");
}

#[test]
fn the_simulation_finds_a_second_bucket_that_is_forgotten() {
    assert_found_by(Sabotage::SecondBucketForgotten, "more requests were taken from the bucket");
}

#[test]
fn the_simulation_finds_buckets_that_are_made_again() {
    assert_found_by(Sabotage::BucketsMadeAgain, "more requests were taken from the bucket");
}

#[test]
fn the_simulation_finds_a_change_of_limits_in_a_session_that_has_ended() {
    assert_found_by(Sabotage::ChangeInAnEndedSession, "whose session had ended before");
}

#[test]
fn the_simulation_finds_a_change_of_limits_that_the_account_does_not_say() {
    assert_found_by(Sabotage::ChangeOfLimitsUnsaid, "was not held within limits that its key had meanwhile");
}

#[test]
fn the_simulation_finds_limits_that_are_taken_from_memory_after_they_changed() {
    assert_found_by(Sabotage::LimitsFromMemory, "was not held within limits that its key had meanwhile");
}

#[test]
fn the_simulation_finds_a_step_of_an_allowance_that_trusts_its_read() {
    assert_found_by(Sabotage::AllowanceTrustsItsRead, "gave [(");
}

#[test]
fn the_simulation_finds_a_step_of_an_allowance_without_an_entry() {
    assert_found_by(Sabotage::AllowanceWithoutEntry, "of entries of");
}

#[test]
fn the_simulation_finds_a_step_of_an_allowance_that_overlooks_the_seal() {
    assert_found_by(Sabotage::AllowanceOverlooksTheSeal, "appeared below the seal");
}

#[test]
fn the_simulation_finds_an_allowance_that_is_due_at_once() {
    assert_found_by(Sabotage::AllowanceDueAtOnce, "began as");
}

#[test]
fn the_simulation_finds_a_hold_of_vectors_by_an_estimate() {
    assert_found_by(Sabotage::EmbeddingHeldByItsEstimate, "was not held as the candidates of its catalogue cost");
}

#[test]
fn the_simulation_finds_a_charge_of_vectors_by_an_estimate() {
    assert_found_by(Sabotage::EmbeddingHeldByItsEstimate, "does not have the input that its model counted");
}

#[test]
fn the_simulation_finds_a_repetition_of_vectors_that_is_charged_again() {
    assert_found_by(Sabotage::RepetitionOfAnEmbeddingChargedAgain, "was charged for process");
}

#[test]
fn the_simulation_finds_vectors_that_are_not_kept() {
    assert_found_by(Sabotage::VectorsNotKept, "and the first");
}

#[test]
fn the_simulation_finds_writers_that_overlook_the_seal() {
    assert_found_by(Sabotage::WritersOverlookTheSeal, "appeared below the seal");
}

#[test]
fn the_simulation_finds_a_seal_above_a_hold() {
    assert_found_by(Sabotage::SealAboveHolds, "appeared below the seal");
}

#[test]
fn the_simulation_finds_a_step_that_does_not_look_at_the_checkpoint() {
    assert_found_by(Sabotage::StepTrustsTheCheckpointItRead, "has the days' sums");
}

#[test]
fn the_simulation_finds_a_step_that_breaks_the_chain_of_digests() {
    assert_found_by(Sabotage::StepBreaksTheChain, "of entries whose chain is");
}

#[test]
fn the_simulation_finds_sums_outside_the_transaction_of_the_checkpoint() {
    assert_found_by(Sabotage::SumsOutsideTransaction, "has the days' sums");
}

#[test]
fn the_simulation_finds_a_step_that_forgets_the_sums_of_all() {
    assert_found_by(Sabotage::StepForgetsTheSumsOfAll, "the sums of all are");
}

#[test]
fn the_simulation_finds_sums_that_are_thrown_away_and_stay_in_those_of_all() {
    assert_found_by(Sabotage::SumsOfAllNotTakenBack, "the sums of all are");
}

#[test]
fn the_simulation_finds_a_refusal_that_is_told_to_a_key_that_has_ended() {
    assert_found_by(Sabotage::AccountHidesEndsOfKeys, "was told of more than the end of its key");
}

#[test]
fn the_simulation_finds_a_code_that_gives_more_often_than_it_may() {
    assert_found_by(Sabotage::VoucherCountedWithoutLimit, "times and may be used");
}

#[test]
fn the_simulation_finds_a_use_that_nobody_notes() {
    assert_found_by(Sabotage::UseNotNoted, "and has the uses of");
}

#[test]
fn the_simulation_finds_an_invitation_that_is_none() {
    assert_found_by(Sabotage::InvitationOfAnyKind, "has the entry");
}

#[test]
fn the_simulation_finds_a_row_that_is_granted_under_another_id() {
    assert_found_by(Sabotage::RowUnderAnotherId, "says that it granted");
}

#[test]
fn the_simulation_finds_a_grant_that_is_no_act() {
    assert_found_by(Sabotage::ActOutsideTransaction, "is 0 acts in the place of 1");
}

#[test]
fn the_simulation_finds_a_demoted_superuser_who_goes_on_giving() {
    assert_found_by(Sabotage::ActorNotChecked, "gives credits and is no superuser");
}
