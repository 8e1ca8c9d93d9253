//! Stand-ins for AWS on a laptop: the [`launcher`] (`cargo local`), the embedded [`dynamodb`] with the template's
//! table, and the [`template`] read as data. Tests use the last two. `cargo local -- verify` verifies [`receipts`].
//!
//! Nothing here connects to AWS, nor to any address but loopback. Servers live on the runtime of [`background`].
//! Begin with `launcher.rs`, which shows the steps of a start.

pub mod background;
pub mod dynamodb;
pub mod launcher;
pub mod receipts;
pub mod template;
