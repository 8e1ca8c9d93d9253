//! Whether the work that nobody pays has its limit.

use std::collections::HashMap;

use crate::engine::{ACCOUNT, StoredItem, partition_of};
use crate::verdict::entries;
use crate::witness::Witness;
use crate::world::World;
use shared::ledger::entry::EntryKind;

/// In the hours of a schedule, the models that were asked for an account and not charged for are at most as many as the
/// ledger allows. A hold that expires in a later hour than it was made in is not counted by the ledger, so each turn of
/// the hour allows as many more as may be in flight.
pub(super) fn on_work(items: &[StoredItem], world: &World, witness: &Witness) -> Vec<String> {
    let charged: Vec<(String, usize)> = entries(items)
        .filter(|(.., entry)| entry.kind == EntryKind::Chat)
        .filter_map(|(of, id, _)| Some((of.to_owned(), witness.process_of(&id)?)))
        .collect();
    let asked = world.asked.lock().unwrap();
    let hour = |seconds: u64| seconds / 3600;
    let turns = hour(world.clock.now().seconds()) - hour(world.began_at.seconds());
    let turns = u32::try_from(turns).unwrap();
    let mut unpaid: HashMap<String, u32> = HashMap::new();
    for asked in asked.iter() {
        let partition = partition_of(asked.user_id);
        let is_charged = charged.iter().any(|(of, process)| *of == partition && *process == asked.process);
        *unpaid.entry(partition).or_default() += u32::from(!is_charged);
    }
    let allowed = |partition: &str| {
        let charged = u32::try_from(charged.iter().filter(|(of, _)| of == partition).count()).unwrap();
        (turns + 1) * (world.unpaid_per_hour + charged / 20) + turns * world.max_holds
    };
    // The entries of a deleted account are gone, so nobody knows what was charged.
    let accounts: Vec<&str> =
        items.iter().filter(|item| item.sort == ACCOUNT).map(|item| item.partition.as_str()).collect();
    let too_many = unpaid.iter().filter(|(of, unpaid)| accounts.contains(&of.as_str()) && **unpaid > allowed(of));
    too_many.map(|(of, unpaid)| format!("{unpaid} messages of {of} stayed unpaid, of {}", allowed(of))).collect()
}
