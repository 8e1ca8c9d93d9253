//! `GET /admin/usage/`: what the messages of all users took, summed by day and model.

use std::collections::BTreeMap;

use shared::admin::{AdminEndpoint, AdminPath};
use shared::domain::calendar::Day;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::staff::Staff;
use shared::ledger::audit::Audit;
use shared::ledger::usage::{UsageOfAll, UsageOfAllReader};
use shared::usage_list::{CountedUntil, UsageLimits, UsageList};

pub(super) struct OverallUsage {
    usage: UsageOfAllReader,
    audit: Audit,
    clock: Clock,
}

impl AdminEndpoint for OverallUsage {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        (*path == AdminPath::Usage).then_some(&[Method::GET])
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { usage: resources.usage_of_all_reader(), audit: resources.audit(), clock: resources.clock.clone() })
    }

    async fn answer(&self, _staff: Staff, _path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        let query = request.usage_of_all_query(Day::of(self.clock.now()))?;
        // How far all is summed is read first: what is summed meanwhile is more than it says.
        let health = self.audit.health().await?;
        let UsageOfAll { rows, next } = self.usage.read(query.days, UsageLimits::OF_ALL.of(query)).await?;
        let until = CountedUntil::CompleteThrough(health.summed_through);
        UsageList { query, rows, names: BTreeMap::new(), until, next }.answer(&request)
    }
}
