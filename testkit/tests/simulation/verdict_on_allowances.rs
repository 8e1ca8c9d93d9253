//! Whether allowances gave what they had to, as the entries say it.

use crate::allowance_witness::AllowanceWitness;
use crate::engine::StoredItem;
use crate::verdict::entries;
use shared::ledger::account::{Account, Status};
use shared::ledger::entry::EntrySource;

/// At any moment: the entries of each account's allowance are what its steps gave.
pub(super) fn on_entries(items: &[StoredItem], witness: &AllowanceWitness) -> Vec<String> {
    let mut violations = Vec::new();
    for item in items.iter().filter(|item| item.sort == "ACCOUNT" && item.attributes["balance"].is_u64()) {
        if item.parsed::<Account>().status == Status::Deleting {
            continue;
        }
        let partition = item.partition.as_str();
        let is_of_allowance =
            entries(items).filter(|(of, _, entry)| *of == partition && entry.source == Some(EntrySource::Allowance));
        let (said, given): (i64, i64) =
            (is_of_allowance.map(|(.., entry)| entry.amount).sum(), witness.given(partition));
        if said != given {
            violations.push(format!("the allowance of {partition} gave {given}, and its entries say {said}"));
        }
    }
    violations
}
