//! The name of a client.

use serde::{Deserialize, Serialize};

/// The beginning of a client's `User-Agent` header (RFC 9110, section 10.1.5), by which people tell their sessions
/// apart. A client may send any text: it proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserAgent(String);

impl UserAgent {
    /// The most characters that are kept.
    pub const MAX_CHARACTERS: usize = 200;

    /// The user agent in `text`, unless `text` is blank.
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
