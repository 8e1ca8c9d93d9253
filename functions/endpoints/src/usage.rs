//! `GET /usage/`: what the user's messages took, summed by day, model and API key.

use std::collections::BTreeMap;

use shared::domain::calendar::Day;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::api_keys::ApiKeys;
use shared::identity::jwt::Verifier;
use shared::ledger::usage::{UsageRead, UsageReader};
use shared::usage_list::{CountedUntil, UsageLimits, UsageList};

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
        let read = self.usage.read(person.payer(), query.days, UsageLimits::OF_USER.of(query)).await?;
        let names = if query.by.by_key { self.api_keys.names(&person).await? } else { BTreeMap::new() };
        let UsageRead { rows, as_of, next } = read;
        UsageList { query, rows, names, until: CountedUntil::AsOf(as_of), next }.answer(&request)
    }
}
