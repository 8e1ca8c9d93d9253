//! The parts of the launcher (`cargo run -p local`) that tests use too: the embedded [`dynamodb`] with the template's
//! table, and the [`template`] read as data.
//!
//! Nothing here connects to AWS, nor to any address but loopback. Servers live on the runtime of [`background`].
//! Begin with `launcher.rs`, which shows the steps of a start.

pub mod background;
pub mod dynamodb;
pub mod template;
