//! `audit`: recomputes every balance from its ledger entries, daily and on demand. It takes nothing
//! from its event.

use serde_json::Value;
use shared::audit::{Audit, Report};
use shared::direct::{DirectError, Error, Task, serve};
use shared::settings::Settings;
use shared::table::Table;
use shared::time::{Clock, Timestamp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let auditor = Auditor { audit: Audit::new(table, clock.clone()) };
    serve(auditor, clock, settings.audit_timeout).await
}

struct Auditor {
    audit: Audit,
}

impl Task for Auditor {
    type Outcome = Report;

    async fn run(&self, _event: Value, deadline: Timestamp) -> Result<Report, DirectError> {
        Ok(self.audit.run(deadline).await?)
    }
}
