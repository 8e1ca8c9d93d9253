//! `audit`: recomputes every balance from its ledger entries, daily and on demand. Its event has no parameters.

use std::time::Duration;

use serde_json::Value;
use shared::direct::{DirectError, Task, serve};
use shared::domain::time::Timestamp;
use shared::endpoint::{Error, Resources};
use shared::identity::accounts::Deletion;
use shared::ledger::audit::{Audit, Report};
use shared::settings::Settings;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<Auditor>().await
}

struct Auditor {
    audit: Audit,
    deletion: Deletion,
}

impl Task for Auditor {
    type Outcome = Report;

    fn start(resources: &Resources) -> Self {
        Self { audit: resources.audit(), deletion: resources.deletion() }
    }

    fn timeout(&self, settings: &Settings) -> Duration {
        settings.audit_timeout
    }

    async fn run(&self, _event: Value, deadline: Timestamp) -> Result<Report, DirectError> {
        Ok(self.audit.run(&self.deletion, deadline).await?)
    }
}
