//! Prices: the cost of a message, and its quote before the reply is there.

mod prices;
mod quote;
#[cfg(test)]
mod tests;
mod usage;

pub use prices::Prices;
pub use quote::{OutputLimits, Quote};
pub use usage::Usage;
