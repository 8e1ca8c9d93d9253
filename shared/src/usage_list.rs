//! Sums of usage as an answer, for whoever they are of and for staff.

use std::collections::BTreeMap;

use domain::calendar::Day;
use domain::ids::ApiKeyId;
use domain::time::Timestamp;
use identity::api_keys::ApiKeyName;
use lambda_http::http::StatusCode;
use ledger::usage::{RowLimit, UsageGroup};
use ledger::usage_sums::{UsagePlace, UsageSums};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, FieldErrors};
use crate::http::{Answer, CsvCell, CsvTable, Request, UsageQuery};

/// How much of the rows one answer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageLimits {
    /// The bytes of rows after which a page ends, at the end of a day.
    page: RowLimit,
    /// The most bytes of rows that are summed over all days of a read. They would be partial sums on pages.
    whole: RowLimit,
}

impl UsageLimits {
    /// Those of one user's rows.
    pub const OF_USER: Self = Self { page: RowLimit { bytes: 1 << 20 }, whole: RowLimit { bytes: 8 << 20 } };
    /// Those of all users' rows, of which each day and model has up to 32.
    pub const OF_ALL: Self = Self { page: RowLimit { bytes: 4 << 20 }, whole: RowLimit { bytes: 16 << 20 } };

    /// The limit of a read for `query`.
    #[must_use]
    pub fn of(self, query: UsageQuery) -> RowLimit {
        if query.by.by_day { self.page } else { self.whole }
    }
}

/// Up to when messages are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedUntil {
    /// Those of the user up to this time, and some after it.
    AsOf(Timestamp),
    /// Those of all up to this time, and some after it. `None`: it is not known yet.
    CompleteThrough(Option<Timestamp>),
}

/// What was read for a query.
#[derive(Debug)]
pub struct UsageList {
    /// The query.
    pub query: UsageQuery,
    /// The rows.
    pub rows: BTreeMap<UsagePlace, UsageSums>,
    /// The names of API keys, where rows are told apart by them.
    pub names: BTreeMap<ApiKeyId, ApiKeyName>,
    /// Up to when messages are counted.
    pub until: CountedUntil,
    /// The first day that was not read.
    pub next: Option<Day>,
}

impl UsageList {
    /// The answer to `request`: JSON, or a table where the request accepts one.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if there was no room for all days and the rows of a page would be partial sums.
    pub fn answer(self, request: &Request) -> Result<Answer, ApiError> {
        let Self { query, rows, names, until, next } = self;
        if let Some(next) = next.filter(|_| !query.by.by_day) {
            return Err(too_much(query, next));
        }
        let groups = query.by.of(&rows).into_iter();
        let rows: Vec<UsageRow> = groups.map(|(group, sums)| UsageRow::new(group, sums, &names)).collect();
        let next = next.map(|day| day.to_string());
        let answer = if request.accepts_csv() {
            Answer::private_table("usage.csv", table(query, rows)?)?
        } else {
            let body = UsageBody { usage: rows, until: until.into(), next: next.clone() };
            Answer::private(StatusCode::OK, &body)?
        };
        let next_page = next.map(|from| address_from(&from, query));
        Ok(answer.next_page(next_page.as_deref()))
    }
}

fn too_much(query: UsageQuery, next: Day) -> ApiError {
    let (from, last) = (query.days.from(), next.minus_days(1));
    let reason = format!("Send fewer days, such as {from} to {last}, or add day to by.");
    ApiError::Invalid(FieldErrors::from([("to".into(), vec![reason])]))
}

/// The address of the page that begins at the day `from`, relative to this one's.
fn address_from(from: &str, query: UsageQuery) -> String {
    let names = [(query.by.by_day, "day"), (query.by.by_model, "model"), (query.by.by_key, "key")];
    let by: Vec<&str> = names.into_iter().filter_map(|(is_wanted, name)| is_wanted.then_some(name)).collect();
    format!("?from={from}&to={}&by={}", query.days.to(), by.join(","))
}

#[derive(Serialize)]
struct UsageBody {
    usage: Vec<UsageRow>,
    #[serde(flatten)]
    until: ToldUntil,
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ToldUntil {
    AsOf(String),
    CompleteThrough(Option<String>),
}

impl From<CountedUntil> for ToldUntil {
    fn from(until: CountedUntil) -> Self {
        match until {
            CountedUntil::AsOf(time) => Self::AsOf(time.to_string()),
            CountedUntil::CompleteThrough(time) => Self::CompleteThrough(time.map(|time| time.to_string())),
        }
    }
}

/// A row, without the members that rows are not told apart by.
#[derive(Serialize)]
struct UsageRow {
    #[serde(flatten)]
    group: Map<String, Value>,
    #[serde(flatten)]
    sums: UsageSums,
}

impl UsageRow {
    fn new(group: UsageGroup, sums: UsageSums, names: &BTreeMap<ApiKeyId, ApiKeyName>) -> Self {
        let mut members = Map::new();
        if let Some(day) = group.day {
            members.insert("day".to_owned(), day.to_string().into());
        }
        if let Some(model) = group.model {
            members.insert("model".to_owned(), if model.is_empty() { Value::Null } else { model.into() });
        }
        if let Some(api_key) = group.api_key {
            let name = api_key.and_then(|api_key| names.get(&api_key)).map(ApiKeyName::as_str);
            members.insert("key_id".to_owned(), api_key.map(|api_key| api_key.to_string()).into());
            members.insert("key_name".to_owned(), name.into());
        }
        Self { group: members, sums }
    }
}

/// The rows as a table. Its columns are the members of a row, in the order of the documentation.
fn table(query: UsageQuery, rows: Vec<UsageRow>) -> Result<CsvTable, ApiError> {
    let by = query.by;
    let columns = [(by.by_day, "day"), (by.by_model, "model"), (by.by_key, "key_id"), (by.by_key, "key_name")];
    let columns: Vec<&str> = columns.into_iter().filter_map(|(is_there, name)| is_there.then_some(name)).collect();
    let mut table = CsvTable::with_columns(columns.iter().copied().chain(UsageSums::NAMES))?;
    for UsageRow { group, sums } in rows {
        let text = |name: &&str| CsvCell::text(group.get(*name).and_then(Value::as_str).unwrap_or_default());
        let cells: Vec<CsvCell> = columns.iter().map(text).collect();
        table.add(cells.into_iter().chain(sums.numbers().map(CsvCell::number)))?;
    }
    Ok(table)
}
