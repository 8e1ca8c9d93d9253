//! `operator`: what the people who run the API do to its accounts. It is invoked directly, by whom
//! IAM allows it; no path of the API leads to it.

use serde_json::Value;
use shared::accounts::Accounts;
use shared::direct::{DirectError, Error, Task, serve};
use shared::ledger::{Grant, Ledger};
use shared::operator::{AccountView, Command, Outcome};
use shared::settings::Settings;
use shared::table::Table;
use shared::time::{Clock, Timestamp};
use shared::username::Username;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let operator = Operator {
        accounts: Accounts::new(table.clone(), clock.clone()),
        ledger: Ledger::new(table, clock.clone(), settings.max_holds),
        clock: clock.clone(),
    };
    serve(operator, clock, settings.function_timeout).await
}

struct Operator {
    accounts: Accounts,
    ledger: Ledger,
    clock: Clock,
}

impl Task for Operator {
    type Outcome = Outcome;

    async fn run(&self, event: Value, deadline: Timestamp) -> Result<Outcome, DirectError> {
        let (login, account) = match Command::parse(event)? {
            Command::Grant { username, amount, reason, grant_id } => {
                return self.grant(&username, &Grant { amount, reason, id: grant_id }, deadline).await;
            }
            Command::Deactivate { username } => self.accounts.deactivate(&username, deadline).await?,
            Command::Activate { username } => self.accounts.activate(&username, deadline).await?,
            Command::Show { username } => self.accounts.find(&username).await?,
        };
        Ok(Outcome::Account(AccountView::new(&login, account, self.clock.now())))
    }
}

impl Operator {
    async fn grant(&self, username: &Username, grant: &Grant, deadline: Timestamp) -> Result<Outcome, DirectError> {
        let login = self.accounts.find_login(username).await?.ok_or(DirectError::UserNotFound)?;
        let granted = self.ledger.grant(login.user_id, grant, deadline).await?;
        Ok(Outcome::Granted { username: login.username, granted })
    }
}
