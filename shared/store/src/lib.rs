//! The one DynamoDB table: reads, conditional writes, transactions, and writes that collide.
//!
//! It knows no item: each owner builds its own keys from [`Key`] and reads its own items with [`from_item`]. Its reads
//! see all earlier writes. Two are late by nature: those of the [`directory`], an index, and [`Table::get_eventually`].
//!
//! Begin with [`Table`].

pub mod collision;
pub mod directory;
mod error;
mod key;
mod size;
mod table;
pub mod transaction;

pub use error::StoreError;
pub use key::{Item, Key, from_item, number, partition_of, sort_key_of};
pub use size::item_bytes;
pub use table::{MAX_BATCH_ITEMS, REQUEST_TIMEOUT, Table, WARM_UP_LIMIT};
