//! `GET /admin/history/`: what staff and operators did, newest first, of all, by one actor, or to one subject.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use shared::acts::{ActFilter, ActPage, ActReader, ActSubject, Actor, RecordedAct};
use shared::admin::{AdminEndpoint, AdminPath};
use shared::domain::ids::UserId;
use shared::domain::setting::SettingError;
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{ActQuery, ActorQuery, Answer, Method, Request, StatusCode, SubjectQuery, cursor_after};
use shared::identity::accounts::{Accounts, UserRef};
use shared::identity::login::Logins;
use shared::identity::staff::Staff;

pub(super) struct ActHistory {
    acts: ActReader,
    accounts: Accounts,
    logins: Logins,
}

impl AdminEndpoint for ActHistory {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        (*path == AdminPath::History).then_some(&[Method::GET])
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { acts: resources.act_reader(), accounts: resources.accounts(), logins: resources.logins() })
    }

    async fn answer(&self, _staff: Staff, _path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        let query = request.act_query()?;
        let filter = self.filter(&query).await?;
        let after = request.act_cursor(filter)?;
        let ActPage { acts, next } = self.acts.page(filter, after, query.limit.number()).await?;
        let names = self.accounts.usernames(&users_in(&acts)).await?;
        let next = next.map(|id| cursor_after(id, filter));
        let next_page = next.as_deref().map(|cursor| request.page_after(cursor));
        let acts = acts.into_iter().map(|act| NamedAct::new(act, &names)).collect();
        let answer = Answer::private(StatusCode::OK, &ActsBody { acts, next })?;
        Ok(answer.next_page(next_page.as_deref()))
    }
}

impl ActHistory {
    /// The filter that a query asks for, with the ids of those whom it names. The acts of a user stay when the account goes,
    /// so an id need not be anybody's any more.
    async fn filter(&self, query: &ActQuery) -> Result<ActFilter, ApiError> {
        let actor = match &query.actor {
            None => None,
            Some(ActorQuery::Operator) => Some(Actor::Operator),
            Some(ActorQuery::User(user)) => Some(Actor::Staff(self.user_id(user).await?)),
        };
        let subject = match &query.subject {
            None => None,
            Some(SubjectQuery::Catalogue) => Some(ActSubject::Catalogue),
            Some(SubjectQuery::Deployment) => Some(ActSubject::Deployment),
            Some(SubjectQuery::User(user)) => Some(ActSubject::User(self.user_id(user).await?)),
        };
        Ok(ActFilter { actor, subject })
    }

    async fn user_id(&self, user: &UserRef) -> Result<UserId, ApiError> {
        match user {
            UserRef::Id(user_id) => Ok(*user_id),
            UserRef::Name(username) => {
                let login = self.logins.find(username).await?;
                login.map(|login| login.user_id).ok_or(ApiError::NotFound)
            }
        }
    }
}

/// The users who acted, and those to whom something was done. An id may also be of vouchers or of a job, and is nobody's then.
fn users_in(acts: &[RecordedAct]) -> BTreeSet<UserId> {
    acts.iter().flat_map(|act| [&act.actor, &act.subject]).filter_map(|text| UserId::parse(text)).collect()
}

#[derive(Serialize)]
struct ActsBody {
    acts: Vec<NamedAct>,
    next: Option<String>,
}

/// A recorded act with the names that its users have now.
#[derive(Serialize)]
struct NamedAct {
    #[serde(flatten)]
    act: RecordedAct,
    actor_name: Option<String>,
    subject_name: Option<String>,
}

impl NamedAct {
    fn new(act: RecordedAct, names: &BTreeMap<UserId, String>) -> Self {
        let name = |text: &str| UserId::parse(text).and_then(|user_id| names.get(&user_id)).cloned();
        Self { actor_name: name(&act.actor), subject_name: name(&act.subject), act }
    }
}
