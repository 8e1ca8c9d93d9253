//! How AWS is reached: one configuration for every client, and secrets that can be read again.
//!
//! Region, credentials and addresses come from the environment alone, where Lambda puts them. Nothing here looks for
//! profiles or asks a metadata server, and no secret prints.
//!
//! Begin with [`configuration`].

mod configuration;
mod stored_secret;

pub use configuration::{OPERATION_TIMEOUT, Service, configuration, retry_configuration, timeout_configuration};
pub use stored_secret::{SecretSource, StoredSecret, UnreadableSecret};
