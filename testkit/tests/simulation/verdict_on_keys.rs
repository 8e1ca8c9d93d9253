//! Whether API keys end at once, although functions remember them.

use std::collections::HashMap;

use crate::chronicle::Chronicle;
use crate::engine::partition_of;
use crate::key_witness::KeyWitness;
use crate::process::ProcessId;
use crate::request::{Program, Request, Told, Wish};
use crate::witness::Witness;
use crate::world::World;

/// No message is answered, charged or held for after the end of its API key, nothing else is refused for then, and no key that
/// lives is refused.
pub(super) fn on_keys(world: &World, chronicle: &Chronicle, witness: &Witness, keys: &KeyWitness) -> Vec<String> {
    let beginnings: Vec<usize> = world.beginnings.lock().unwrap().iter().map(|beginning| beginning.moment).collect();
    let bench = KeyBench { beginnings: &beginnings, holds: holds_by_process(witness), chronicle, keys };
    let journal = world.journal.lock().unwrap();
    let verdicts = journal.iter().enumerate().filter_map(|(number, (request, told))| {
        let what = bench.contradiction(number, request, told)?;
        Some(format!("process {number} {what}: it was told {told:?}"))
    });
    verdicts.collect()
}

/// The moment of the first hold of each process.
fn holds_by_process(witness: &Witness) -> HashMap<usize, usize> {
    let mut holds = HashMap::new();
    for (id, process) in witness.processes() {
        let moment = witness.hold(&id).unwrap().moment;
        let first = holds.entry(process).or_insert(moment);
        *first = moment.min(*first);
    }
    holds
}

struct KeyBench<'a> {
    beginnings: &'a [usize],
    holds: HashMap<usize, usize>,
    chronicle: &'a Chronicle,
    keys: &'a KeyWitness,
}

impl KeyBench<'_> {
    fn contradiction(&self, number: usize, request: &Request, told: &Told) -> Option<String> {
        match &request.wish {
            Wish::Chat(chat) => self.about_program(number, chat.program.as_ref()?, told),
            Wish::EndKey { key, .. } => {
                let has_ended = self.keys.ended(&key.partition()).is_some();
                (matches!(told, Told::Done) && !has_ended).then(|| "ended a key that goes on".to_owned())
            }
            _ => None,
        }
    }

    fn about_program(&self, number: usize, program: &Program, told: &Told) -> Option<String> {
        let partition = program.key.partition();
        let held = self.holds.get(&number).copied();
        let Some(ended) = self.keys.ended(&partition) else {
            let is_refused = matches!(told, Told::Refused("token_not_valid"));
            let user = self.chronicle.user(&partition_of(program.key.user_id))?;
            return (is_refused && !user.is_closed).then(|| "was turned away with a key that lives".to_owned());
        };
        let is_answered = matches!(told, Told::Charged { .. } | Told::BrokenOff { .. } | Told::Replayed { .. });
        if self.beginnings[number] >= ended && (is_answered || held.is_some()) {
            return Some("was served with a key that had ended before it began".to_owned());
        }
        let is_refused_for_more =
            matches!(told, Told::Refused(code) if !["token_not_valid", "unavailable"].contains(code));
        if self.beginnings[number] >= ended && is_refused_for_more {
            return Some("was told of more than the end of its key".to_owned());
        }
        let is_late = held.is_some_and(|held| held > ended);
        if is_late && !self.keys.has_read_before(ProcessId(number), &partition, ended) {
            return Some("held for a key that it had not read before its end".to_owned());
        }
        None
    }
}
