//! `GET /admin/settings/`: the settings in force. `GET /admin/health/`: whether all is well.

use serde::Serialize;
use shared::admin::{AdminEndpoint, AdminPath};
use shared::domain::setting::SettingError;
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::staff::Staff;
use shared::ledger::acceptance::Acceptance;
use shared::ledger::audit::{Audit, AuditHealth};
use shared::ledger::switch::Switch;
use shared::providers::stored_catalogue::CatalogueKeeper;
use shared::settings::ShownSettings;

pub(super) struct DeploymentState {
    accounts: Accounts,
    audit: Audit,
    catalogue: CatalogueKeeper,
    switch: Switch,
    settings: ShownSettings,
}

impl AdminEndpoint for DeploymentState {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        matches!(path, AdminPath::Health | AdminPath::Settings).then_some(&[Method::GET])
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            accounts: resources.accounts(),
            audit: resources.audit(),
            catalogue: resources.catalogue_keeper(),
            switch: resources.switch(),
            settings: ShownSettings::from_environment(),
        })
    }

    async fn answer(&self, _staff: Staff, path: AdminPath, _request: Request) -> Result<Answer, ApiError> {
        match path {
            AdminPath::Settings => Answer::private(StatusCode::OK, &SettingsBody { settings: &self.settings }),
            AdminPath::Health => Answer::private(StatusCode::OK, &self.health().await?),
            _ => Err(ApiError::NotFound),
        }
    }
}

impl DeploymentState {
    async fn health(&self) -> Result<HealthBody, ApiError> {
        let Acceptance { accepting, reason, .. } = self.switch.read().await?;
        let AuditHealth { audited_through, lag, unsettled, proved_through, .. } = self.audit.health().await?;
        Ok(HealthBody {
            accepting,
            reason,
            audited_through: audited_through.map(|time| time.to_string()),
            audit_lag_seconds: lag.as_secs(),
            unsettled,
            proved_through: proved_through.map(|day| day.to_string()),
            catalogue_version: self.catalogue.read().await?.version,
            superusers: self.accounts.superusers().await?,
        })
    }
}

#[derive(Serialize)]
struct SettingsBody<'a> {
    settings: &'a ShownSettings,
}

#[derive(Serialize)]
struct HealthBody {
    accepting: bool,
    reason: Option<String>,
    audited_through: Option<String>,
    audit_lag_seconds: u64,
    unsettled: usize,
    proved_through: Option<String>,
    catalogue_version: u64,
    superusers: u64,
}
