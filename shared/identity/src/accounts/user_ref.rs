//! The ways to name a user.

use domain::ids::UserId;
use domain::username::Username;

/// A user, as somebody names them: by id, or by username.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRef {
    /// By the id. Where no user has it, a user may have it as a name: such names are no longer
    /// [chosen](Username::chosen).
    Id(UserId),
    /// By the username.
    Name(Username),
}

impl UserRef {
    /// Parses a text that is an id or a username; `None` for any other text. Ids win.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        UserId::parse(text).map(Self::Id).or_else(|| Username::parse(text).ok().map(Self::Name))
    }
}

impl From<Username> for UserRef {
    fn from(username: Username) -> Self {
        Self::Name(username)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_an_id_or_else_a_name() {
        let id = UserId::new(&domain::time::Clock::system());
        assert_eq!(UserRef::parse(&id.to_string()), Some(UserRef::Id(id)));
        for name in ["ada", ".", &id.to_string().to_lowercase()] {
            assert_eq!(UserRef::parse(name), Some(UserRef::Name(Username::parse(name).unwrap())), "{name}");
        }
        for text in ["", "a b", "a#b", "a/b", &"x".repeat(151)] {
            assert_eq!(UserRef::parse(text), None, "{text}");
        }
    }
}
