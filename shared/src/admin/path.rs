//! The paths of the admin API.

use domain::ids::{BatchId, JobId};
use identity::accounts::UserRef;

use crate::http::Request;

/// A path below `/admin/`. The functions share them out among each other, by what their acts may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminPath {
    /// `/admin/users/`: all users.
    Users,
    /// `/admin/users/{id}/`: one user.
    User(UserRef),
    /// `/admin/users/{id}/grants/`: the credits that a user is given.
    Grants(UserRef),
    /// `/admin/users/{id}/reset-codes/`: codes by which a user sets a new password.
    ResetCodes(UserRef),
    /// `/admin/users/{id}/end-sessions/`: the end of a user's sessions.
    EndSessions(UserRef),
    /// `/admin/users/{id}/end-keys/`: the end of a user's API keys.
    EndKeys(UserRef),
    /// `/admin/users/{id}/transactions/`: a user's entries.
    Transactions(UserRef),
    /// `/admin/users/{id}/usage/`: a user's usage.
    UsageOfUser(UserRef),
    /// `/admin/usage/`: the usage of all.
    Usage,
    /// `/admin/history/`: what staff and operators did.
    History,
    /// `/admin/settings/`: the settings in force.
    Settings,
    /// `/admin/health/`: whether all is well.
    Health,
    /// `/admin/accepting/`: whether messages and registrations are accepted.
    Accepting,
    /// `/admin/vouchers/`: all batches of vouchers.
    Vouchers,
    /// `/admin/vouchers/{id}/`: one batch.
    Batch(BatchId),
    /// `/admin/jobs/`: all bulk jobs.
    Jobs,
    /// `/admin/jobs/{id}/`: one job.
    Job(JobId),
    /// `/admin/catalogue/`: the catalogue of models.
    Catalogue,
    /// `/admin/catalogue/check/`: the judgement on a document.
    CatalogueCheck,
    /// `/admin/catalogue/versions/`: all versions of the catalogue.
    CatalogueVersions,
    /// `/admin/catalogue/versions/{version}/`: one version.
    CatalogueVersion(u64),
}

impl AdminPath {
    /// The path of `request`, with or without a final slash; `None` if there is no such path.
    #[must_use]
    pub fn of(request: &Request) -> Option<Self> {
        Self::parse(&request.rest_of("admin")?)
    }

    /// Parses what follows `/admin/`.
    fn parse(rest: &str) -> Option<Self> {
        let segments: Vec<&str> = rest.split('/').collect();
        Some(match segments[..] {
            ["users"] => Self::Users,
            ["users", user] => Self::User(UserRef::parse(user)?),
            ["users", user, what] => Self::of_user(UserRef::parse(user)?, what)?,
            ["usage"] => Self::Usage,
            ["history"] => Self::History,
            ["settings"] => Self::Settings,
            ["health"] => Self::Health,
            ["accepting"] => Self::Accepting,
            ["vouchers"] => Self::Vouchers,
            ["vouchers", id] => Self::Batch(BatchId::parse(id)?),
            ["jobs"] => Self::Jobs,
            ["jobs", id] => Self::Job(JobId::parse(id)?),
            ["catalogue"] => Self::Catalogue,
            ["catalogue", "check"] => Self::CatalogueCheck,
            ["catalogue", "versions"] => Self::CatalogueVersions,
            ["catalogue", "versions", version] => Self::CatalogueVersion(number(version)?),
            _ => return None,
        })
    }

    fn of_user(user: UserRef, what: &str) -> Option<Self> {
        Some(match what {
            "grants" => Self::Grants(user),
            "reset-codes" => Self::ResetCodes(user),
            "end-sessions" => Self::EndSessions(user),
            "end-keys" => Self::EndKeys(user),
            "transactions" => Self::Transactions(user),
            "usage" => Self::UsageOfUser(user),
            _ => return None,
        })
    }
}

/// A number that is written in one way only.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::ids::UserId;
    use domain::username::Username;
    use lambda_http::{Body, RequestExt};

    const ID: &str = "01KB05AY8G3W5VXQ7S4TB2NC6D";

    fn path(path: &str) -> Option<AdminPath> {
        AdminPath::of(&Request::from(lambda_http::Request::new(Body::Empty).with_raw_http_path(path)))
    }

    #[test]
    fn every_path_is_known_with_and_without_a_final_slash() {
        let ada = || UserRef::Name(Username::parse("ada").unwrap());
        let by_id = UserRef::Id(UserId::parse(ID).unwrap());
        for (text, expected) in [
            ("/admin/users", AdminPath::Users),
            ("/admin/users/ada", AdminPath::User(ada())),
            (format!("/admin/users/{ID}").as_str(), AdminPath::User(by_id)),
            ("/admin/users/admin", AdminPath::User(UserRef::Name(Username::parse("admin").unwrap()))),
            ("/admin/users/a%2Bb@x", AdminPath::User(UserRef::Name(Username::parse("a+b@x").unwrap()))),
            ("/admin/users/ada/grants", AdminPath::Grants(ada())),
            ("/admin/users/ada/reset-codes", AdminPath::ResetCodes(ada())),
            ("/admin/users/ada/end-sessions", AdminPath::EndSessions(ada())),
            ("/admin/users/ada/end-keys", AdminPath::EndKeys(ada())),
            ("/admin/users/ada/transactions", AdminPath::Transactions(ada())),
            ("/admin/users/ada/usage", AdminPath::UsageOfUser(ada())),
            ("/admin/usage", AdminPath::Usage),
            ("/admin/history", AdminPath::History),
            ("/admin/settings", AdminPath::Settings),
            ("/admin/health", AdminPath::Health),
            ("/admin/accepting", AdminPath::Accepting),
            ("/admin/vouchers", AdminPath::Vouchers),
            (format!("/admin/vouchers/{ID}").as_str(), AdminPath::Batch(BatchId::parse(ID).unwrap())),
            ("/admin/jobs", AdminPath::Jobs),
            (format!("/admin/jobs/{ID}").as_str(), AdminPath::Job(JobId::parse(ID).unwrap())),
            ("/admin/catalogue", AdminPath::Catalogue),
            ("/admin/catalogue/check", AdminPath::CatalogueCheck),
            ("/admin/catalogue/versions", AdminPath::CatalogueVersions),
            ("/admin/catalogue/versions/7", AdminPath::CatalogueVersion(7)),
        ] {
            assert_eq!(path(text).as_ref(), Some(&expected), "{text}");
            assert_eq!(path(&format!("{text}/")), Some(expected), "{text}/");
        }
    }

    #[test]
    fn nothing_else_is_a_path() {
        for text in [
            "/admin",
            "/admin/",
            "/admin/users//",
            "/admin/users/a b",
            "/admin/users/a%2Fb",
            "/admin/users/ada/texts",
            "/admin/users/ada/grants/x",
            "/admin/vouchers/x",
            "/admin/jobs/x",
            "/admin/catalogue/versions/07",
            "/admin/catalogue/versions/-1",
            "/administration/users",
            "/users",
        ] {
            assert_eq!(path(text), None, "{text}");
        }
    }
}
