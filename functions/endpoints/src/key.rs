//! `GET /v1/key`: the API key of the request, its limits, and what is left of its budget, with the members that `OpenRouter`
//! gives them.

use serde::Serialize;
use shared::domain::credits::Credits;
use shared::domain::period::PeriodLength;
use shared::domain::requests_per_minute::RequestsPerMinute;
use shared::domain::setting::SettingError;
use shared::domain::time::{Clock, Timestamp};
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::IdentityError;
use shared::identity::api_keys::{ApiKey, ApiKeys, KeyDescription};
use shared::ledger::key_sums::KeySums;
use shared::openai::ProtocolError;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<KeyEndpoint>().await
}

struct KeyEndpoint {
    api_keys: ApiKeys,
    clock: Clock,
}

impl Endpoint for KeyEndpoint {
    type Answer = Answer;
    type Error = ProtocolError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { api_keys: resources.api_keys(), clock: resources.clock.clone() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ProtocolError> {
        let bearer = request.bearer()?;
        if !ApiKey::is_meant_by(bearer) {
            // A person has no key here, and `GET /keys/` for those that they made.
            return Err(IdentityError::TokenNotValid("an access token has no limits of its own").into());
        }
        let description = self.api_keys.describe(bearer).await?;
        Ok(Answer::private(StatusCode::OK, &KeyBody { data: KeyData::at(self.clock.now(), description) })?)
    }
}

#[derive(Serialize)]
struct KeyBody {
    data: KeyData,
}

/// The members are `OpenRouter`'s, but for the last three.
#[derive(Serialize)]
struct KeyData {
    /// The name that its maker gave it, or its beginning where the item of an old key does not have the name.
    label: String,
    /// The budget's credits. Null without a budget.
    limit: Option<Credits>,
    limit_remaining: Option<Credits>,
    /// When the budget begins anew. Null if it never does.
    limit_reset: Option<&'static str>,
    #[serde(flatten)]
    charged: ChargedCredits,
    expires_at: Option<String>,
    renews_at: Option<String>,
    requests_per_minute: Option<RequestsPerMinute>,
    models: Option<Box<[String]>>,
}

/// The credits that were charged with a key: in all, and in the current day, week and month of UTC.
#[derive(Default, Serialize)]
struct ChargedCredits {
    usage: u64,
    usage_daily: u64,
    usage_weekly: u64,
    usage_monthly: u64,
}

impl ChargedCredits {
    fn at(now: Timestamp, sums: &KeySums) -> Self {
        Self {
            usage: sums.credits,
            usage_daily: sums.of_day.at(now),
            usage_weekly: sums.of_week.at(now),
            usage_monthly: sums.of_month.at(now),
        }
    }
}

impl KeyData {
    fn at(now: Timestamp, key: KeyDescription) -> Self {
        let KeyDescription { name, prefix, expires_at, limits, budget, sums } = key;
        let limit_reset = limits.budget.and_then(|budget| match budget.per {
            PeriodLength::Total => None,
            PeriodLength::Day => Some("daily"),
            PeriodLength::Week => Some("weekly"),
            PeriodLength::Month => Some("monthly"),
        });
        Self {
            label: name.map_or(prefix, |name| name.as_str().to_owned()),
            limit: limits.budget.map(|budget| budget.credits),
            limit_remaining: budget.map(|budget| budget.remaining()),
            limit_reset,
            charged: sums.map(|sums| ChargedCredits::at(now, &sums)).unwrap_or_default(),
            expires_at: expires_at.map(|moment| moment.to_string()),
            renews_at: budget.and_then(|budget| budget.renews_at()).map(|moment| moment.to_string()),
            requests_per_minute: limits.requests_per_minute,
            models: limits.models,
        }
    }
}
