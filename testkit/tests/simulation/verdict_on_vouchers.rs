//! What each code gave, compared with its count, its uses and the entries; and the answers to those who used it.

use std::collections::HashSet;

use crate::chronicle::Chronicle;
use crate::engine::{StoredItem, partition_of};
use crate::request::{Told, Wish};
use crate::verdict::entries;
use crate::world::World;
use shared::ledger::entry::{Entry, EntrySource};

/// The sort key of a code.
const CODE: &str = "VOUCHER";
/// The beginning of the sort keys of its uses.
const PREFIX_OF_USES: &str = "USE#";

/// A use of a code.
struct Use<'a> {
    /// The partition of the user.
    user: String,
    entry_id: &'a str,
}

/// The rules that hold at any moment, since one transaction keeps each: a code was used as often as there are uses, and not more
/// often than it may be; each use has its entry, and each entry that a code gave has a use.
pub(super) fn on_codes(items: &[StoredItem], chronicle: &Chronicle) -> Vec<String> {
    let mut violations = Vec::new();
    let mut explained: HashSet<(String, String)> = HashSet::new();
    for code in items.iter().filter(|item| item.sort == CODE) {
        let (used, uses) = (code.attributes["used"].as_u64().unwrap(), code.attributes["uses"].as_u64().unwrap());
        let noted = uses_of(items, &code.partition);
        if used > uses {
            violations.push(format!("{} was used {used} times and may be used {uses} times", code.partition));
        }
        if used != noted.len() as u64 {
            let count = noted.len();
            violations.push(format!("{} was used {used} times, and has the uses of {count} users", code.partition));
        }
        for noted in noted {
            // The entries of a user who leaves go, and the use stays.
            if chronicle.user(&noted.user).is_none_or(|user| user.is_closed) {
                continue;
            }
            let entry = entries(items).find(|(of, id, _)| *of == noted.user && id == noted.entry_id);
            let entry = entry.map(|(.., entry)| entry);
            if !entry.as_ref().is_some_and(|entry| is_of_code(entry, code)) {
                let (partition, user) = (&code.partition, &noted.user);
                violations.push(format!("the use of {partition} by {user} has the entry {entry:?}"));
            }
            explained.insert((noted.user, noted.entry_id.to_owned()));
        }
    }
    let given = entries(items)
        .filter(|(.., entry)| matches!(entry.source, Some(EntrySource::Voucher | EntrySource::Invitation)));
    for (partition, id, _) in given {
        let is_open = chronicle.user(partition).is_some_and(|user| !user.is_closed);
        if is_open && !explained.contains(&(partition.to_owned(), id.clone())) {
            violations.push(format!("{id} of {partition} was given by a code that nobody used"));
        }
    }
    violations
}

/// Whoever was told that a code gave its credits has a use of it, and so has whoever was told that they had used it before. Whoever
/// was told that it is spent was told so of a code without room.
pub(super) fn on_answers(items: &[StoredItem], world: &World) -> Vec<String> {
    let mut violations = Vec::new();
    for (number, (request, told)) in world.journal.lock().unwrap().iter().enumerate() {
        let (code, user) = match (&request.wish, told) {
            (Wish::Redeem { access, code }, _) => (*code, Some(partition_of(access.user_id()))),
            (Wish::Register { invitation: Some(code), .. }, Told::Registered(user_id)) => {
                (*code, Some(partition_of(*user_id)))
            }
            (Wish::Register { invitation: Some(code), .. }, _) => (*code, None),
            _ => continue,
        };
        let partition = &world.codes[code].partition;
        let is_noted = || uses_of(items, partition).iter().any(|noted| user.as_ref() == Some(&noted.user));
        let has_room = || {
            let item = items.iter().find(|item| item.partition == *partition && item.sort == CODE).unwrap();
            item.attributes["used"].as_u64() < item.attributes["uses"].as_u64()
        };
        let is_wrong = match told {
            Told::Done | Told::Registered(_) | Told::Refused("already_redeemed") => !is_noted(),
            Told::Refused("voucher_spent") => has_room(),
            _ => false,
        };
        if is_wrong {
            violations.push(format!("process {number} was told {told:?} of {partition}, which is not so"));
        }
    }
    violations
}

/// Whether `entry` is what one use of `code` gives.
fn is_of_code(entry: &Entry, code: &StoredItem) -> bool {
    let source = if code.attributes["kind"] == "credits" { EntrySource::Voucher } else { EntrySource::Invitation };
    entry.source == Some(source) && Some(entry.amount) == code.attributes["amount"].as_i64()
}

fn uses_of<'a>(items: &'a [StoredItem], partition: &str) -> Vec<Use<'a>> {
    let uses = items.iter().filter(|item| item.partition == partition);
    let uses = uses.filter_map(|item| {
        let user = format!("USER#{}", item.sort.strip_prefix(PREFIX_OF_USES)?);
        Some(Use { user, entry_id: item.attributes["entry_id"].as_str().unwrap() })
    });
    uses.collect()
}
