//! Whether the work that nobody pays has its limit.

use std::collections::HashMap;

use crate::engine::{StoredItem, partition_of};
use crate::function::model_id;
use crate::verdict::entries;
use crate::world::World;

/// In the hour of a schedule, the models that were asked for an account and not charged for are at most as many as the
/// ledger allows. A schedule that goes on into another hour is left out: its work may belong to either.
pub(super) fn on_work(items: &[StoredItem], world: &World) -> Vec<String> {
    let charged: Vec<(String, String)> =
        entries(items).filter_map(|(of, _, entry)| Some((of.to_owned(), entry.model?))).collect();
    let asked = world.asked.lock().unwrap();
    let hours = |seconds: u64| seconds / 3600;
    let mut unpaid: HashMap<String, u32> = HashMap::new();
    for asked in asked.iter() {
        if hours(asked.at.seconds()) != hours(world.clock.now().seconds()) {
            return Vec::new();
        }
        let partition = partition_of(asked.user_id);
        let is_charged = charged.iter().any(|(of, model)| *of == partition && *model == model_id(asked.process));
        *unpaid.entry(partition).or_default() += u32::from(!is_charged);
    }
    let allowed = |partition: &str| {
        let charged = charged.iter().filter(|(of, _)| of == partition).count();
        world.unpaid_per_hour + u32::try_from(charged).unwrap() / 20
    };
    // The entries of a deleted account are gone, so nobody knows what was charged.
    let accounts: Vec<&str> =
        items.iter().filter(|item| item.sort == "ACCOUNT").map(|item| item.partition.as_str()).collect();
    let too_many = unpaid.iter().filter(|(of, unpaid)| accounts.contains(&of.as_str()) && **unpaid > allowed(of));
    too_many.map(|(of, unpaid)| format!("{unpaid} messages of {of} stayed unpaid, of {}", allowed(of))).collect()
}
