//! API keys, with which programs prove whose account they use.
//!
//! A key is 256 random bits, which its maker sees once. The table has only its SHA-256, in two places. The item of that
//! digest names the key's user, so that a request costs one read, and none while the function remembers the key. One item
//! in the user's partition lists all of the user's keys: it bounds their number, and leads a deletion to them. Both change
//! in one transaction, on the condition that the list is the one that was read. The limits of a key are in its own item alone, so
//! that a list of a hundred keys stays small.
//!
//! The digest needs neither salt nor a slow hash: nobody can guess 256 bits. A key is compared only by looking its
//! digest up. The time of that look-up depends on the digest, which nobody can choose, so no comparison in constant
//! time is needed.

mod changing;
mod ending;
mod holder;
mod key;
mod limits;
mod list;
mod making;
mod memory;
mod stored;
mod terms;
#[cfg(test)]
mod tests;

pub use changing::{ApiKeyChanges, ApiKeyPatch, KeyToChange};
pub use holder::{KeyDescription, KeyHolder};
pub use key::{ApiKey, ApiKeyDigest};
pub use limits::{ApiKeyBudget, ApiKeyModels, ApiKeyRate};
pub use list::{ApiKeyView, BudgetView, KeySummary};
pub(crate) use list::{KEYS_OF_LIST, take_keys_of_list};
pub use making::{MadeApiKey, NewApiKey, RoomForKey};
pub use stored::{ApiKeys, MAX_API_KEYS};
pub use terms::{ApiKeyLifetime, ApiKeyName, ApiKeyTerms};
