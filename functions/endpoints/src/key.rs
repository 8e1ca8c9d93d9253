//! `GET /v1/key`: the API key of the request, its limits, and what is left of its budget, with the members that `OpenRouter`
//! gives them.

use serde::Serialize;
use shared::domain::budget::BudgetPeriod;
use shared::domain::credits::Credits;
use shared::domain::requests_per_minute::RequestsPerMinute;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::IdentityError;
use shared::identity::api_keys::{ApiKey, ApiKeyName, ApiKeys, KeyDescription};
use shared::openai::ProtocolError;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<KeyEndpoint>().await
}

struct KeyEndpoint {
    api_keys: ApiKeys,
}

impl Endpoint for KeyEndpoint {
    type Answer = Answer;
    type Error = ProtocolError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { api_keys: resources.api_keys() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ProtocolError> {
        let bearer = request.bearer()?;
        if !ApiKey::is_meant_by(bearer) {
            // A person has no key here, and `GET /keys/` for those that they made.
            return Err(IdentityError::TokenNotValid("an access token has no limits of its own").into());
        }
        let description = self.api_keys.describe(bearer).await?;
        Ok(Answer::private(StatusCode::OK, &KeyBody { data: KeyData::of(description) })?)
    }
}

#[derive(Serialize)]
struct KeyBody {
    data: KeyData,
}

/// The members are `OpenRouter`'s, but for the last three.
#[derive(Serialize)]
struct KeyData {
    label: ApiKeyName,
    /// The budget's credits. Null without a budget.
    limit: Option<Credits>,
    limit_remaining: Option<Credits>,
    /// When the budget begins anew. Null if it never does.
    limit_reset: Option<&'static str>,
    #[serde(flatten)]
    usage: KeyUsage,
    expires_at: Option<String>,
    renews_at: Option<String>,
    requests_per_minute: Option<RequestsPerMinute>,
    models: Option<Box<[String]>>,
}

/// The credits spent with a key, messages in flight included. A sum that nobody keeps is absent: that of the budget's period
/// is there.
#[derive(Default, Serialize)]
struct KeyUsage {
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_daily: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_weekly: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_monthly: Option<u64>,
}

impl KeyUsage {
    fn of_period(per: BudgetPeriod, spent: u64) -> Self {
        let (none, spent) = (Self::default(), Some(spent));
        match per {
            BudgetPeriod::Total => Self { usage: spent, ..none },
            BudgetPeriod::Day => Self { usage_daily: spent, ..none },
            BudgetPeriod::Week => Self { usage_weekly: spent, ..none },
            BudgetPeriod::Month => Self { usage_monthly: spent, ..none },
        }
    }
}

impl KeyData {
    fn of(key: KeyDescription) -> Self {
        let KeyDescription { name, expires_at, limits, budget } = key;
        let limit_reset = limits.budget.and_then(|budget| match budget.per {
            BudgetPeriod::Total => None,
            BudgetPeriod::Day => Some("daily"),
            BudgetPeriod::Week => Some("weekly"),
            BudgetPeriod::Month => Some("monthly"),
        });
        let usage = limits.budget.zip(budget).map(|(of, spent)| KeyUsage::of_period(of.per, spent.spent()));
        Self {
            label: name,
            limit: limits.budget.map(|budget| budget.credits),
            limit_remaining: budget.map(|budget| budget.remaining()),
            limit_reset,
            usage: usage.unwrap_or_default(),
            expires_at: expires_at.map(|moment| moment.to_string()),
            renews_at: budget.and_then(|budget| budget.renews_at()).map(|moment| moment.to_string()),
            requests_per_minute: limits.requests_per_minute,
            models: limits.models.clone(),
        }
    }
}
