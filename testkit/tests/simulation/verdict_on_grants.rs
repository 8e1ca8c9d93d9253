//! Grants of superusers and of their files, compared with entries, reports and the history.

use std::collections::HashMap;

use serde_json::Value;

use crate::chronicle::Chronicle;
use crate::engine::StoredItem;
use crate::verdict::entries;

/// The beginning of the partitions of grants' records.
const PREFIX_OF_GRANTS: &str = "GRANT#";
/// The beginning of the sort keys of jobs, and of the partitions of their rows.
const PREFIX_OF_JOBS: &str = "JOB#";
/// The beginning of the partitions of acts by their subjects.
const PREFIX_OF_SUBJECTS: &str = "ACTS#OF#";

/// The rules that hold at any moment, since one transaction keeps each.
pub(super) fn on_grants(items: &[StoredItem], chronicle: &Chronicle) -> Vec<String> {
    let mut violations = on_records(items, chronicle);
    violations.extend(on_rows(items));
    violations.extend(on_acts(items));
    violations
}

/// A job that is over has granted as many rows as its report says, and no row is left without a result.
pub(super) fn on_finished_jobs(items: &[StoredItem]) -> Vec<String> {
    let mut violations = Vec::new();
    for job in jobs(items) {
        let id = id_of(job);
        let granted = records(items).filter(|record| record.attributes["job"] == id).count() as u64;
        let (told, state) = (&job.attributes["granted"], &job.attributes["state"]);
        match state.as_str() {
            Some("done") if told.as_u64() != Some(granted) => {
                violations.push(format!("job {id} says that it granted {told} rows, and it granted {granted}"));
            }
            // The rows of a driver that died before it could keep their results are found by the next one, and by nobody after a stop.
            Some("stopped") if told.as_u64() > Some(granted) => {
                violations.push(format!("job {id} has stopped and says {told} rows of {granted}"));
            }
            Some("running") => violations.push(format!("job {id} has not ended")),
            _ => {}
        }
    }
    violations
}

/// Each record of a grant has its entry, and a superuser's grant beyond a job has one act.
fn on_records(items: &[StoredItem], chronicle: &Chronicle) -> Vec<String> {
    let mut violations = Vec::new();
    let amounts: HashMap<(String, String), i64> =
        entries(items).map(|(partition, id, entry)| ((partition.to_owned(), id), entry.amount)).collect();
    for record in records(items) {
        let text = |name: &str| record.attributes[name].as_str().unwrap().to_owned();
        let (user, entry_id) = (format!("USER#{}", text("user_id")), text("entry_id"));
        let is_open = chronicle.user(&user).is_some_and(|user| !user.is_closed);
        let amount = amounts.get(&(user, entry_id.clone()));
        if is_open && amount != record.attributes["amount"].as_i64().as_ref() {
            violations.push(format!("the grant {} has no entry of its amount", record.partition));
        }
        let acts = acts(items).filter(|act| act.attributes["after"]["entry"] == entry_id.as_str()).count();
        let wanted = usize::from(record.attributes["job"].is_null());
        if acts != wanted {
            violations.push(format!("the grant {} is {acts} acts in the place of {wanted}", record.partition));
        }
    }
    violations
}

/// A row that was granted is granted by one job, whose report has its entry and its amount.
fn on_rows(items: &[StoredItem]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut granted: HashMap<&str, &str> = HashMap::new();
    for chunk in items.iter().filter(|item| item.sort.starts_with("ROWS#")) {
        let job = chunk.partition.strip_prefix(PREFIX_OF_JOBS).unwrap();
        for row in chunk.attributes["rows"].as_array().unwrap() {
            if row["outcome"] != "granted" {
                continue;
            }
            let id = row["id"].as_str().unwrap();
            if let Some(before) = granted.insert(id, job) {
                violations.push(format!("the row {id} is granted by the jobs {before} and {job}"));
            }
            let is_meant = |record: &&StoredItem| {
                ["entry_id", "amount"].iter().all(|name| record.attributes[*name] == row[*name])
                    && record.attributes["job"] == job
            };
            if records(items).filter(is_meant).count() != 1 {
                violations.push(format!("the row {id} of {job} is told to be granted, and is not"));
            }
        }
    }
    violations
}

/// The acts on a job follow each other: what one finds is what the one before left, and the last one leaves the job as it is. Acts of
/// one millisecond have no order.
fn on_acts(items: &[StoredItem]) -> Vec<String> {
    let mut violations = Vec::new();
    for job in jobs(items) {
        let partition = format!("{PREFIX_OF_SUBJECTS}{}", id_of(job));
        let mut of_job: Vec<&StoredItem> = acts(items).filter(|act| act.partition == partition).collect();
        of_job.sort_by_key(|act| &act.sort);
        if of_job.windows(2).any(|acts| millisecond(acts[0]) == millisecond(acts[1])) {
            continue;
        }
        let mut left = &Value::Null;
        for act in of_job {
            let found = &act.attributes["before"]["state"];
            if found != left {
                violations.push(format!("the act {} of {partition} finds {found}, and {left} was left", act.sort));
            }
            left = &act.attributes["after"]["state"];
        }
        if *left != job.attributes["state"] {
            violations.push(format!("{partition} ends with {left}, and the job is {}", job.attributes["state"]));
        }
    }
    violations
}

/// The part of an act's id that says when it was made.
fn millisecond(act: &StoredItem) -> &str {
    &act.sort[..10]
}

fn records(items: &[StoredItem]) -> impl Iterator<Item = &StoredItem> {
    items.iter().filter(|item| item.partition.starts_with(PREFIX_OF_GRANTS))
}

fn jobs(items: &[StoredItem]) -> impl Iterator<Item = &StoredItem> {
    items.iter().filter(|item| item.partition == "JOBS" && item.sort.starts_with(PREFIX_OF_JOBS))
}

fn id_of(job: &StoredItem) -> &str {
    job.sort.strip_prefix(PREFIX_OF_JOBS).unwrap()
}

/// The copies of acts by their subjects.
fn acts(items: &[StoredItem]) -> impl Iterator<Item = &StoredItem> {
    items.iter().filter(|item| item.partition.starts_with(PREFIX_OF_SUBJECTS))
}
