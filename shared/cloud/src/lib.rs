//! The way to AWS: one configuration for every client, and secrets that can be read again.
//!
//! Region, credentials and endpoints come from the environment alone, where Lambda puts them. This crate looks for no
//! profile and asks no metadata server, and its secrets never print.
//!
//! Begin with [`configuration`].

mod configuration;
mod http_client;
mod stored_secret;

pub use configuration::{OPERATION_TIMEOUT, Service, configuration, retry_configuration, timeout_configuration};
pub use http_client::{KeptConnections, http_client};
pub use stored_secret::{SecretSource, StoredSecret, UnreadableSecret};
