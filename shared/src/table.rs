//! The table's keys, and its errors as the API's. (The owners take their keys over, one by one.)

use aws_sdk_dynamodb::error::SdkError;
use domain::ids::{SessionId, UserId};
use domain::source_network::SourceNetwork;
use domain::username::Username;

pub use store::collision::{random_wait, repeat_collisions};
pub use store::transaction::{
    cancellation_reasons, check as transact_check, condition_failed, delete as transact_delete,
    update as transact_update,
};
pub use store::{Item, Key, StoreError, Table, WARM_UP_LIMIT, from_item, number, partition_of};

use crate::api_keys::ApiKeyDigest;
use crate::error::ApiError;

pub(crate) const PARTITION_OF_PUBLIC_KEYS: &str = "JWKS";
pub(crate) const PREFIX_OF_SESSIONS: &str = "SESSION#";

/// A failure of the SDK that no condition explains.
pub(crate) fn unavailable<E: std::error::Error + 'static>(error: SdkError<E>) -> ApiError {
    StoreError::from(error).into()
}

pub(crate) trait OwnedKeys {
    fn login(username: &Username) -> Key {
        Key::new(format!("LOGIN#{}", username.canonical()), "LOGIN")
    }
    fn attempts(username: &Username) -> Key {
        Key::new(format!("LOGIN#{}", username.canonical()), "ATTEMPTS")
    }
    fn registrations(network: SourceNetwork, hour: u64) -> Key {
        Key::new(format!("REGISTRATIONS#{network}"), format!("HOUR#{hour}"))
    }
    fn account(user_id: UserId) -> Key {
        ledger::account::Account::key(user_id)
    }
    fn session(user_id: UserId, session_id: SessionId) -> Key {
        Key::of_user(user_id, format!("{PREFIX_OF_SESSIONS}{session_id}"))
    }
    fn api_keys(user_id: UserId) -> Key {
        Key::of_user(user_id, "APIKEYS")
    }
    fn api_key(digest: &ApiKeyDigest) -> Key {
        Key::new(format!("APIKEY#{digest}"), "APIKEY")
    }
    fn public_key(key_id: &str) -> Key {
        Key::new(PARTITION_OF_PUBLIC_KEYS, format!("JWK#{key_id}"))
    }
}

impl OwnedKeys for Key {}
