//! The claims of tokens, and their texts.

use std::fmt;

use domain::ids::{SessionId, TokenId, UserId};
use domain::invalid_field::{InvalidField, check_text};
use serde::{Deserialize, Serialize};

/// `iss` and `aud` of every token: the API is issuer and audience.
pub(super) const ISSUER: &str = "chat-api";

/// The claims of both kinds of token, named as in RFC 7519 and, for `token_type`, SimpleJWT.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) sub: UserId,
    pub(super) sid: SessionId,
    pub(super) jti: TokenId,
    pub(super) epoch: u64,
    pub(super) iat: u64,
    pub(super) exp: u64,
    pub(super) token_type: TokenKind,
}

/// The kind of a token. No verifier takes one kind for the other: they differ in the signed header (RFC 8725, section
/// 3.11) and in a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// An access token authenticates requests for minutes.
    Access,
    /// A refresh token is exchanged for access tokens as long as its session lasts.
    Refresh,
}

impl TokenKind {
    /// The header's `typ`: RFC 9068's for access tokens, this API's own for refresh tokens.
    pub(super) fn header_type(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
        }
    }
}

/// A signed access token. It never prints; only an answer contains its text.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct AccessToken(pub(super) String);

/// A signed refresh token. It never prints; only an answer contains its text.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct RefreshToken(pub(super) String);

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessToken(hidden)")
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RefreshToken(hidden)")
    }
}

/// A token from a request's body, not verified yet. It never prints.
pub struct ReceivedToken(pub(super) String);

impl TryFrom<String> for ReceivedToken {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        check_text(&text)?;
        Ok(Self(text))
    }
}

impl fmt::Debug for ReceivedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReceivedToken(hidden)")
    }
}

impl AccessToken {
    /// The token as it is sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl RefreshToken {
    /// The token as it is sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
