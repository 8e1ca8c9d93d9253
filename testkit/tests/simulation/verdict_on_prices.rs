//! Whether every charge is what its usage costs at its prices.

use crate::engine::StoredItem;
use crate::function::prices;
use crate::verdict::entries;
use shared::ledger::entry::EntryKind;

/// Every charge has the prices of its model, costs what its usage costs at them, and was held.
pub(super) fn on_prices(items: &[StoredItem]) -> Vec<String> {
    let mut violations = Vec::new();
    for (partition, id, entry) in entries(items).filter(|(.., entry)| entry.kind == EntryKind::Chat) {
        let (amount, usage) = (entry.amount, entry.usage);
        if entry.cost_by_its_prices().is_none_or(|cost| cost.spent() != amount) {
            let prices = entry.prices;
            violations.push(format!("{id} of {partition} is {amount} for {usage:?} at {prices:?}"));
        }
        if let Some(held) = entry.capped_at {
            violations.push(format!("{id} of {partition} cost more than the {held} that were held"));
        }
        if (entry.prices, entry.catalogue) != (Some(prices()), None) {
            violations.push(format!("{id} of {partition} has prices that its model never had: {:?}", entry.prices));
        }
    }
    violations
}
