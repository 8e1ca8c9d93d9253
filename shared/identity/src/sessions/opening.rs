//! The beginning of a session.

use crate::jwt::RefreshTerms;
use crate::login::ProvenLogin;
use crate::password_hash::PasswordHash;
use crate::sessions::user_agent::UserAgent;

/// A session about to begin, for a person who has just proved their password.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The person's login.
    pub proven: &'a ProvenLogin,
    /// The password's hash with today's parameters, if the stored hash has others.
    pub renewed_hash: Option<&'a PasswordHash>,
    /// The session's first refresh token.
    pub refresh: RefreshTerms,
    /// The person's client.
    pub user_agent: Option<UserAgent>,
}
