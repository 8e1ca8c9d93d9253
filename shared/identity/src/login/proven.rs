//! The proof of a password.

use domain::source_network::SourceNetwork;
use domain::username::Username;

use crate::login::item::Login;

/// The login of a person who has just proved its password. Only [`Logins::prove`](crate::login::Logins::prove) makes one.
#[derive(Clone, Debug)]
pub struct ProvenLogin {
    login: Login,
    username: Username,
    network: SourceNetwork,
}

impl ProvenLogin {
    pub(super) fn new(login: Login, username: &Username, network: SourceNetwork) -> Self {
        Self { login, username: username.clone(), network }
    }

    /// A login whose password nobody proved.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn unproven(login: Login, username: &Username, network: SourceNetwork) -> Self {
        Self::new(login, username, network)
    }

    /// The login as it was when its hash was checked.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// The username that the person gave.
    #[must_use]
    pub fn username(&self) -> &Username {
        &self.username
    }

    /// The network of the person's request.
    #[must_use]
    pub fn network(&self) -> SourceNetwork {
        self.network
    }
}
