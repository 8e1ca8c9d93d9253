//! The admin API, `/admin/…`: its paths, and the door that only staff pass.
//!
//! A handler is an [`AdminEndpoint`]: [`Staff`](identity::staff::Staff) is in its signature, so no handler can forget to ask.
//! [`Behind`] asks before anything else, also before the method. Everybody else gets the answer of a path that is not there.
//! Begin with [`AdminEndpoint`].

mod allowance_field;
mod bulk;
mod bulk_file;
mod endpoint;
mod error;
mod origin;
mod path;
mod user_row;

pub use allowance_field::allowance_within;
pub use bulk::Driver;
pub use bulk_file::BulkFile;
pub use endpoint::{AdminEndpoint, Behind, serve};
pub use error::AdminError;
pub use origin::origin;
pub use path::AdminPath;
pub use user_row::UserRow;
