//! `operator`: grants credits, shows, deactivates, activates, promotes and demotes accounts, sums entries again, stops and
//! resumes messages and registrations, and keeps the catalogue of models, for the people who run the API. IAM decides who may
//! invoke it; no path of the API leads to it.

use serde_json::Value;
use shared::direct::operator::{AcceptanceCommand, AccountView, Command, CommandOutcome};
use shared::direct::{DirectError, Task, origin, serve};
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::endpoint::{Error, Resources};
use shared::identity::ChangeError;
use shared::identity::accounts::{AccountChange, Accounts};
use shared::identity::login::{Login, Logins};
use shared::ledger::Ledger;
use shared::ledger::account::Account;
use shared::ledger::authority::RecentAuthority;
use shared::ledger::grant::Grant;
use shared::ledger::switch::Switch;
use shared::providers::stored_catalogue::CatalogueKeeper;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<Operator>().await
}

struct Operator {
    accounts: Accounts,
    logins: Logins,
    ledger: Ledger,
    switch: Switch,
    catalogue: CatalogueKeeper,
    clock: Clock,
}

impl Task for Operator {
    type Outcome = CommandOutcome;

    fn start(resources: &Resources) -> Self {
        Self {
            accounts: resources.accounts(),
            logins: resources.logins(),
            ledger: resources.ledger(),
            switch: resources.switch(),
            catalogue: resources.catalogue_keeper(),
            clock: resources.clock.clone(),
        }
    }

    async fn run(&self, event: Value, deadline: Timestamp) -> Result<CommandOutcome, DirectError> {
        let (login, account) = match Command::parse(event)? {
            Command::Grant { username, amount, reason, grant_id } => {
                return self.grant(&username, &Grant { amount, reason, id: grant_id }, deadline).await;
            }
            Command::SumAgain { username } => return self.sum_again(&username, deadline).await,
            Command::Accepting(command) => return self.accepting(command, deadline).await,
            Command::Catalogue(command) => {
                let authority = RecentAuthority::operator(origin());
                let outcome = command.carry_out(&self.catalogue, &authority, deadline).await?;
                return Ok(CommandOutcome::Catalogue(outcome));
            }
            Command::Deactivate { username } => self.change(username, active(false), deadline).await?,
            Command::Activate { username } => self.change(username, active(true), deadline).await?,
            Command::Promote { username } => self.change(username, staff(true), deadline).await?,
            Command::Demote { username } => self.change(username, staff(false), deadline).await?,
            Command::Show { username } => self.accounts.find(&username).await?,
        };
        Ok(CommandOutcome::Account(AccountView::new(&login, account, self.clock.now())))
    }
}

impl Operator {
    async fn accepting(&self, command: AcceptanceCommand, deadline: Timestamp) -> Result<CommandOutcome, DirectError> {
        Ok(CommandOutcome::Acceptance(match command {
            AcceptanceCommand::Set { accepting, reason } => {
                let authority = RecentAuthority::operator(origin());
                self.switch.turn(accepting, &reason, authority.authority(), deadline).await?
            }
            AcceptanceCommand::Show => self.switch.read().await?,
        }))
    }

    async fn sum_again(&self, username: &Username, deadline: Timestamp) -> Result<CommandOutcome, DirectError> {
        let login = self.logins.find(username).await?.ok_or(DirectError::UserNotFound)?;
        let summed = self.ledger.sum_again(login.user_id, deadline).await??;
        Ok(CommandOutcome::SummedAgain { username: login.username, summed })
    }

    async fn change(
        &self,
        username: Username,
        change: AccountChange,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ChangeError> {
        let authority = RecentAuthority::operator(origin());
        self.accounts.change(&username.into(), change, None, &authority, deadline).await
    }

    async fn grant(
        &self,
        username: &Username,
        grant: &Grant,
        deadline: Timestamp,
    ) -> Result<CommandOutcome, DirectError> {
        let login = self.logins.find(username).await?.ok_or(DirectError::UserNotFound)?;
        let authority = RecentAuthority::operator(origin());
        let granted = self.ledger.grant(login.user_id, grant, &authority, deadline).await?;
        Ok(CommandOutcome::Granted { username: login.username, granted })
    }
}

fn active(active: bool) -> AccountChange {
    AccountChange { active: Some(active), ..AccountChange::default() }
}

fn staff(staff: bool) -> AccountChange {
    AccountChange { staff: Some(staff), ..AccountChange::default() }
}
