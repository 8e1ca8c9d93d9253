//! `GET /usage/`: what the user's messages took, summed by day, model and API key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use shared::domain::calendar::Day;
use shared::domain::ids::ApiKeyId;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::{ApiError, FieldErrors};
use shared::http::{Answer, CsvCell, CsvTable, Method, Request, StatusCode, UsageQuery};
use shared::identity::api_keys::{ApiKeyName, ApiKeys};
use shared::identity::jwt::{LoggedIn, Verifier};
use shared::ledger::usage::{Days, RowLimit, UsageGroup, UsageRead, UsageReader};
use shared::ledger::usage_sums::UsageSums;

/// The bytes of rows after which a page ends, at the end of a day.
const PAGE: RowLimit = RowLimit { bytes: 1 << 20 };

/// The most bytes of rows that are summed over all days of a read. They would be partial sums on pages.
const WHOLE: RowLimit = RowLimit { bytes: 8 << 20 };

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<UsageEndpoint>().await
}

struct UsageEndpoint {
    verifier: Verifier,
    usage: UsageReader,
    api_keys: ApiKeys,
    clock: Clock,
}

impl Endpoint for UsageEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            verifier: resources.verifier().await,
            usage: resources.usage_reader(),
            api_keys: resources.api_keys(),
            clock: resources.clock.clone(),
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let query = request.usage_query(Day::of(self.clock.now()))?;
        let read = self.read(&person, query).await?;
        let names = self.names_of_keys(&person, query).await?;
        let rows =
            query.by.of(&read.rows).into_iter().map(|(group, sums)| UsageRow::new(group, sums, &names)).collect();
        let next = read.next.map(|day| day.to_string());
        let answer = if request.accepts_csv() {
            Answer::private_table("usage.csv", table(query, rows)?)?
        } else {
            let body = UsageBody { usage: rows, as_of: read.as_of.to_string(), next: next.clone() };
            Answer::private(StatusCode::OK, &body)?
        };
        let next_page = next.map(|from| address_from(&from, query));
        Ok(answer.next_page(next_page.as_deref()))
    }
}

impl UsageEndpoint {
    /// A page of rows, or all of them if the rows of a page would be partial sums.
    async fn read(&self, person: &LoggedIn, query: UsageQuery) -> Result<UsageRead, ApiError> {
        let limit = if query.by.by_day { PAGE } else { WHOLE };
        let read = self.usage.read(person.payer(), query.days, limit).await?;
        match read.next {
            Some(next) if !query.by.by_day => Err(too_much(query.days, next)),
            _ => Ok(read),
        }
    }

    /// The names of the keys that have not ended, if rows are told apart by keys.
    async fn names_of_keys(
        &self,
        person: &LoggedIn,
        query: UsageQuery,
    ) -> Result<BTreeMap<ApiKeyId, ApiKeyName>, ApiError> {
        if !query.by.by_key {
            return Ok(BTreeMap::new());
        }
        Ok(self.api_keys.names(person).await?)
    }
}

fn too_much(days: Days, next: Day) -> ApiError {
    let (from, last) = (days.from(), next.minus_days(1));
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
    as_of: String,
    next: Option<String>,
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
