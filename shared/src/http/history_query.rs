//! The query parameters of `GET /admin/history/` and of `GET /admin/catalogue/versions/`.

use acts::{ActFilter, RecordedAct};
use domain::ids::ActId;
use domain::invalid_field::InvalidField;
use identity::accounts::UserRef;
use ledger::history::{Cursor, Limit, List};
use providers::stored_catalogue::ListedVersion;

use crate::error::{ApiError, FieldErrors};
use crate::http::request::Request;

/// The actor whose acts are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorQuery {
    /// Operators. A user of this name is found by the id.
    Operator,
    /// A user.
    User(UserRef),
}

/// The subject whose acts are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectQuery {
    /// The catalogue. A user of this name is found by the id.
    Catalogue,
    /// The deployment. A user of this name is found by the id.
    Deployment,
    /// A user, or by its id a batch of vouchers or a job: no two have the same.
    User(UserRef),
}

/// A query for acts, whose users are not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActQuery {
    /// Acts of this actor alone.
    pub actor: Option<ActorQuery>,
    /// Acts that were done to this subject alone.
    pub subject: Option<SubjectQuery>,
    /// How many a page has at most.
    pub limit: Limit,
}

impl ActorQuery {
    fn parse(text: &str) -> Result<Self, InvalidField> {
        if text == "operator" {
            return Ok(Self::Operator);
        }
        let user = UserRef::parse(text).map(Self::User);
        user.ok_or_else(|| InvalidField::new("Send the id or the name of a user, or operator."))
    }
}

impl SubjectQuery {
    fn parse(text: &str) -> Result<Self, InvalidField> {
        match text {
            "catalogue" => Ok(Self::Catalogue),
            "deployment" => Ok(Self::Deployment),
            text => UserRef::parse(text).map(Self::User).ok_or_else(|| {
                InvalidField::new(
                    "Send the id or the name of a user, the id of vouchers or of a job, catalogue or deployment.",
                )
            }),
        }
    }
}

impl Request {
    /// The acts that the query asks for.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for everything that is wrong with `actor`, `subject` and `limit`.
    pub fn act_query(&self) -> Result<ActQuery, ApiError> {
        let mut errors = FieldErrors::new();
        let actor = self.parameter("actor", &mut errors, ActorQuery::parse);
        let subject = self.parameter("subject", &mut errors, SubjectQuery::parse);
        let limit = self.parameter("limit", &mut errors, Limit::parse::<RecordedAct>).unwrap_or_default();
        if errors.is_empty() { Ok(ActQuery { actor, subject, limit }) } else { Err(ApiError::Invalid(errors)) }
    }

    /// The act after which the page of the acts with this `filter` begins.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if it is not what the list with this filter gave.
    pub fn act_cursor(&self, filter: ActFilter) -> Result<Option<ActId>, ApiError> {
        let mut errors = FieldErrors::new();
        let cursor = self.parameter("cursor", &mut errors, |text| Cursor::parse_of_list(text, &list_of(filter)));
        if !errors.is_empty() {
            return Err(ApiError::Invalid(errors));
        }
        Ok(cursor.and_then(|cursor| ActId::parse(&cursor.place().to_string())))
    }

    /// The versions of the catalogue that the query asks for: how many at most, and before which one.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for everything that is wrong with `limit` and `cursor`.
    pub fn version_query(&self) -> Result<(Limit, Option<u64>), ApiError> {
        let mut errors = FieldErrors::new();
        let limit = self.parameter("limit", &mut errors, Limit::parse::<ListedVersion>).unwrap_or_default();
        let before = self.parameter("cursor", &mut errors, version);
        if errors.is_empty() { Ok((limit, before)) } else { Err(ApiError::Invalid(errors)) }
    }
}

/// The text of the cursor after the act `id` in the list of the acts with this `filter`.
#[must_use]
pub fn cursor_after(id: ActId, filter: ActFilter) -> String {
    Cursor::after(id).text_of_list(&list_of(filter))
}

fn list_of(ActFilter { actor, subject }: ActFilter) -> String {
    let actor = actor.map_or(String::new(), |actor| actor.to_string());
    let subject = subject.map_or(String::new(), |subject| subject.to_string());
    format!("{}\0{actor}\0{subject}", RecordedAct::NAME)
}

/// A version, which is the cursor of the versions before it.
fn version(text: &str) -> Result<u64, InvalidField> {
    let number = text.parse().ok().filter(|number: &u64| number.to_string() == text);
    number.ok_or_else(|| InvalidField::new("This is not a cursor of this list."))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::HashMap;

    use acts::{ActSubject, Actor};
    use domain::ids::UserId;
    use domain::time::Clock;
    use domain::username::Username;
    use lambda_http::{Body, RequestExt};

    fn request(parameters: &[(&str, &str)]) -> Request {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), vec![(*value).to_owned()]);
        let parameters: HashMap<_, _> = parameters.iter().map(owned).collect();
        Request::from(lambda_http::Request::new(Body::Empty).with_query_string_parameters(parameters))
    }

    #[test]
    fn words_win_over_names_and_ids_are_of_whatever_has_them() {
        let id = UserId::new(&Clock::system());
        let by_id = || UserRef::Id(id);
        let ada = || UserRef::Name(Username::parse("ada").unwrap());
        for (text, actor, subject) in [
            ("operator", ActorQuery::Operator, SubjectQuery::User(UserRef::Name(Username::parse("operator").unwrap()))),
            ("ada", ActorQuery::User(ada()), SubjectQuery::User(ada())),
            (&id.to_string(), ActorQuery::User(by_id()), SubjectQuery::User(by_id())),
        ] {
            let query = request(&[("actor", text), ("subject", text)]).act_query().unwrap();
            assert_eq!((query.actor, query.subject), (Some(actor), Some(subject)), "{text}");
        }
        let subject = |text| request(&[("subject", text)]).act_query().unwrap().subject;
        assert_eq!(subject("catalogue"), Some(SubjectQuery::Catalogue));
        assert_eq!(subject("deployment"), Some(SubjectQuery::Deployment));
    }

    #[test]
    fn each_parameter_that_is_none_is_named() {
        let refused = request(&[("actor", "a b"), ("subject", "a#b"), ("limit", "101")]).act_query();
        let Err(ApiError::Invalid(errors)) = refused else { panic!("not about parameters") };
        assert_eq!(errors.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["actor", "limit", "subject"]);
        for cursor in ["", "x", "-1", "01", "+1", "1.0", "18446744073709551616"] {
            assert!(request(&[("cursor", cursor)]).version_query().is_err(), "{cursor}");
        }
        assert_eq!(request(&[("cursor", "7")]).version_query().unwrap().1, Some(7));
    }

    #[test]
    fn a_cursor_is_one_of_its_filter_alone() {
        let clock = Clock::system();
        let (ada, id) = (UserId::new(&clock), ActId::new(&clock));
        let filters = [
            ActFilter::default(),
            ActFilter { actor: Some(Actor::Operator), subject: None },
            ActFilter { actor: Some(Actor::Staff(ada)), subject: None },
            ActFilter { actor: None, subject: Some(ActSubject::User(ada)) },
            ActFilter { actor: None, subject: Some(ActSubject::Catalogue) },
        ];
        for (number, filter) in filters.iter().enumerate() {
            let text = cursor_after(id, *filter);
            for (other, reading) in filters.iter().enumerate() {
                let read = request(&[("cursor", &text)]).act_cursor(*reading);
                assert_eq!(read.ok(), (number == other).then_some(Some(id)), "{number} {other}");
            }
        }
        assert!(request(&[("cursor", &id.to_string())]).act_cursor(ActFilter::default()).is_err());
    }
}
