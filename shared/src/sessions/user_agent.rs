//! What a client calls itself.

use serde::{Deserialize, Serialize};

/// What a client calls itself, for people to tell their sessions apart: the beginning of the
/// `User-Agent` header (RFC 9110, section 10.1.5). It may be anything and proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserAgent(String);

impl UserAgent {
    /// The most characters that are kept.
    pub const MAX_CHARACTERS: usize = 200;

    /// The user agent that `text` names, if it names any.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        Some(Self(text.chars().take(Self::MAX_CHARACTERS).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_kept_up_to_its_limit() {
        assert_eq!(UserAgent::of(" curl/8.5.0 "), Some(UserAgent("curl/8.5.0".to_owned())));
        assert_eq!(UserAgent::of(&"x".repeat(5000)), Some(UserAgent("x".repeat(200))));
        assert_eq!(UserAgent::of(" "), None);
    }
}
