//! `GET /admin/users/{id}/transactions/` and `GET /admin/users/{id}/usage/`: a user's own lists, as staff see them. The account may
//! be inactive, and nothing is written.

use std::collections::BTreeMap;

use shared::admin::{AdminEndpoint, AdminPath};
use shared::domain::calendar::Day;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::accounts::{Accounts, UserRef};
use shared::identity::api_keys::ApiKeys;
use shared::identity::staff::Staff;
use shared::ledger::history::History;
use shared::ledger::usage::{UsageRead, UsageReader};
use shared::transaction_list::transaction_list;
use shared::usage_list::{CountedUntil, UsageLimits, UsageList};

pub(super) struct LedgerOfUser {
    accounts: Accounts,
    history: History,
    usage: UsageReader,
    api_keys: ApiKeys,
    clock: Clock,
}

impl AdminEndpoint for LedgerOfUser {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        matches!(path, AdminPath::Transactions(_) | AdminPath::UsageOfUser(_)).then_some(&[Method::GET])
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            accounts: resources.accounts(),
            history: resources.history(),
            usage: resources.usage_reader(),
            api_keys: resources.api_keys(),
            clock: resources.clock.clone(),
        })
    }

    async fn answer(&self, _staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        match path {
            AdminPath::Transactions(user) => self.transactions(&user, &request).await,
            AdminPath::UsageOfUser(user) => self.usage(&user, &request).await,
            _ => Err(ApiError::NotFound),
        }
    }
}

impl LedgerOfUser {
    async fn transactions(&self, user: &UserRef, request: &Request) -> Result<Answer, ApiError> {
        let (user_id, account) = self.accounts.find_account(user).await?;
        let (filter, wanted) = request.transactions(user_id)?;
        transaction_list(request, self.history.transactions_of(user_id, &account, &filter, wanted).await?)
    }

    async fn usage(&self, user: &UserRef, request: &Request) -> Result<Answer, ApiError> {
        let query = request.usage_query(Day::of(self.clock.now()))?;
        let (user_id, account) = self.accounts.find_account(user).await?;
        let read = self.usage.look(user_id, query.days, UsageLimits::OF_USER.of(query)).await?;
        let names = if query.by.by_key { self.api_keys.names_of(user_id, account).await? } else { BTreeMap::new() };
        let UsageRead { rows, as_of, next } = read;
        UsageList { query, rows, names, until: CountedUntil::AsOf(as_of), next }.answer(request)
    }
}
